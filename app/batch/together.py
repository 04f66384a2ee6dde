"""Several items of a batch at once, so that their drafts are written together: each in a thread, as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.analysis import AnyEngine, ignore
from inference.answers import Answer, Progress
from inference.errors import Cancelled, InferenceError, ModelMissing, ModelRefused
from inference.questions import Picture, Question, Written

if TYPE_CHECKING:
    from app.batch.batch import Batch
    from app.batch.items import Item
    from app.batch.table import Row

ON_CPU, ON_CARD = 4, 8
"""Drafts written together where nothing else is said (`dev.py bench together`)."""


def usual(device: str) -> int:
    """How many drafts are written together on a device of this name."""
    from app import machine

    return ON_CARD if device == "cuda" or (device == "auto" and machine.cards()) else ON_CPU


def groups(batch: Batch) -> list[Sequence[Item]]:
    """All items, in order, as they are done at once."""
    settings = batch.settings
    size = 1
    if "draft" in settings.tasks and settings.endpoint is None:
        size = settings.together or usual(settings.device)
    return [batch.items[start : start + size] for start in range(0, len(batch.items), size)]


def run_items(
    batch: Batch,
    items: Sequence[Item],
    engine: AnyEngine,
    on_progress: Callable[[Progress], None] = ignore,
    cancel: threading.Event | None = None,
) -> list[Row]:
    """As `Batch.run_item` of each, in order. Raises what that raises, once all have ended; what was done by then is kept."""
    if len(items) == 1 or not hasattr(engine, "answer_together"):
        return [batch.run_item(item, engine, on_progress, cancel) for item in items]
    stop = cancel or threading.Event()
    gathering = Gathering(engine, len(items))

    def work(item: Item) -> Row:
        try:
            return batch.run_item(item, gathering, on_progress, stop)
        finally:
            gathering.leave()

    with ThreadPoolExecutor(len(items), "hilum-batch") as pool:
        running = [pool.submit(work, item) for item in items]
        try:
            wait(running)
        except BaseException:
            stop.set()  # Ctrl+C: the threads end within a fraction of a second
            raise
    return [one.result() for one in running]


@dataclass(eq=False)
class _Waiting:
    question: Question
    pictures: Sequence[Picture]
    found: Answer | BaseException | None = None


class Gathering:
    """An engine for so many threads: a question that is answered in words waits until each of the others asks one or has left."""

    def __init__(self, engine: Any, workers: int) -> None:
        self.spec = engine.spec
        self._engine, self._working = engine, workers
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = ignore,
        cancel: threading.Event | None = None,
    ) -> Answer:
        if not isinstance(question, Written):
            answer: Answer = self._engine.answer(question, pictures, on_progress=on_progress, cancel=cancel)
            return answer
        mine = _Waiting(question, pictures)
        with self._changed:
            self._waiting.append(mine)
            while mine.found is None:
                if self._waiting and len(self._waiting) >= self._working:
                    asked, self._waiting = self._waiting, []
                    self._ask(asked, on_progress, cancel)
                    self._changed.notify_all()
                else:
                    self._changed.wait()
        if isinstance(mine.found, BaseException):
            raise mine.found
        return mine.found

    def leave(self) -> None:
        """One of the threads asks nothing more."""
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def state(self) -> Any:
        return self._engine.state()

    def close(self) -> None:
        """The engine is not this one's to close."""

    def _ask(self, asked: Sequence[_Waiting], on_progress: Callable[[Progress], None], cancel: threading.Event | None) -> None:
        """All others wait meanwhile. What went wrong with all of them at once, a process that died over one say, is asked again
        one by one: it costs no more than it would alone."""
        found: Sequence[Answer | BaseException] = ()
        if len(asked) > 1:
            try:
                pairs = [(one.question, one.pictures) for one in asked]
                found = self._engine.answer_together(pairs, on_progress=on_progress, cancel=cancel)
            except (Cancelled, ModelMissing, ModelRefused) as error:
                found = [_again(error) for _ in asked]
            except InferenceError:
                on_progress(Progress("once more, one by one"))
            except Exception as error:  # each thread gets it, and the batch ends as it would by one alone
                found = [error] * len(asked)
        for one, answer in zip(asked, found or [self._alone(one, on_progress, cancel) for one in asked], strict=True):
            one.found = answer

    def _alone(
        self, one: _Waiting, on_progress: Callable[[Progress], None], cancel: threading.Event | None
    ) -> Answer | BaseException:
        try:
            answer: Answer = self._engine.answer(one.question, one.pictures, on_progress=on_progress, cancel=cancel)
        except Exception as error:  # the thread that asked raises it
            return error
        return answer


def _again(error: InferenceError) -> InferenceError:
    """One for each thread: an exception that is raised keeps the place where it was."""
    return type(error)(*error.args)
