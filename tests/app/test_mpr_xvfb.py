"""A reader who cuts a series with an X server's own mouse and keyboard: V, click, wheel, turn, film, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.app.xvfb import Reader, needs_x, running
from tests.viewers.volumes import Phantom, ball

pytestmark = needs_x
AT = np.array([14.0, -27.0, 58.0])
LOOK = """
def look():
    pane = window.panes.pane
    view, board = pane.view, window.reformatting.board(pane)
    if view.source is None:
        return None
    film = window.playing.films.get(pane.number)
    value = {"origin": place(view, 0, 0), "size": [view.width(), view.height()], "frame": view.frame,
             "focus": view.hasFocus(), "playing": film is not None and film.playing, "settled": view.settled, "planes": {}}
    if board is not None and board.crosshair is not None and board.settled:
        value["at"], value["names"] = board.crosshair.at, [board.crosshair.name(plane) for plane in board.views]
        for plane, one in board.views.items():
            middle = one.camera.to_screen(*one.cut.pixel(board.crosshair.place))
            ball = one.camera.to_screen(*one.cut.pixel(one.cut.place(0, 0) * 0 + [14.0, -27.0, 58.0]))
            value["planes"][str(plane)] = {
                "origin": place(one, 0, 0), "middle": middle, "ball": ball, "reach": one._reach}
    return value
"""


@pytest.fixture
def reader(tmp_path: Path, screen: str) -> Iterator[Reader]:
    path = Phantom(rows=60, columns=60, count=40, spacing=(1, 1), step=1.5).write(tmp_path / "ct", ball(AT))
    with running(LOOK, [path], tmp_path, screen) as reader:
        yield reader


def test_planes_by_mouse_and_keyboard(reader: Reader) -> None:
    reader.until(lambda seen: seen["settled"], 60)
    reader.x("mousemove", *reader.at(300, 300), "click", "2")
    reader.x("key", "v")
    seen = reader.until(lambda seen: len(seen["planes"]) == 3, 60)
    seen = reader.look()

    def there(plane: str, place: tuple[float, float]) -> tuple[int, int]:
        left, top = reader.look()["planes"][plane]["origin"]
        return round(left + place[0]), round(top + place[1])

    for plane in ("coronal", "axial"):  # first the height, then the place in the slice
        target = reader.look()["planes"][plane]["ball"]
        before = reader.look()["at"]
        reader.x("mousemove", *there(plane, target), "click", 1)
        reader.until(lambda seen, before=before: seen.get("at", before) != before)
    seen = reader.until(lambda seen: "at" in seen and np.abs(np.array(seen["at"]) - AT).max() < 0.8)
    depths = 55.0 + (np.arange(40) - 19.5) * 1.5
    assert seen["frame"] == int(np.abs(depths - seen["at"][2]).argmin())
    frame = seen["frame"]
    reader.x("click", 5, "click", 5)
    reader.until(lambda seen: seen["frame"] == frame + 2)
    axial = reader.until(lambda seen: "at" in seen)["planes"]["axial"]
    (u, v), reach = axial["middle"], axial["reach"]
    places = [(u + reach * math.cos(turn), v + reach * math.sin(turn)) for turn in np.radians([0, 10, 20, 30])]
    reader.x("mousemove", *there("axial", places[0]), "mousedown", 1)
    for place in places[1:]:
        reader.x("mousemove", *there("axial", place))
    reader.x("mouseup", 1)
    turned = reader.until(lambda seen: "at" in seen and "oblique" in seen["names"][1])
    assert turned["names"][0] == "axial"
    off = float(turned["names"][1].split(", ")[1].split("°")[0])
    assert off == pytest.approx(30, abs=1.5)
    reader.x("key", "c")
    reader.until(lambda seen: seen["playing"] and seen["frame"] != frame + 2)
    reader.x("key", "c")
    reader.until(lambda seen: not seen["playing"])
    reader.x("key", "v")
    back = reader.until(lambda seen: not seen["planes"] and seen["focus"])
    assert back["size"][0] > 500
