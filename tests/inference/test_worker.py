"""The Qt bridge with an engine of canned answers: signals in the window's thread, coalesced, one end for each ticket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QThread
from pytestqt.qtbot import QtBot

from inference import scheduler
from inference.answers import EngineState, Progress
from inference.engine import EngineSpec
from inference.errors import Cancelled, ModelMissing
from inference.worker import Worker


class Canned:
    """An engine that is never asked: the jobs of these tests answer themselves."""

    made: list[EngineSpec]
    closed: int

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec

    def answer(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def state(self) -> EngineState:
        return EngineState(self.spec.device, (self.spec.encoder,), 1, 2)

    def close(self) -> None:
        return


class Ends:
    """What came out of a worker, in order, with the thread it came in."""

    def __init__(self, worker: Worker) -> None:
        self.all: list[tuple[str, int, Any]] = []
        self.threads: set[QThread] = set()
        worker.progress.connect(lambda ticket, progress: self.note("progress", ticket, progress))
        worker.finished.connect(lambda ticket, result: self.note("finished", ticket, result))
        worker.failed.connect(lambda ticket, words: self.note("failed", ticket, words))
        worker.cancelled.connect(lambda ticket: self.note("cancelled", ticket, None))

    def note(self, kind: str, ticket: int, value: Any) -> None:
        self.threads.add(QThread.currentThread())
        self.all.append((kind, ticket, value))

    def of(self, ticket: int) -> list[tuple[str, Any]]:
        return [(kind, value) for kind, one, value in self.all if one == ticket]

    def ended(self, *tickets: int) -> bool:
        return {one for kind, one, _ in self.all if kind != "progress"} >= set(tickets)


@pytest.fixture
def worker(qtbot: QtBot) -> Iterator[Worker]:
    found = Worker(EngineSpec(), engine=Canned)
    yield found
    found.close()


def test_a_job_ends_once_and_all_signals_come_in_the_windows_thread(worker: Worker, qtbot: QtBot) -> None:
    ends = Ends(worker)
    where: list[threading.Thread] = []

    def job(engine: Any, on_progress: Any, cancel: Any) -> str:
        where.append(threading.current_thread())
        on_progress(Progress("writing", 1, 2, "Find"))
        return "done"

    worker.submit(1, job)
    qtbot.waitUntil(lambda: ends.ended(1))
    assert ends.of(1) == [("progress", Progress("writing", 1, 2, "Find")), ("finished", "done")]
    assert where[0] is not threading.main_thread()
    app = QCoreApplication.instance()
    assert app is not None
    assert ends.threads == {app.thread()}


def test_tokens_are_joined_and_none_is_lost(worker: Worker, qtbot: QtBot) -> None:
    ends = Ends(worker)

    def job(engine: Any, on_progress: Any, cancel: Any) -> None:
        for number in range(400):
            on_progress(Progress("thinking" if number < 100 else "writing", number, 400, f"{number} ", 3.0))
            time.sleep(0.0005)

    began = time.monotonic()
    worker.submit(1, job)
    qtbot.waitUntil(lambda: ends.ended(1))
    took = time.monotonic() - began
    news = [value for kind, value in ends.of(1) if kind == "progress"]
    for stage, numbers in (("thinking", range(100)), ("writing", range(100, 400))):
        assert "".join(one.text for one in news if one.stage == stage) == "".join(f"{number} " for number in numbers)
    assert len(news) <= 2 * (took * 30 + 2), "at most 30 a second for each stage, and the last"
    assert ends.of(1)[-1][0] == "finished"


def test_errors_are_told_and_the_next_job_runs(worker: Worker, qtbot: QtBot) -> None:
    ends = Ends(worker)

    def missing(*_: Any) -> None:
        raise ModelMissing("the model is not here; import it")

    def fault(*_: Any) -> None:
        raise KeyError

    worker.submit(1, missing)
    worker.submit(2, fault)
    worker.submit(3, lambda *_: 3)
    qtbot.waitUntil(lambda: ends.ended(1, 2, 3))
    assert ends.of(1) == [("failed", "the model is not here; import it")]
    assert ends.of(2) == [("failed", "KeyError")]
    assert ends.of(3) == [("finished", 3)]


def test_cancel_supersede_and_priority(worker: Worker, qtbot: QtBot) -> None:
    ends = Ends(worker)
    order: list[int] = []
    started = threading.Event()

    def endless(engine: Any, on_progress: Any, cancel: threading.Event) -> None:
        started.set()
        assert cancel.wait(30)
        raise Cancelled("stopped on request")

    def quick(number: int) -> Any:
        return lambda *_: order.append(number)

    worker.submit(1, endless, lane="pane")
    assert started.wait(30)
    worker.submit(2, quick(2), priority=2)
    worker.submit(3, quick(3), priority=0)
    worker.submit(4, quick(4), priority=1)
    worker.cancel(4)
    worker.submit(5, quick(5), lane="pane")
    qtbot.waitUntil(lambda: ends.ended(1, 2, 3, 4, 5))
    assert order == [3, 5, 2]
    assert ends.of(1) == [("cancelled", None)]
    assert ends.of(4) == [("cancelled", None)]


def test_another_spec_makes_another_engine(worker: Worker, qtbot: QtBot) -> None:
    states: list[EngineState] = []
    worker.state.connect(states.append)
    specs: list[EngineSpec] = []
    worker.submit(1, lambda engine, *_: specs.append(engine.spec))
    qtbot.waitUntil(lambda: len(states) == 1)
    new = EngineSpec(encoder="medsiglip-448", device="cpu")
    worker.set_spec(new)
    worker.submit(2, lambda engine, *_: specs.append(engine.spec))
    qtbot.waitUntil(lambda: len(states) == 3)
    assert specs == [EngineSpec(), new]
    assert states[-1].models == ("medsiglip-448",)


def test_close_stops_a_running_job_and_says_nothing_more(qtbot: QtBot) -> None:
    worker = Worker(EngineSpec(), engine=Canned)
    ends = Ends(worker)
    started = threading.Event()

    def endless(engine: Any, on_progress: Any, cancel: threading.Event) -> None:
        started.set()
        cancel.wait(30)
        raise Cancelled("stopped on request")

    worker.submit(1, endless)
    worker.submit(2, lambda *_: None)
    assert started.wait(30)
    worker.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "inference-worker"]
    QCoreApplication.processEvents()
    assert ends.all == []


class Loaded(Canned):
    """Holds memory from its first question until it is closed."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.used, self.closings = 0, 0

    def state(self) -> EngineState:
        return EngineState("cpu" if self.used else "not started", ("m",) if self.used else (), self.used, 100)

    def close(self) -> None:
        self.closings += self.used > 0
        self.used = 0


def makes(made: list[Loaded]) -> Callable[[EngineSpec], Loaded]:
    """Of engines, each of which goes to the list as well."""

    def make(spec: EngineSpec) -> Loaded:
        made.append(Loaded(spec))
        return made[-1]

    return make


def test_an_idle_engine_is_closed_once_and_starts_again(qtbot: QtBot) -> None:
    made: list[Loaded] = []

    def load(engine: Any, on_progress: Any, cancel: Any) -> str:
        del on_progress, cancel
        engine.used = 7
        return "done"

    worker = Worker(EngineSpec(), engine=makes(made))
    try:
        ends, states = Ends(worker), list[EngineState]()
        worker.state.connect(states.append)
        worker.set_idle(0.15)
        for ticket in (1, 2):
            worker.submit(ticket, load)
            qtbot.waitUntil(lambda ticket=ticket: ends.ended(ticket) and bool(states) and states[-1].idle_s == 0.15)  # type: ignore[misc]
            assert made[0].closings == ticket
        qtbot.wait(400)
        assert made[0].closings == 2  # nothing was loaded again
        assert len(made) == 1
        worker.set_idle(0.0)
        worker.submit(3, load)
        qtbot.waitUntil(lambda: ends.ended(3))
        qtbot.wait(400)
        assert made[0].closings == 2
    finally:
        worker.close()


def test_a_long_job_is_not_idleness(qtbot: QtBot) -> None:
    def slow(engine: Any, on_progress: Any, cancel: Any) -> int:
        del on_progress, cancel
        engine.used = 7
        time.sleep(0.5)
        return int(engine.closings)

    worker = Worker(EngineSpec(), engine=Loaded)
    try:
        ends = Ends(worker)
        worker.set_idle(0.1)
        worker.submit(1, slow)
        worker.submit(2, slow)
        qtbot.waitUntil(lambda: ends.ended(1, 2))
        assert [ends.of(1)[-1], ends.of(2)[-1]] == [("finished", 0)] * 2
    finally:
        worker.close()


def test_half_an_hour_by_the_clock_and_not_a_second_less(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands until it is turned; it is turned past half an hour while a job runs, too."""
    monkeypatch.setattr(scheduler, "LOOK_S", 0.005)
    now, looks = [0.0], [0]

    def clock() -> float:
        looks[0] += 1
        return now[0]

    made: list[Loaded] = []

    def load(engine: Any, on_progress: Any, cancel: Any) -> int:
        del on_progress, cancel
        engine.used = 7
        now[0] += 10_000
        return int(engine.closings)

    worker = Worker(EngineSpec(), engine=makes(made), clock=clock)

    def looked() -> None:
        """The worker has seen the time as it is now."""
        seen = looks[0]
        qtbot.waitUntil(lambda: looks[0] > seen + 2)

    try:
        ends, states = Ends(worker), list[EngineState]()
        worker.state.connect(states.append)
        worker.set_idle(1800)
        for ticket in (1, 2, 3):  # queued together: the clock passes half an hour within each
            worker.submit(ticket, load)
        qtbot.waitUntil(lambda: ends.ended(1, 2, 3))
        assert [ends.of(ticket)[-1] for ticket in (1, 2, 3)] == [("finished", 0)] * 3
        looked()
        now[0] += 1799
        looked()
        assert made[0].closings == 0
        worker.submit(4, lambda *_: None)  # half an hour begins anew
        qtbot.waitUntil(lambda: ends.ended(4))
        looked()
        now[0] += 1799
        looked()
        assert made[0].closings == 0
        now[0] += 1
        qtbot.waitUntil(lambda: states[-1].idle_s == 1800)
        assert (made[0].closings, states[-1].models) == (1, ())
        worker.submit(5, load)
        qtbot.waitUntil(lambda: ends.ended(5))
        assert made[0].used == 7
        worker.set_idle(0)
        now[0] += 1e9
        worker.submit(6, lambda *_: None)
        qtbot.waitUntil(lambda: ends.ended(6))
        assert made[0].closings == 1
    finally:
        worker.close()
