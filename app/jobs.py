"""A batch run from the window: some items at a time on the worker, behind everything the reader asks for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app import batch
from inference.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.analysis import AnyEngine
    from app.session import Session
    from inference.answers import Progress
    from inference.worker import Worker

BATCH = 2
"""Priority: after interactive requests and what is in view."""


class _Yielding(threading.Event):
    """Set as well while something waits that comes before a batch."""

    def __init__(self, cancel: threading.Event, worker: Worker) -> None:
        super().__init__()
        self._cancel, self._worker = cancel, worker

    def is_set(self) -> bool:
        return super().is_set() or self._cancel.is_set() or self._worker.before(BATCH)


class Batch(QObject):
    """One batch at a time. A question of the reader waits for one item at most: where several are worked on at once they give way
    and are begun again."""

    progressed = Signal(str, int, int)
    """"12 of 40, 2 failed, 1:20 left", done, total; "" when there is nothing to say."""
    ended = Signal(object)
    """The folder of results."""

    def __init__(self, worker: Worker, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker, self._session = worker, session
        self._ticket = 0
        self._batch: batch.Batch | None = None
        self._out = Path()
        self._at = 0
        self._groups: list[Sequence[batch.Item]] = []
        self._states: Counter[str] = Counter()
        self._began = 0.0
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        worker.cancelled.connect(self._cancelled)

    @property
    def running(self) -> bool:
        return self._ticket != 0

    def start(self, folder: Path, out: Path, settings: batch.Settings) -> None:
        """Begin, or go on with what `out` holds already."""
        if self.running:
            return
        self._out, self._at, self._groups, self._states = out, 0, [], Counter()
        self.progressed.emit(f"listing {folder.name}", 0, 0)

        self._send(lambda *_: batch.Batch(folder, out, settings, resume=True))

    def stop(self) -> None:
        """Stop after cancelling the running item; what is done is kept and a later start goes on from there."""
        if self.running:
            ticket, self._ticket = self._ticket, 0
            self._worker.cancel(ticket)
            self._close()
            self.progressed.emit("batch stopped; start it again to go on", 0, 0)

    def _send(self, job: Callable[[AnyEngine, Callable[[Progress], None], threading.Event], object]) -> None:
        self._ticket = self._session.ticket()
        self._worker.submit(self._ticket, job, priority=BATCH)

    def _next(self, current: batch.Batch) -> None:
        total = len(current.items)
        if self._groups:
            group = self._groups[0]
            self._say(total)
            self._send(lambda engine, on_progress, cancel: self._work(current, group, engine, on_progress, cancel))
        else:
            self._send(lambda *_: current.finish())

    def _work(
        self,
        current: batch.Batch,
        group: Sequence[batch.Item],
        engine: AnyEngine,
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
    ) -> list[batch.Row] | None:
        """In the worker's thread; None where the reader asked something meanwhile."""
        stop = _Yielding(cancel, self._worker) if len(group) > 1 else cancel
        try:
            return batch.run_items(current, group, engine, on_progress, stop)
        except Cancelled:
            if cancel.is_set():
                raise
            return None

    def _finished(self, ticket: int, result: object) -> None:
        if ticket != self._ticket or not ticket:
            if isinstance(result, batch.Batch):  # planned, but stopped meanwhile
                result.__exit__()
            return
        if isinstance(result, batch.Batch):
            self._batch, self._began = result, time.monotonic()
            self._groups = batch.groups(result)
        elif isinstance(result, list) and self._groups:
            self._groups.pop(0)
            self._at += len(result)
            self._states.update(str(row["status"]) for row in result)
        elif isinstance(result, list):
            self._end(len(result))
            return
        if self._batch is not None:
            self._next(self._batch)

    def _end(self, total: int) -> None:
        self._ticket = 0
        self._close()
        self.progressed.emit(
            f"{self._states['done']} of {total} done{self._trouble()}: {self._out.name}/results.csv", total, total
        )
        self.ended.emit(self._out)

    def _failed(self, ticket: int, sentence: str) -> None:
        if ticket == self._ticket and ticket:
            self._ticket = 0
            self._close()
            self.progressed.emit(f"batch stopped: {sentence}", 0, 0)

    def _cancelled(self, ticket: int) -> None:
        if ticket == self._ticket and ticket:
            self._ticket = 0
            self._close()

    def _close(self) -> None:
        if self._batch is not None:
            self._batch.__exit__()
            self._batch = None

    def _say(self, total: int) -> None:
        left = ""
        if self._at:
            seconds = round((time.monotonic() - self._began) / self._at * (total - self._at))
            left = f", {seconds // 60}:{seconds % 60:02d} left"
        self.progressed.emit(f"{self._at} of {total}{self._trouble()}{left}", self._at, total)

    def _trouble(self) -> str:
        return "".join(f", {self._states[state]} {state}" for state in batch.STATES[1:] if self._states[state])
