"""A theme is changed while forgotten widgets wait for Python's collector; in a process of its own, which may end by a signal.
And under it, numbers are seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractSpinBox, QTabWidget, QWidget
from pytestqt.qtbot import QtBot

from app.pacs.book import Book
from app.panels.mpr_strip import MprStrip
from app.panels.pacs_nodes import NodesDialog
from tests.app.conftest import Seat

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


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_numbers_have_room(qtbot: QtBot, theme: str) -> None:
    from app.settings import Settings

    seat = Seat(qtbot, Settings(theme=theme))  # type: ignore[arg-type]
    strip, dialog = MprStrip(), NodesDialog(Book(), seat.window)
    qtbot.addWidget(strip)
    strip.slab.setCurrentIndex(1)
    tabs = dialog.findChild(QTabWidget)
    assert isinstance(tabs, QTabWidget)
    seen = 0
    for page in range(tabs.count()):
        tabs.setCurrentIndex(page)
        for shown in (strip, dialog):
            shown.show()
            seat.wait(shown.isVisible)
            seen += _check_numbers(shown)
    assert seen == 8, "the strip's twice, a node's port, and five of the listener"
    dialog.close()
    seat.close()


def _check_numbers(shown: QWidget) -> int:
    visible = [one for one in shown.findChildren(QAbstractSpinBox) if one.isVisible()]
    for one in visible:
        one.stepBy(10**6)  # the longest it takes
        line = one.lineEdit()
        assert line.fontMetrics().horizontalAdvance(line.text()) <= line.width() - 16, (one.accessibleName(), line.width())
    return len(visible)
