"""A reader of films with an X server's own mouse and keyboard: window, length, angle, ROI, a second pane, linked scrolling."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.app.xvfb import Reader, Seen, needs_x, running
from tests.viewers.volumes import Phantom, slope

pytestmark = needs_x
LOOK = """
from viewers.film_marks.film_mark import tool_of
from viewers.qimage import to_array
window.resize(1500, 880)
def look():
    panes = []
    for pane in window.panes.seen:
        view = pane.view
        if view.source is None:
            panes.append({"path": None, "settled": False, "middle": place(view, view.width() / 2, view.height() / 2)})
            continue
        x, y = view.camera.to_screen(40.5, 25.5)
        grey = int(to_array(view.grab_view())[int(y), int(x)][0])
        chosen = view.window_shown
        kept = window.marking.kept(pane.standing)
        panes.append({"path": str(pane.standing), "frame": view.frame, "settled": view.settled, "scale": view.camera.scale,
            "corner": place(view, *view.camera.to_screen(0, 0)), "tool": view.drawing.tool, "grey": grey,
            "hu": view.value_at(40, 25)[0], "window": None if chosen is None else [chosen.centre, chosen.width],
            "ready": kept is not None, "middle": place(view, view.width() / 2, view.height() / 2)})
    rows = [[str(tool_of(row.valued.mark)), str(row.valued.found.main)] for row in window.side.films._rows]
    lines = {}
    for path in paths:
        index = window.browser.index_of(path)
        if index.isValid():
            box = window.browser.view.visualRect(index)
            lines[str(path)] = place(window.browser.view.viewport(), box.center().x(), box.center().y())
    return {"panes": panes, "rows": rows, "lines": lines, "active": window.panes.active}
"""


@pytest.fixture
def reader(tmp_path: Path, screen: str) -> Iterator[Reader]:
    """Two series of one frame of reference, 3 and 1.5 mm apart, whose HU rise with the place."""
    rise = slope((2.0, 0.0, 1.0))
    one = Phantom(rows=50, columns=80, count=12, spacing=(0.8, 0.8), step=3.0).write(tmp_path / "one", rise)
    finer = Phantom(rows=50, columns=80, count=24, spacing=(0.8, 0.8), step=1.5)
    other = finer.write(tmp_path / "other", rise, series="1.2.3.7.2")
    with running(LOOK, [one, other], tmp_path, screen, auto_hang=False) as reader:
        yield reader


def _drag(reader: Reader, button: int, places: list[tuple[int, int]]) -> None:
    reader.x("mousemove", *places[0], "mousedown", button)
    for (x0, y0), (x1, y1) in pairwise(places):
        for step in range(1, 5):
            reader.x("mousemove", round(x0 + (x1 - x0) * step / 4), round(y0 + (y1 - y0) * step / 4))
    reader.x("mouseup", button)


def test_window_measures_and_linked_panes(reader: Reader) -> None:
    def pane(number: int = 0) -> Seen:
        return reader.look()["panes"][number]

    def at(x: float, y: float, number: int = 0) -> tuple[int, int]:
        seen = pane(number)
        left, top = seen["corner"]
        return round(left + x * seen["scale"]), round(top + y * seen["scale"])

    def first(seen: Seen) -> Seen:
        return seen["panes"][0] or {}

    reader.until(lambda seen: seen and first(seen).get("settled") and first(seen)["ready"] and len(seen["lines"]) == 2, 60)

    # the right button: across is the width, down the centre; the grey on the screen follows PS3.3 C.11.2.1.2
    _drag(reader, 3, [at(40, 25), at(52, 31)])
    seen = reader.until(lambda seen: first(seen)["window"] and first(seen)["settled"])
    centre, width = first(seen)["window"]
    assert width > 400
    assert centre != 40
    seen = reader.until(lambda seen: first(seen)["settled"] and first(seen)["hu"] is not None)
    expected = min(max(((first(seen)["hu"] - (centre - 0.5)) / (width - 1) + 0.5) * 255, 0), 255)
    assert first(seen)["grey"] == pytest.approx(expected, abs=1.5)

    # T: 30 pixels of 0.8 mm are 24 mm; G: a right angle; W: 20 × 10 pixels hold the mean of a slope
    reader.x("key", "t")
    reader.until(lambda seen: first(seen)["tool"] == "length")
    _drag(reader, 1, [at(20, 20), at(50, 20)])
    seen = reader.until(lambda seen: len(seen["rows"]) == 1)
    kind, words = seen["rows"][0]
    assert (kind, words.split()[1:]) == ("length", ["mm", "in", "patient", "plane"])
    assert float(words.split()[0]) == pytest.approx(24, abs=0.25)
    reader.x("key", "g")
    reader.until(lambda seen: first(seen)["tool"] == "angle")
    for place in (at(20, 30), at(20, 40), at(30, 40)):
        reader.x("mousemove", *place, "click", 1)
    seen = reader.until(lambda seen: len(seen["rows"]) == 2)
    angle = next(words for kind, words in seen["rows"] if kind == "angle")
    assert float(angle.rstrip("°")) == pytest.approx(90, abs=1.5)
    reader.x("key", "ctrl+z")
    reader.until(lambda seen: len(seen["rows"]) == 1)

    # two panes: the other series by a click in the browser; linked, the wheel goes by mm
    reader.x("key", "ctrl+2")
    seen = reader.until(lambda seen: len(seen["panes"]) == 2)
    shown = first(seen)["path"]
    there = next(path for path in seen["lines"] if path != shown)
    reader.x("mousemove", *pane(1)["middle"], "click", 1)
    reader.until(lambda seen: seen["active"] == 1)
    reader.x("mousemove", *reader.look()["lines"][there], "click", 1)
    both = reader.until(lambda seen: all(one and one["settled"] for one in seen["panes"]), 40)
    assert {one["path"] for one in both["panes"]} == set(both["lines"])
    reader.x("mousemove", *pane(0)["middle"], "click", 2)
    reader.x("key", "ctrl+j")
    counts = {path: 12 if path.endswith("one") else 24 for path in both["lines"]}
    start = pane(0)["frame"]
    reader.x("mousemove", *pane(0)["middle"], "click", 5, "click", 5)
    reader.until(lambda seen: first(seen)["frame"] == start + 2)

    def depth(one: Seen) -> float:
        count = counts[one["path"]]
        return (one["frame"] - (count - 1) / 2) * (3.0 if count == 12 else 1.5)

    reader.until(lambda seen: abs(depth(seen["panes"][0]) - depth(seen["panes"][1])) <= 1.5)
