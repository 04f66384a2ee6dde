"""A folder, item by item, unattended: nothing is lost and nothing is done twice, whenever the process is killed.

with Batch(folder, out, settings, resume=True) as batch:
    for group in groups(batch):
        rows = run_items(batch, group, engine)
    batch.finish()
"""

from app.batch.batch import STATES, Batch
from app.batch.folder import BatchError
from app.batch.items import Item, Plan, plan
from app.batch.table import Row
from app.batch.tasks import TASKS, Settings, Task
from app.batch.together import groups, run_items

__all__ = [
    "STATES", "TASKS", "Batch", "BatchError", "Item", "Plan", "Row", "Settings", "Task", "groups", "plan", "run_items",
]  # fmt: skip
