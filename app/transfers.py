"""Retrieves and sends beside the window: two at once, the others wait; each can be stopped by itself."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.lane import Lane
from app.pacs.errors import PacsError

if TYPE_CHECKING:
    from app.pacs.stopping import Stop
    from app.pacs.work import Outcome, Progress

AT_ONCE = 2
TOLD_S = 0.05
"""Progress is told at most so often."""


class Transfers(QObject):
    began = Signal(int, str)
    """Number, what it is."""
    progressed = Signal(int, str, int, int)
    """Number, words, done, total (0 when it is not known)."""
    ended = Signal(int, str, object)
    """Number, words, Outcome; None where it did not even begin."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lanes = [Lane(f"hilum-pacs-job-{number}") for number in range(AT_ONCE)]
        self._numbers = itertools.count(1)
        self._running: dict[int, tuple[Stop, int]] = {}
        """Stop and lane by number; those that wait among them. For the GUI thread alone."""
        self._closed = threading.Event()
        self.ended.connect(self._forget)

    @property
    def running(self) -> int:
        return len(self._running)

    def start(self, title: str, verb: str, work: Callable[[int, Stop, Callable[[Progress], None]], Outcome]) -> int:
        """`work` runs on a thread of its own kind, with its number, its stop, and whom to tell how far it is."""
        from app.pacs.stopping import Stop

        number, stop = next(self._numbers), Stop()
        loads = [lane for _, lane in self._running.values()]
        at = min(range(AT_ONCE), key=loads.count)
        self._running[number] = stop, at
        self.began.emit(number, title)

        def run() -> None:
            try:
                stop.check()
                outcome = work(number, stop, _Told(self, number))
            except (PacsError, OSError) as error:
                self.tell(self.ended, number, str(error), None)
            except Exception as error:  # whatever a library meets in an answer costs that answer
                self.tell(self.ended, number, f"What came could not be used ({type(error).__name__}).", None)
            else:
                self.tell(self.ended, number, outcome.words(verb), outcome)

        self._lanes[at].submit(run)
        return number

    def stop(self, number: int) -> None:
        if number in self._running:
            self._running[number][0].set()

    def tell(self, signal: Any, *values: object) -> None:
        """Emit from a thread; nothing once it is closed."""
        if not self._closed.is_set():
            signal.emit(*values)

    def close(self, until: float) -> None:
        """Stop all of them, and wait for the threads until that moment of `time.monotonic`."""
        self._closed.set()
        for stop, _ in self._running.values():
            stop.set()
        for lane in self._lanes:
            lane.close(max(0.0, until - time.monotonic()))

    def _forget(self, number: int) -> None:
        self._running.pop(number, None)


class _Told:
    """Passes progress on, not oftener than somebody can read it."""

    def __init__(self, transfers: Transfers, number: int) -> None:
        self._transfers, self._number, self._last = transfers, number, 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= TOLD_S:
            self._last = now
            total = progress.total or 0
            self._transfers.tell(self._transfers.progressed, self._number, progress.words(), progress.done, total)
