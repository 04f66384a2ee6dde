"""A reader who cuts a series with an X server's own mouse and keyboard: V, click, wheel, turn, film, and back."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.app.test_marks_xvfb import ROOT, Reader, screen  # noqa: F401 - the fixture
from tests.viewers.volumes import Phantom, ball

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb or xdotool is not installed (Debian: xvfb, xdotool)"
)
AT = np.array([14.0, -27.0, 58.0])
PROGRAM = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from app import theme
from app.settings import Settings
from app.window import Window
path, state = map(Path, sys.argv[1:3])
application = QApplication([])
theme.apply(application, "dark")
window = Window(Settings())
window.resize(1400, 860)
window.move(0, 0)
window.show()
window.engine_timer.stop()
window.open_paths([path])
def tell():
    pane = window.panes.pane
    view, board = pane.view, window.reformatting.board(pane)
    if view.source is None:
        return
    origin = view.mapToGlobal(view.rect().topLeft())
    film = window.playing.films.get(pane.number)
    value = {"origin": [origin.x(), origin.y()], "size": [view.width(), view.height()], "frame": view.frame,
             "focus": view.hasFocus(), "playing": film is not None and film.playing, "settled": view.settled, "planes": {}}
    if board is not None and board.crosshair is not None and board.settled:
        value["at"], value["names"] = board.crosshair.at, [board.crosshair.name(plane) for plane in board.views]
        for plane, one in board.views.items():
            corner, middle = one.mapToGlobal(one.rect().topLeft()), one.camera.to_screen(*one.cut.pixel(board.crosshair.place))
            ball = one.camera.to_screen(*one.cut.pixel(one.cut.place(0, 0) * 0 + [14.0, -27.0, 58.0]))
            value["planes"][str(plane)] = {
                "origin": [corner.x(), corner.y()], "middle": middle, "ball": ball, "reach": one._reach}
    state.with_suffix(".new").write_text(json.dumps(value))
    state.with_suffix(".new").replace(state)
timer = QTimer(interval=30)
timer.timeout.connect(tell)
timer.start()
application.exec()
"""


@pytest.fixture
def reader(tmp_path: Path, screen: str) -> Iterator[Reader]:  # noqa: F811
    path = Phantom(rows=60, columns=60, count=40, spacing=(1, 1), step=1.5).write(tmp_path / "ct", ball(AT))
    state = tmp_path / "state.json"
    env = {**os.environ, "DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
    command = [sys.executable, "-c", PROGRAM, str(path), str(state)]
    with subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            yield Reader(screen, state)
        finally:
            program.kill()


def test_planes_by_mouse_and_keyboard(reader: Reader) -> None:
    reader.until(lambda seen: seen["settled"], 60)
    reader.x("mousemove", *reader.at(300, 300), "click", "2")
    reader.x("key", "v")
    seen = reader.until(lambda seen: len(seen["planes"]) == 3, 60)  # type: ignore[arg-type]
    seen = reader.look()

    def there(plane: str, place: tuple[float, float]) -> tuple[int, int]:
        left, top = reader.look()["planes"][plane]["origin"]  # type: ignore[index]
        return round(left + place[0]), round(top + place[1])

    for plane in ("coronal", "axial"):  # first the height, then the place in the slice
        target = reader.look()["planes"][plane]["ball"]  # type: ignore[index]
        before = reader.look()["at"]
        reader.x("mousemove", *there(plane, target), "click", 1)
        reader.until(lambda seen, before=before: seen.get("at", before) != before)
    seen = reader.until(lambda seen: "at" in seen and np.abs(np.array(seen["at"]) - AT).max() < 0.8)  # type: ignore[arg-type]
    depths = 55.0 + (np.arange(40) - 19.5) * 1.5
    assert seen["frame"] == int(np.abs(depths - seen["at"][2]).argmin())  # type: ignore[index]
    frame = int(seen["frame"])  # type: ignore[call-overload]
    reader.x("click", 5, "click", 5)
    reader.until(lambda seen: seen["frame"] == frame + 2)
    axial = reader.until(lambda seen: "at" in seen)["planes"]["axial"]  # type: ignore[index]
    (u, v), reach = axial["middle"], axial["reach"]
    places = [(u + reach * math.cos(turn), v + reach * math.sin(turn)) for turn in np.radians([0, 10, 20, 30])]
    reader.x("mousemove", *there("axial", places[0]), "mousedown", 1)
    for place in places[1:]:
        reader.x("mousemove", *there("axial", place))
    reader.x("mouseup", 1)
    turned = reader.until(lambda seen: "at" in seen and "oblique" in seen["names"][1])  # type: ignore[index]
    assert turned["names"][0] == "axial"  # type: ignore[index]
    off = float(str(turned["names"][1]).split(", ")[1].split("°")[0])  # type: ignore[index]
    assert off == pytest.approx(30, abs=1.5)
    reader.x("key", "c")
    reader.until(lambda seen: seen["playing"] and seen["frame"] != frame + 2)
    reader.x("key", "c")
    reader.until(lambda seen: not seen["playing"])
    reader.x("key", "v")
    back = reader.until(lambda seen: not seen["planes"] and seen["focus"])
    assert back["size"][0] > 500  # type: ignore[index]
