"""Python's collector of cycles, run by the GUI thread between events and by nobody else.

Left to itself it runs wherever an object is made: on a worker thread, where it may destroy a widget that the GUI thread is using,
or in the midst of a painting, where three hundred thousand marks cost it half a second.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

YOUNG_MS = 500
OLD_MS = 20_000
LOAD = 30_000
"""More new objects than this are a load of data, such as the marks of a file, not litter: they are set aside unseen."""


class Collecting(QObject):
    """From its making until `close`. What is alive then, the program itself, is not looked through again."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was = gc.isenabled()
        gc.disable()
        gc.collect()
        gc.freeze()
        self._young = QTimer(self, interval=YOUNG_MS)
        self._young.timeout.connect(_look_through)
        self._old = QTimer(self, interval=OLD_MS)
        self._old.timeout.connect(gc.collect)
        for timer in (self._young, self._old):
            timer.start()

    def close(self) -> None:
        for timer in (self._young, self._old):
            timer.stop()
        gc.unfreeze()
        if self._was:
            gc.enable()


def _look_through() -> None:
    if gc.get_count()[0] > LOAD:
        gc.freeze()
    gc.collect(1)
