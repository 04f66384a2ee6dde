"""Marks as pixels: outlines where geometry says, a tint that drops nothing, edits that reach the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from viewers.annotations.annotation import Annotation, Kind, points
from viewers.annotations.classes import DEFAULT
from viewers.annotations.document import Annotations
from viewers.mark_tiles import CELL, MOST_OUTLINES, SIDE, Look, Place, render
from viewers.painter_path import painter_path

CLASSES = {one.name: one for one in DEFAULT}
LOOK = Look(CLASSES)


def alpha(image: QImage | None) -> NDArray[np.uint8]:
    assert image is not None
    return np.frombuffer(image.constBits(), np.uint8).reshape(SIDE, SIDE, 4)[..., 3]


def colours(image: QImage | None) -> NDArray[np.float64]:
    """Straight RGB where there is any."""
    assert image is not None
    words = np.frombuffer(image.convertToFormat(QImage.Format.Format_ARGB32).constBits(), np.uint8).reshape(SIDE, SIDE, 4)
    return words[..., 2::-1].astype(np.float64)


def test_a_path_fills_what_its_shapes_cover() -> None:
    holed = shapely.box(20, 20, 120, 90).difference(shapely.box(40, 40, 60, 60))
    parts = shapely.MultiPolygon([shapely.box(200, 10, 250, 40), shapely.Point(300, 300).buffer(50)])
    image = QImage(SIDE, SIDE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(painter_path([holed, parts], 1.25, 10, 5), QColor("black"))
    painter.end()
    truth = (holed.area + parts.area) * 1.25**2
    assert alpha(image).sum() / 255 == pytest.approx(truth, rel=0.003)


def test_no_shapes_make_no_path_and_no_image() -> None:
    assert painter_path([], 1, 0, 0).elementCount() == 0
    assert render(Annotations().snapshot, Place(1.0, 0, 0), LOOK) is None


@pytest.mark.parametrize("count", [1, 40, 900])
def test_few_marks_are_outlined_where_they_lie(count: int) -> None:
    rng = np.random.default_rng(count)
    x, y = rng.uniform(0, 480, (2, count))
    shapes = shapely.box(x, y, x + 20, y + 20)
    document = Annotations(Annotation(one, Kind.RECTANGLE, class_name="Tumor", object_type="detection") for one in shapes)
    image = render(document.snapshot, Place(1.0, 0, 0), LOOK)
    seen = alpha(image) > 60
    outlines = shapely.boundary(shapes)
    lines = shapely.union_all(outlines)
    places = np.argwhere(seen) + 0.5
    near = shapely.STRtree(outlines).query(shapely.points(places[:, 1], places[:, 0]), "dwithin", 3.0)
    assert len(np.unique(near[0])) == len(places)
    along = shapely.points([lines.interpolate(share, normalized=True).coords[0] for share in np.linspace(0, 1, 200)])
    inside = [(round(one.x), round(one.y)) for one in along if 3 < one.x < 508 and 3 < one.y < 508]
    assert all(seen[v - 2 : v + 3, u - 2 : u + 3].any() for u, v in inside)


def test_a_crowd_becomes_a_tint_in_which_every_mark_counts() -> None:
    rng = np.random.default_rng(1)
    centres = rng.uniform(0, SIDE / 0.25 * 0.7, (MOST_OUTLINES * 3, 2))
    shapes = shapely.box(centres[:, 0] - 2, centres[:, 1] - 2, centres[:, 0] + 2, centres[:, 1] + 2)
    document = Annotations(Annotation(one, Kind.POLYGON, class_name="Tumor") for one in shapes)
    image = render(document.snapshot, Place(0.25, 0, 0), LOOK)
    cells = np.zeros((SIDE // CELL, SIDE // CELL), bool)
    at = np.floor(centres * 0.25 / CELL).astype(int)
    cells[at[:, 1], at[:, 0]] = True
    found = alpha(image)[CELL // 2 :: CELL, CELL // 2 :: CELL] > 0
    assert (found == cells).all()
    tumor = np.array(CLASSES["Tumor"].colour)
    seen = colours(image)[CELL // 2 :: CELL, CELL // 2 :: CELL][cells]
    assert np.abs(seen - tumor).max() <= 3


def test_denser_is_darker_and_large_marks_keep_their_outline() -> None:
    rng = np.random.default_rng(2)
    dense, sparse = rng.uniform(0, 200, (4000, 2)), rng.uniform(300, 500, (400, 2))
    centres = np.concatenate([dense, sparse])
    shapes = shapely.box(centres[:, 0] - 1, centres[:, 1] - 1, centres[:, 0] + 1, centres[:, 1] + 1)
    region = Annotation(shapely.box(220, 50, 290, 450), Kind.RECTANGLE, class_name="Region*")
    marks = [Annotation(one, Kind.POLYGON, class_name="Tumor") for one in shapes]
    image = render(Annotations([*marks, region]).snapshot, Place(1.0, 0, 0), LOOK)
    tint = alpha(image)
    assert tint[20:180, 20:180].mean() > tint[320:480, 320:480].mean() + 40
    assert tint[250, 218:223].max() > 200


def test_hidden_classes_are_left_out_whether_outlined_or_tinted() -> None:
    hidden = Look({**CLASSES, "Tumor": replace(CLASSES["Tumor"], visible=False)})
    for count in (10, MOST_OUTLINES * 2):
        places = np.random.default_rng(3).uniform(10, 480, (count, 2))
        marks = [Annotation(shapely.box(x, y, x + 5, y + 5), Kind.RECTANGLE, class_name="Tumor") for x, y in places]
        document = Annotations(marks)
        assert render(document.snapshot, Place(1.0, 0, 0), hidden) is None
        document.add([Annotation(shapely.box(100, 100, 150, 150), Kind.RECTANGLE, class_name="Stroma")])
        image = render(document.snapshot, Place(1.0, 0, 0), hidden)
        assert alpha(image)[98:153, 98:153].any()
        assert not alpha(image)[200:, 200:].any()


def test_points_are_dots_of_their_colour() -> None:
    document = Annotations([Annotation(points([(100.5, 200.5), (300.5, 50.5)]), Kind.POINTS, class_name="Positive")])
    image = render(document.snapshot, Place(1.0, 0, 0), LOOK)
    for u, v in ((100, 200), (300, 50)):
        assert colours(image)[v, u] == pytest.approx(CLASSES["Positive"].colour, abs=2)
    assert np.count_nonzero(alpha(image) > 128) == pytest.approx(2 * np.pi * 25, rel=0.15)


@pytest.fixture(scope="module")
def white(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tifffile

    path = tmp_path_factory.mktemp("slide") / "white.tif"
    pixels = np.full((2048, 2048, 3), 255, np.uint8)
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="zlib")
    return path


def test_a_burst_of_edits_ends_in_the_picture_of_the_last(qtbot: QtBot, show_view: Callable[..., Any], white: Path) -> None:
    from viewers.qimage import to_array
    from viewers.sources import open_source

    view = show_view(open_source(white), 600, 400)
    document = Annotations()
    view.show_marks(document)
    view.zoom_to(0.25)
    view.centre_on(1024, 1024)
    mark = Annotation(shapely.box(600, 600, 700, 700), Kind.RECTANGLE, class_name="Tumor")
    document.add([mark])
    for step in range(40):
        document.replace(
            [replace(document.marks[mark.id], geometry=shapely.box(600 + 10 * step, 600, 700 + 10 * step, 700))], "move"
        )
        qtbot.wait(2)
        view.grab_view()
    u, v = view.camera.to_screen(990 + 100, 650)

    def red() -> NDArray[np.bool_]:
        picture = to_array(view.grab_view()).astype(int)
        return np.asarray((picture[..., 0] - picture[..., 1] > 60) & (picture[..., 0] - picture[..., 2] > 60))

    def right() -> bool:
        found = red()
        columns = np.flatnonzero(found[round(v)])
        return view.settled and len(columns) > 0 and abs(columns.max() - u) <= 3 and abs(columns.min() - (u - 25)) <= 3

    qtbot.waitUntil(right, timeout=10_000)
    view.show_marks(None)
    assert not red().any()
