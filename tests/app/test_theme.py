"""A theme is changed while forgotten widgets wait for Python's collector; in a process of its own, which may end by a signal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHANGING = """
import gc
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from app import theme

class Busy(QWidget):
    def changeEvent(self, event):
        gc.set_threshold(5, 1, 1)
        kept = [[] for _ in range(50)]  # work that makes the collector run, if it may
        gc.set_threshold(1_000_000)
        super().changeEvent(event)

application = QApplication([])
shown = [Busy() for _ in range(30)]
for one in shown:
    one.show()
gc.set_threshold(1_000_000)
for turn in range(12):
    for _ in range(50):
        forgotten = QWidget()
        forgotten.cycle, forgotten.label = forgotten, QLabel("x", forgotten)
        forgotten.show()
    theme.apply(application, ("light", "dark")[turn % 2])
assert gc.isenabled()
print("alive")
"""


def test_a_theme_is_changed_while_forgotten_widgets_wait() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", CHANGING], cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-500:]
