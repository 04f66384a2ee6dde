"""Drawing on a slide with a real mouse: shapes land where the hand was, turned or not, and are painted where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from viewers.annotations.annotation import Annotation, Kind, rectangle
from viewers.annotations.document import Annotations
from viewers.drawing import BRUSH, MOVE, WAND
from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]
DISC = (2000, 1500, 400)
"""Centre and radius of a purple disc on the slide, in level-0 pixels."""


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """White with one purple disc, 4096 × 3072, 0.5 µm per pixel."""
    import tifffile

    y, x = np.mgrid[:3072, :4096]
    pixels = np.full((3072, 4096, 3), 250, np.uint8)
    pixels[(x - DISC[0]) ** 2 + (y - DISC[1]) ** 2 < DISC[2] ** 2] = (150, 80, 160)
    path = tmp_path_factory.mktemp("slide") / "disc.tif"
    tifffile.imwrite(
        path,
        pixels,
        tile=(256, 256),
        photometric="rgb",
        compression="zlib",
        resolution=(20_000, 20_000),
        resolutionunit="CENTIMETER",
    )
    return path


@pytest.fixture(params=[(0.0, False), (90.0, False), (33.0, True)])
def view(request: pytest.FixtureRequest, qtbot: QtBot, show_view: Show, slide: Path) -> Any:
    made = show_view(open_source(slide), 700, 500)
    made.show_marks(Annotations())
    made.zoom_to(0.25)
    made.centre_on(2000, 1500)
    made.turn_to(request.param[0])
    if request.param[1]:
        made.flip()
    qtbot.waitUntil(lambda: made.settled, timeout=20_000)
    return made


def drag(view: Any, *places: tuple[int, int], modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, modifiers, QPoint(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(view, QPoint(*place))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, modifiers, QPoint(*places[-1]))


def only(view: Any) -> Annotation:
    (mark,) = view.drawing.document.marks.values()
    return mark


@pytest.mark.parametrize("kind", [Kind.RECTANGLE, Kind.ELLIPSE, Kind.LINE])
def test_a_drag_draws_between_its_ends_and_is_undone(view: Any, kind: Kind) -> None:
    view.set_marking(kind)
    drag(view, (200, 150), (220, 160), (400, 330))
    a, b = view.camera.from_screen(200, 150), view.camera.from_screen(400, 330)
    mark = only(view)
    assert mark.kind == kind
    truth = (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
    assert mark.geometry.bounds == pytest.approx(truth, abs=1e-6)
    assert view.drawing.tool == MOVE
    assert [one.id for one in view.drawing.selected] == [mark.id]
    view.drawing.document.undo()
    assert not view.drawing.document.marks
    assert not view.drawing.selected


def test_a_polygon_by_clicks_and_one_freehand(view: Any) -> None:
    corners = [(200, 150), (400, 160), (350, 400)]
    view.set_marking(Kind.POLYGON)
    for corner in corners:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(*corner))
    QTest.keyClick(view, Qt.Key.Key_Return)
    truth = shapely.Polygon([view.camera.from_screen(*corner) for corner in corners])
    assert only(view).geometry.symmetric_difference(truth).area < 1e-6 * truth.area
    view.drawing.document.undo()
    view.set_marking(Kind.POLYGON)
    turns = np.linspace(0, 2 * np.pi, 90)
    drag(view, *[(round(350 + 80 * np.cos(turn)), round(250 + 80 * np.sin(turn))) for turn in turns])
    assert only(view).geometry.area == pytest.approx(np.pi * (80 / view.camera.scale) ** 2, rel=0.03)


def test_points_gather_and_escape_gives_up_a_polyline(view: Any) -> None:
    view.set_marking(Kind.POINTS)
    for place in ((200, 200), (300, 220), (320, 300)):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(*place))
    assert len(only(view).geometry.geoms) == 3
    view.set_marking(Kind.POLYLINE)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert only(view).kind == Kind.POINTS


def test_the_brush_paints_and_alt_erases(view: Any) -> None:
    view.set_marking(BRUSH)
    view.drawing.brush_px = 60
    drag(view, (250, 250), (450, 250))
    pixel = 1 / view.camera.scale
    painted = only(view).geometry
    assert painted.area == pytest.approx((200 * 60 + np.pi * 30**2) * pixel**2, rel=0.02)
    drag(view, (350, 200), (350, 300), modifiers=Qt.KeyboardModifier.AltModifier)
    QTest.qWait(1)
    parts = only(view).geometry
    assert parts.geom_type == "MultiPolygon"
    assert parts.area == pytest.approx(painted.area - 60 * 60 * pixel**2, rel=0.05)
    view.drawing.document.undo()
    assert only(view).geometry.equals(painted)


def test_the_wand_finds_the_disc(view: Any, qtbot: QtBot) -> None:
    view.zoom_to(0.12)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    view.set_marking(WAND)
    u, v = (round(place) for place in view.camera.to_screen(*DISC[:2]))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(u, v))
    truth = shapely.Point(DISC[:2]).buffer(DISC[2], quad_segs=32)
    found = only(view).geometry
    assert found.intersection(truth).area / found.union(truth).area > 0.9


def test_a_mark_is_chosen_moved_reshaped_and_deleted(view: Any) -> None:
    document = view.drawing.document
    document.add([Annotation(rectangle((1800, 1400), (2200, 1700)), Kind.RECTANGLE)])
    view.set_marking(MOVE)
    inside = tuple(round(place) for place in view.camera.to_screen(2000, 1550))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(*inside))
    assert [one.id for one in view.drawing.selected] == [only(view).id]
    drag(view, inside, (inside[0] + 10, inside[1]), (inside[0] + 40, inside[1] + 20))
    start, end = view.camera.from_screen(*inside), view.camera.from_screen(inside[0] + 40, inside[1] + 20)
    moved = (1800 + end[0] - start[0], 1400 + end[1] - start[1])
    assert only(view).geometry.bounds[:2] == pytest.approx(moved)
    corner = tuple(round(place) for place in view.camera.to_screen(*moved))
    drag(view, corner, (corner[0] + 9, corner[1] + 3), (corner[0] + 12, corner[1] + 5))
    x, y = view.camera.from_screen(corner[0] + 12, corner[1] + 5)
    bounds = only(view).geometry.bounds
    assert min(abs(bounds[0] - x), abs(bounds[2] - x)) < 1e-6
    assert min(abs(bounds[1] - y), abs(bounds[3] - y)) < 1e-6
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert not document.marks
    for _ in range(3):
        document.undo()
    assert only(view).geometry.bounds == (1800, 1400, 2200, 1700)


def test_with_space_the_hand_pans_and_beside_every_mark_it_pans_too(view: Any) -> None:
    view.set_marking(Kind.RECTANGLE)
    before = view.camera.x, view.camera.y
    QTest.keyPress(view, Qt.Key.Key_Space)
    drag(view, (200, 200), (250, 240), (300, 260))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert (view.camera.x, view.camera.y) != before
    view.set_marking(MOVE)
    before = view.camera.x, view.camera.y
    drag(view, (200, 200), (250, 240), (300, 260))
    assert (view.camera.x, view.camera.y) != before
    assert not view.drawing.document.marks


def test_marks_are_painted_where_they_are_and_hidden_with_their_class(view: Any, qtbot: QtBot) -> None:
    document = view.drawing.document
    document.add([Annotation(rectangle((1300, 1000), (2700, 2000)), Kind.RECTANGLE, class_name="Tumor")])
    edges = [view.camera.to_screen(x, y) for x, y in ((1300, 1500), (2700, 1500), (2000, 1000), (2000, 2000))]

    def red() -> list[bool]:
        picture = to_array(view.grab_view()).astype(int)
        near = [picture[round(v) - 2 : round(v) + 3, round(u) - 2 : round(u) + 3].reshape(-1, 3) for u, v in edges]
        return [bool(((one[:, 0] - one[:, 1] > 90) & (one[:, 0] - one[:, 2] > 90)).any()) for one in near]

    view.grab_view()
    qtbot.waitUntil(lambda: view.settled and all(red()), timeout=5000)
    classes = [one if one.name != "Tumor" else type(one)(one.name, one.colour, one.key, False) for one in document.classes]
    document.set_classes(classes)
    qtbot.waitUntil(lambda: not any(red()), timeout=5000)
    document.undo()
    qtbot.waitUntil(lambda: all(red()), timeout=5000)
