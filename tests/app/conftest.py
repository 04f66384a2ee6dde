"""A real window with a real engine process, and phantoms to look at."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import settings, theme
from inference.demo.chest import Chest, draw_pair
from inference.demo.film import draw_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Path, Chest]]:
    """`film(seed)`: a chest phantom as a PNG of 1024 px, and its truth."""
    folder = tmp_path_factory.mktemp("films")

    def make(seed: int) -> tuple[Path, Chest]:
        path, chest = folder / f"film-{seed}.png", draw_pair(seed).current
        if not path.exists():
            Image.fromarray(draw_film(chest).pixels).save(path)
        return path, chest

    return make


class Seat:
    """A reader in front of a window: does what a reader does and waits as a reader waits."""

    def __init__(self, qtbot: QtBot, chosen: settings.Settings) -> None:
        from app.window import Window

        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme.apply(application, chosen.theme)
        self.bot = qtbot
        self.window = Window(chosen)
        self.window.resize(1400, 860)
        self.window.show()

    def open(self, *paths: Path) -> None:
        self.window.open_paths(list(paths))
        last = paths[0]
        self.wait(lambda: all(self.told(path) for path in paths))
        if not self.problem(last):
            self.show(last)

    def show(self, path: Path) -> None:
        self.window.browser.select(path)
        self.wait(lambda: self.window.panes.pane.path == path and self.window.panes.view.source is not None)

    def told(self, path: Path) -> bool:
        return any(item.path == path and (item.line or item.problem) for item in self.window.browser.model.items())

    def problem(self, path: Path) -> str:
        return next((item.problem for item in self.window.browser.model.items() if item.path == path), "")

    def act(self, id: str) -> None:
        self.window.actions_by_id[id].trigger()

    def idle(self) -> bool:
        return not self.window.asking.session.waiting()

    def ask(self, id: str) -> None:
        self.act(id)
        self.wait(self.idle)

    def wait(self, there: Callable[[], bool], seconds: float = 90) -> None:
        self.bot.waitUntil(lambda: bool(there()), timeout=round(seconds * 1000))

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        self.wait(lambda: not [one for one in threading.enumerate() if one.name.startswith(("hilum-", "inference-"))], 20)


@pytest.fixture
def seat(qtbot: QtBot) -> Iterator[Seat]:
    """The window is closed afterwards, and every thread of it is gone."""
    made = Seat(qtbot, replace(settings.Settings(), theme="dark"))
    yield made
    made.close()


@pytest.fixture
def screen() -> Iterator[str]:
    """The name of an X server of this test's own."""
    name = f":{os.getpid() % 20000 + 300}"
    with subprocess.Popen(["Xvfb", name, "-screen", "0", "1500x900x24"], stderr=subprocess.DEVNULL) as server:
        while subprocess.run(
            ["xdotool", "getdisplaygeometry"], env={**os.environ, "DISPLAY": name}, capture_output=True
        ).returncode:
            time.sleep(0.05)
        yield name
        server.terminate()
