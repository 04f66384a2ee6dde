"""A reader who marks a slide, with an X server's own mouse and keyboard: pan, zoom, draw, undo, save, reopen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.app.xvfb import needs_x, running

pytestmark = needs_x
LOOK = """
slide, out = paths[0], state.parent
def export():
    if (out / "export").exists():
        (out / "export").unlink()
        window.marking.export(out / "marks.geojson")
asked = QTimer(interval=50)
asked.timeout.connect(export)
asked.start()
def look():
    view, kept = window.panes.view, window.marking.kept(slide)
    if kept is None:
        return None
    marks = [[str(one.kind), one.class_name, *one.geometry.bounds] for one in kept.document.marks.values()]
    return {"origin": place(view, 0, 0), "size": [view.width(), view.height()], "x": view.camera.x, "y": view.camera.y,
            "scale": view.camera.scale, "tool": view.drawing.tool, "marks": marks, "unwritten": kept.keeping.unwritten,
            "undo": kept.document.undoable, "focus": view.hasFocus()}
"""


def test_pan_zoom_draw_undo_save_reopen(tmp_path: Path, screen: str) -> None:
    slide = tmp_path / "slide.tif"
    pixels = np.random.default_rng(0).integers(100, 255, (3000, 4000, 3), np.uint8)
    form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "compression": "zlib"}
    tifffile.imwrite(slide, pixels, tile=(256, 256), **form)
    with running(LOOK, [slide], tmp_path, screen) as reader:
        first = reader.until(lambda seen: seen["marks"] == [])
        reader.x("mousemove", *reader.at(400, 300))
        reader.x("click", 4, "click", 4)  # the wheel, two notches in
        zoomed = reader.until(lambda seen: seen["scale"] > 1.9 * first["scale"])
        reader.drag(2, (400, 300), (380, 290), (300, 240))  # the middle button pans
        scale = zoomed["scale"]
        panned = reader.until(lambda seen: seen["x"] - zoomed["x"] == pytest.approx(100 / scale, abs=1))
        assert panned["scale"] == scale
        assert panned["y"] - zoomed["y"] == pytest.approx(60 / scale, abs=1)
        for key, tool, kind in (("r", "rectangle", "rectangle"), ("o", "ellipse", "ellipse"), ("l", "line", "line")):
            count = len(reader.look()["marks"])
            reader.x("key", key)
            reader.until(lambda seen, tool=tool: seen["tool"] == tool)
            shift = 150 * count
            reader.drag(1, (100 + shift, 200), (150 + shift, 220), (200 + shift, 300))
            drawn = reader.until(lambda seen, count=count: len(seen["marks"]) == count + 1)
            mark = drawn["marks"][-1]
            assert mark[0] == kind
            width = (mark[4] - mark[2]) * scale
            assert width == pytest.approx(100, abs=1.5)
        reader.x("key", "2")
        reader.until(lambda seen: seen["marks"][-1][1] == "Stroma")
        reader.x("key", "ctrl+z", "ctrl+z")
        reader.until(lambda seen: len(seen["marks"]) == 2)
        reader.x("key", "ctrl+shift+z")
        reader.until(lambda seen: len(seen["marks"]) == 3)
        kept = reader.until(lambda seen: not seen["unwritten"])["marks"]
        (tmp_path / "export").touch()
        reader.until(lambda _: (tmp_path / "marks.geojson").exists())
    features = json.loads((tmp_path / "marks.geojson").read_text())["features"]
    assert len(features) == len(kept)
    with running(LOOK, [slide], tmp_path, screen) as reader:
        again = reader.until(lambda seen: len(seen["marks"]) == len(kept))
        assert again["marks"] == kept
