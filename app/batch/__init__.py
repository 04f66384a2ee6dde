"""A folder, item by item, unattended: nothing is lost and nothing is done twice, whenever the process is killed.

with Batch(folder, out, settings, resume=True) as batch:
    for item in batch.items:
        row = batch.run_item(item, engine)
    batch.finish()
"""

from app.batch.batch import STATES, Batch
from app.batch.folder import BatchError
from app.batch.items import Item, Plan, plan
from app.batch.table import Row
from app.batch.tasks import TASKS, Settings, Task

__all__ = ["STATES", "TASKS", "Batch", "BatchError", "Item", "Plan", "Row", "Settings", "Task", "plan"]
