"""One job of the worker at a time that is not a question about the picture in front, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from app.session import Session
    from inference.worker import Work, Worker


class OwnJob(QObject):
    """A newer one takes the place of the one that runs. Of the jobs of others, and of one that was left, nothing is heard."""

    progressed = Signal(object)
    finished = Signal(object)
    """The result."""
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, worker: Worker, session: Session, lane: str, parent: QObject) -> None:
        super().__init__(parent)
        self._worker, self._session, self._lane = worker, session, lane
        self._ticket = 0
        worker.progress.connect(self._progress)
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        worker.cancelled.connect(self._cancelled)

    @property
    def running(self) -> bool:
        return self._ticket != 0

    def start(self, job: Work) -> None:
        self._ticket = self._session.ticket()
        self._worker.submit(self._ticket, job, lane=self._lane)

    def cancel(self) -> bool:
        """Ask it to stop; `cancelled` comes when it has. Whether there was one."""
        if self._ticket:
            self._worker.cancel(self._ticket)
        return self._ticket != 0

    def leave(self) -> None:
        """Stop it, and hear nothing more of it."""
        self.cancel()
        self._ticket = 0

    def _ended(self, ticket: int) -> bool:
        """Whether it was this one, which is over now."""
        own = ticket == self._ticket and ticket != 0
        self._ticket = 0 if own else self._ticket
        return own

    def _progress(self, ticket: int, progress: object) -> None:
        if ticket == self._ticket:
            self.progressed.emit(progress)

    def _finished(self, ticket: int, result: object) -> None:
        if self._ended(ticket):
            self.finished.emit(result)

    def _failed(self, ticket: int, sentence: str) -> None:
        if self._ended(ticket):
            self.failed.emit(sentence)

    def _cancelled(self, ticket: int) -> None:
        if self._ended(ticket):
            self.cancelled.emit()
