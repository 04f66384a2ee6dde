"""A reader who marks a slide, with an X server's own mouse and keyboard: pan, zoom, draw, undo, save, reopen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb or xdotool is not installed (Debian: xvfb, xdotool)"
)
PROGRAM = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app import theme
from app.settings import Settings
from app.window import Window
slide, state, out = map(Path, sys.argv[1:4])
application = QApplication([])
theme.apply(application, "dark")
window = Window(Settings())
window.resize(1400, 860)
window.move(0, 0)
window.show()
window.engine_timer.stop()
window.open_paths([slide])
def tell():
    view, kept = window.panes.view, window.marking.kept(slide)
    if kept is None:
        return
    origin = view.mapToGlobal(view.rect().topLeft())
    marks = [[str(one.kind), one.class_name, *one.geometry.bounds] for one in kept.document.marks.values()]
    value = {"origin": [origin.x(), origin.y()], "size": [view.width(), view.height()], "x": view.camera.x, "y": view.camera.y,
             "scale": view.camera.scale, "tool": view.drawing.tool, "marks": marks, "unwritten": kept.keeping.unwritten,
             "undo": kept.document.undoable, "focus": view.hasFocus()}
    state.with_suffix(".new").write_text(json.dumps(value))
    state.with_suffix(".new").replace(state)
timer = QTimer(interval=30)
timer.timeout.connect(tell)
timer.start()
def export():
    if (out / "export").exists():
        (out / "export").unlink()
        window.marking.export(out / "marks.geojson")
asked = QTimer(interval=50)
asked.timeout.connect(export)
asked.start()
application.exec()
"""


class Reader:
    """Someone at the X server: moves, clicks, types, and looks."""

    def __init__(self, screen: str, state: Path) -> None:
        self._env, self._state = {**os.environ, "DISPLAY": screen}, state

    def x(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self._env, check=True, capture_output=True)

    def look(self) -> dict[str, object]:
        return dict(json.loads(self._state.read_text()))

    def until(self, there: Callable[[dict[str, object]], object], seconds: float = 20) -> dict[str, object]:
        end = time.monotonic() + seconds
        while True:
            seen = self.look() if self._state.exists() else {}
            if seen and there(seen):
                return seen
            assert time.monotonic() < end, seen
            time.sleep(0.03)

    def at(self, u: float, v: float) -> tuple[int, int]:
        (left, top) = self.look()["origin"]  # type: ignore[misc]
        return round(left + u), round(top + v)

    def drag(self, button: int, *places: tuple[float, float]) -> None:
        self.x("mousemove", *self.at(*places[0]))
        self.x("mousedown", button)
        for place in places[1:]:
            self.x("mousemove", *self.at(*place))
        self.x("mouseup", button)


@contextmanager
def running(slide: Path, folder: Path, screen: str) -> Iterator[Reader]:
    state = folder / "state.json"
    state.unlink(missing_ok=True)
    env = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
    command = [sys.executable, "-c", PROGRAM, str(slide), str(state), str(folder)]
    with subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            yield Reader(screen, state)
        finally:
            program.kill()


@pytest.fixture
def screen() -> Iterator[str]:
    name = f":{os.getpid() % 20000 + 300}"
    with subprocess.Popen(["Xvfb", name, "-screen", "0", "1500x900x24"], stderr=subprocess.DEVNULL) as server:
        while subprocess.run(
            ["xdotool", "getdisplaygeometry"], env={**os.environ, "DISPLAY": name}, capture_output=True
        ).returncode:
            time.sleep(0.05)
        yield name
        server.terminate()


def test_pan_zoom_draw_undo_save_reopen(tmp_path: Path, screen: str) -> None:
    slide = tmp_path / "slide.tif"
    pixels = np.random.default_rng(0).integers(100, 255, (3000, 4000, 3), np.uint8)
    form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "compression": "zlib"}
    tifffile.imwrite(slide, pixels, tile=(256, 256), **form)
    with running(slide, tmp_path, screen) as reader:
        first = reader.until(lambda seen: seen["marks"] == [])
        reader.x("mousemove", *reader.at(400, 300))
        reader.x("click", 4, "click", 4)  # the wheel, two notches in
        zoomed = reader.until(lambda seen: seen["scale"] > 1.9 * first["scale"])  # type: ignore[operator]
        reader.drag(2, (400, 300), (380, 290), (300, 240))  # the middle button pans
        panned = reader.until(lambda seen: seen["x"] != zoomed["x"])
        scale = float(panned["scale"])  # type: ignore[arg-type]
        assert panned["x"] - zoomed["x"] == pytest.approx(100 / scale, abs=1)  # type: ignore[operator]
        assert panned["y"] - zoomed["y"] == pytest.approx(60 / scale, abs=1)  # type: ignore[operator]
        for key, tool, kind in (("r", "rectangle", "rectangle"), ("o", "ellipse", "ellipse"), ("l", "line", "line")):
            count = len(reader.look()["marks"])  # type: ignore[arg-type]
            reader.x("key", key)
            reader.until(lambda seen, tool=tool: seen["tool"] == tool)
            shift = 150 * count
            reader.drag(1, (100 + shift, 200), (150 + shift, 220), (200 + shift, 300))
            drawn = reader.until(lambda seen, count=count: len(seen["marks"]) == count + 1)  # type: ignore[arg-type]
            mark = drawn["marks"][-1]  # type: ignore[index]
            assert mark[0] == kind
            width = (mark[4] - mark[2]) * scale
            assert width == pytest.approx(100, abs=1.5)
        reader.x("key", "2")
        reader.until(lambda seen: seen["marks"][-1][1] == "Stroma")  # type: ignore[index]
        reader.x("key", "ctrl+z", "ctrl+z")
        reader.until(lambda seen: len(seen["marks"]) == 2)  # type: ignore[arg-type]
        reader.x("key", "ctrl+shift+z")
        reader.until(lambda seen: len(seen["marks"]) == 3)  # type: ignore[arg-type]
        kept = reader.until(lambda seen: not seen["unwritten"])["marks"]
        (tmp_path / "export").touch()
        reader.until(lambda _: (tmp_path / "marks.geojson").exists())
    features = json.loads((tmp_path / "marks.geojson").read_text())["features"]
    assert len(features) == len(kept)  # type: ignore[arg-type]
    with running(slide, tmp_path, screen) as reader:
        again = reader.until(lambda seen: len(seen["marks"]) == len(kept))  # type: ignore[arg-type]
        assert again["marks"] == kept
