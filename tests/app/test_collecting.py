"""The collector runs on the GUI thread alone, and cycles still go."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from pytestqt.qtbot import QtBot

from app import collecting
from app.collecting import Collecting


class Ring:
    def __init__(self) -> None:
        self.own = self


def test_cycles_go_and_only_on_the_gui_thread(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "YOUNG_MS", 20)
    gc.enable()
    threads: set[str] = set()

    def heard(phase: str, _: dict[str, int]) -> None:
        threads.add(threading.current_thread().name)

    one = Collecting()
    gc.callbacks.append(heard)
    try:
        ring = weakref.ref(Ring())

        def work() -> None:
            made = [[] for _ in range(200_000)]  # type: ignore[var-annotated]
            del made

        worker = threading.Thread(target=work, name="worker")
        worker.start()
        worker.join()
        assert "worker" not in threads
        qtbot.waitUntil(lambda: ring() is None, timeout=5000)
        assert threads == {threading.main_thread().name}
    finally:
        gc.callbacks.remove(heard)
        one.close()
    assert gc.isenabled()
