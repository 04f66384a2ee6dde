"""The bridge between a window and its engine: one private thread that reads, asks and reports back by queued signals.

The only file of this package that imports Qt. Every public signal is emitted in the thread the Worker lives in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from inference.answers import EngineState, Progress
from inference.engine import AnyEngine, EngineSpec
from inference.errors import Cancelled
from inference.host import EngineProcess
from inference.scheduler import Job, Scheduler

EVERY_MS = 34
"""Between two deliveries of progress."""


Work = Callable[[AnyEngine, Callable[[Progress], None], threading.Event], object]
"""`job(engine, on_progress, cancel) -> result`, run in the worker's thread; it may read files. It raises what it likes:
Cancelled, or any error whose words a reader may see."""


class Worker(QObject):
    """Runs jobs one after another. A ticket ends in exactly one of `finished`, `failed` and `cancelled`.

    `progress` comes at most 30 times a second for each ticket and stage, the text in between joined; all of it comes before
    the ticket's end. `state` comes after every job and every `set_spec`.
    """

    progress = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, str)
    cancelled = Signal(int)
    state = Signal(object)

    _wake = Signal()
    _end = Signal(int, str, object)

    def __init__(
        self,
        spec: EngineSpec | None = None,
        parent: QObject | None = None,
        *,
        engine: Callable[[EngineSpec], AnyEngine] = EngineProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives the seconds by which an engine is idle."""
        super().__init__(parent)
        self._spec, self._make = spec or EngineSpec(), engine
        self._engine: AnyEngine | None = None
        self._lock = threading.Lock()
        self._news: dict[tuple[int, str], Progress] = {}
        self._woken = False
        self._last = 0.0
        self._closing = False
        self._idle_s = 0.0
        self._queue: Scheduler[Work | None] = Scheduler(lambda ticket: self._end.emit(ticket, "cancelled", None), clock)
        self._wake.connect(self._on_wake, Qt.ConnectionType.QueuedConnection)
        self._end.connect(self._on_end, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name="inference-worker", daemon=True)
        self._thread.start()

    def submit(self, ticket: int, job: Work, *, priority: int = 0, lane: str = "") -> None:
        """Queue `job`: 0 interactive, 1 visible, 2 batch. A newer job of the same lane supersedes the older one."""
        self._queue.submit(ticket, job, priority=priority, lane=lane)

    def cancel(self, ticket: int) -> None:
        """Stop or drop a job; its ticket ends in `cancelled`, unless it was over already."""
        self._queue.cancel(ticket)

    def set_spec(self, spec: EngineSpec) -> None:
        """Use other models or another device from the next job on; what is running is finished first."""
        with self._lock:
            self._spec = spec
        self._queue.submit(-1, None, priority=-1, lane="spec")

    def set_idle(self, seconds: float) -> None:
        """After so long without a job the engine is closed, and its memory free; the next job starts it again. 0: never."""
        with self._lock:
            self._idle_s = seconds
        self._queue.submit(-1, None, priority=-1, lane="idle")

    def before(self, priority: int) -> bool:
        """Whether a job waits that comes before those of a priority; safe from any thread."""
        return self._queue.waits_before(priority)

    @property
    def busy(self) -> int:
        """Jobs waiting or running."""
        return len(self._queue)

    def close(self) -> None:
        """Stop everything and wait for the thread; no signal comes afterwards. A job that does not stop loses its engine."""
        self._closing = True
        self._queue.close()
        self._thread.join(2.0)
        if self._thread.is_alive():
            kill = getattr(self._engine, "kill", None)
            if kill is not None:
                kill()
            self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            ending: tuple[int, str, object] | None = None
            try:
                engine = self._ready()
                if job.work is not None:
                    result = job.work(engine, partial(self._note, job.ticket), job.cancel)
                    ending = (job.ticket, "cancelled" if job.cancel.is_set() else "finished", result)
            except Cancelled:
                ending = (job.ticket, "cancelled", None)
            except Exception as error:  # the bridge: whatever went wrong is told, and the next job runs
                words = " ".join(str(error).split()) or type(error).__name__
                ending = (job.ticket, "cancelled", None) if job.cancel.is_set() else (job.ticket, "failed", words)
            self._queue.done()
            if ending is not None and not self._closing:
                self._end.emit(*ending)
            if not self._closing:
                self._end.emit(-1, "state", self._engine.state() if self._engine is not None else None)
        if self._engine is not None:
            self._engine.close()

    def _next(self) -> Job[Work | None] | None:
        with self._lock:
            seconds = self._idle_s
        if seconds and self._engine is not None and self._queue.idle(seconds) and self._engine.state().memory_used:
            self._engine.close()
            if not self._closing:
                self._end.emit(-1, "state", replace(self._engine.state(), idle_s=seconds))
        return self._queue.take()

    def _ready(self) -> AnyEngine:
        """The engine of the spec as it is now."""
        with self._lock:
            spec = self._spec
        if self._engine is None or getattr(self._engine, "spec", spec) != spec:
            if self._engine is not None:
                self._engine.close()
            self._engine = self._make(spec)
        return self._engine

    def _note(self, ticket: int, news: Progress) -> None:
        """In the worker's thread: join with what was not delivered yet, and wake the window once."""
        key = (ticket, news.stage)
        with self._lock:
            before = self._news.pop(key, None)
            self._news[key] = news if before is None else replace(news, text=before.text + news.text)
            wake, self._woken = not self._woken, True
        if wake and not self._closing:
            self._wake.emit()

    @Slot()
    def _on_wake(self) -> None:
        rest = EVERY_MS - (time.monotonic() - self._last) * 1000
        if rest <= 0:
            self._deliver()
        else:
            QTimer.singleShot(int(rest) + 1, self, self._deliver)

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            news, self._news, self._woken = self._news, {}, False
        self._last = time.monotonic()
        if not self._closing:
            for (ticket, _), progress in news.items():
                self.progress.emit(ticket, progress)

    @Slot(int, str, object)
    def _on_end(self, ticket: int, how: str, result: object) -> None:
        if self._closing:
            return
        if how == "state":
            if isinstance(result, EngineState):
                self.state.emit(result)
            return
        if ticket == -1:
            return
        self._deliver()
        if how == "finished":
            self.finished.emit(ticket, result)
        elif how == "failed":
            self.failed.emit(ticket, str(result))
        else:
            self.cancelled.emit(ticket)
