"""A window on an X server of its own, and someone who sits at it: moves, clicks, types, and looks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Seen = dict[str, Any]
needs_x = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb or xdotool is not installed (Debian: xvfb, xdotool)"
)
_BEFORE = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QApplication
from app import theme
from app.settings import Settings
from app.window import Window
settings = Settings(**json.loads(sys.argv[1]))
state, *paths = map(Path, sys.argv[2:])
application = QApplication([])
theme.apply(application, "dark")
window = Window(settings)
window.resize(1400, 860)
window.move(0, 0)
window.show()
window.engine_timer.stop()
window.open_paths(paths)
def place(widget, x, y):
    found = widget.mapToGlobal(QPoint(round(x), round(y)))
    return [found.x(), found.y()]
"""
_AFTER = """
def tell():
    value = look()
    if value is not None:
        state.with_suffix(".new").write_text(json.dumps(value))
        state.with_suffix(".new").replace(state)
timer = QTimer(interval=50)
timer.timeout.connect(tell)
timer.start()
application.exec()
"""


class Reader:
    """Someone at the X server: moves, clicks, types, and looks."""

    def __init__(self, screen: str, state: Path) -> None:
        self._env, self._state = {**os.environ, "DISPLAY": screen}, state

    def x(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self._env, check=True, capture_output=True)

    def look(self) -> Seen:
        return dict(json.loads(self._state.read_text()))

    def until(self, there: Callable[[Seen], object], seconds: float = 20) -> Seen:
        end = time.monotonic() + seconds
        while True:
            seen = self.look() if self._state.exists() else {}
            if seen and there(seen):
                return seen
            assert time.monotonic() < end, seen
            time.sleep(0.03)

    def at(self, u: float, v: float) -> tuple[int, int]:
        left, top = self.look()["origin"]
        return round(left + u), round(top + v)

    def drag(self, button: int, *places: tuple[float, float]) -> None:
        self.x("mousemove", *self.at(*places[0]))
        self.x("mousedown", button)
        for place in places[1:]:
            self.x("mousemove", *self.at(*place))
        self.x("mouseup", button)


@contextmanager
def running(look: str, paths: Sequence[Path], folder: Path, screen: str, **settings: object) -> Iterator[Reader]:
    """The window with `paths` open. `look` is the source of a function of that name: what the reader sees of `window`, as JSON
    has it, or None for nothing yet; `place(widget, x, y)` is a place on the screen. It is told in `folder`."""
    state = folder / "state.json"
    state.unlink(missing_ok=True)
    env = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
    command = [sys.executable, "-c", _BEFORE + look + _AFTER, json.dumps(settings), str(state), *map(str, paths)]
    with subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            yield Reader(screen, state)
        finally:
            program.kill()
