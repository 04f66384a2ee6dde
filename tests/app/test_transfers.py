"""Jobs beside the window: two at once, the others behind the one that has least to do, each with its own stop."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.pacs.work import Outcome
from app.transfers import AT_ONCE, Transfers


@pytest.fixture
def transfers(qtbot: QtBot) -> Iterator[Transfers]:
    parent = QObject()
    made = Transfers(parent)
    yield made
    made.close(time.monotonic() + 10)
    parent.deleteLater()


class Job:
    """Runs until it is let go."""

    def __init__(self, transfers: Transfers) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.number = transfers.start("a job", "fetched", self._run)

    def _run(self, *_: object) -> Outcome:
        self.begun.set()
        assert self.let_go.wait(30)
        return Outcome()


def test_a_job_waits_behind_the_one_that_ends_first(qtbot: QtBot, transfers: Transfers) -> None:
    """After many that ended on their threads while others began, the lanes are still as busy as they are."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for _ in range(2000):
        transfers.start("a job", "fetched", lambda *_: Outcome())
    sys.setswitchinterval(before)
    qtbot.waitUntil(lambda: transfers.running == 0, timeout=20_000)
    first, second = (Job(transfers) for _ in range(AT_ONCE))
    assert first.begun.wait(10)
    assert second.begun.wait(10)
    second.let_go.set()
    qtbot.waitUntil(lambda: transfers.running == 1)
    third = Job(transfers)
    assert third.begun.wait(10), "it waits behind the first, though a lane is free"
    for one in (first, third):
        one.let_go.set()
    qtbot.waitUntil(lambda: transfers.running == 0)
