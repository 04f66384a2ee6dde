"""Opening and describing on several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.opening import Described, Opener


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


class Slow(Opener):
    """Describes only when it may, and counts."""

    def __init__(self) -> None:
        super().__init__("medsiglip", "medgemma")
        self.began, self.may, self.count = threading.Semaphore(0), threading.Semaphore(0), 0

    def _described(self, path: Path) -> Described:
        self.count += 1
        self.began.release()
        assert self.may.acquire(timeout=20)
        return super()._described(path)


@pytest.fixture
def opener(qtbot: QtBot) -> Iterator[Slow]:
    made = Slow()
    yield made
    made.may.release(100)
    made.close()


def test_what_is_listed_and_opened_at_once_is_described_once(opener: Slow, picture: Path, qtbot: QtBot) -> None:
    told: list[Described] = []
    opener.described.connect(told.append)
    opener.opened.connect(lambda _path, _pane, source: source.close())
    opener.describe(picture)
    assert opener.began.acquire(timeout=20)
    with qtbot.waitSignal(opener.opened, timeout=20_000):
        opener.open(picture, 0)
    qtbot.wait(100)
    opener.may.release(2)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    qtbot.wait(100)
    assert (opener.count, len(told)) == (1, 1)


def test_what_was_closed_while_it_was_described_is_described_anew(opener: Slow, picture: Path, qtbot: QtBot) -> None:
    told: list[Described] = []
    opener.described.connect(told.append)
    opener.describe(picture)
    assert opener.began.acquire(timeout=20)
    opener.forget(picture)
    opener.may.release(2)
    opener.describe(picture)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    qtbot.wait(100)
    assert (opener.count, len(told)) == (2, 1)


def test_a_size_given_meanwhile_is_in_what_is_told(opener: Slow, picture: Path, qtbot: QtBot) -> None:
    told: list[Described] = []
    opener.described.connect(told.append)
    opener.describe(picture)
    assert opener.began.acquire(timeout=20)
    with qtbot.waitSignal(opener.spacingsKept, timeout=20_000):
        opener.keep_spacing(picture, 0.5, "")
    opener.may.release(2)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert (opener.count, len(told)) == (2, 1)
