"""Measuring on a film with a real mouse: every tool reads what lies under its places, on turned films with tall pixels too."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from viewers.annotations.annotation import Annotation
from viewers.annotations.document import Annotations
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import FilmTool, beside, key_of
from viewers.film_marks.measuring import measured
from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]
ACROSS, DOWN = 0.5, 1.0
"""Millimetres from column to column and from row to row."""
STORED = np.random.default_rng(3).integers(-1000, 2000, (3, 150, 200)).astype("<i2")


@pytest.fixture(params=[(0.0, False), (90.0, False), (270.0, True)])
def view(request: pytest.FixtureRequest, qtbot: QtBot, show_view: Show, write_dicom: Callable[..., Path]) -> Any:
    path = write_dicom(
        STORED, Modality="CT", NumberOfFrames=3, Rows=150, Columns=200, PixelSpacing=[DOWN, ACROSS],
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2", RescaleSlope=1, RescaleIntercept=0, RescaleType="HU",
    )  # fmt: skip
    made = show_view(open_source(path), 700, 600)
    made.show_marks(Annotations(), Film(made.source))
    made.set_frame(1)
    made.turn_to(request.param[0])
    if request.param[1]:
        made.flip()
    qtbot.waitUntil(lambda: made.settled, timeout=20_000)
    return made


def at(view: Any, x: float, y: float) -> QPoint:
    """The screen pixel nearest to a place of the picture."""
    u, v = view.camera.to_screen(x, y)
    return QPoint(round(u), round(v))


def place(view: Any, point: QPoint) -> tuple[float, float]:
    return tuple(view.camera.from_screen(point.x(), point.y()))


def drag(view: Any, *points: QPoint, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, modifiers, points[0])
    for point in points[1:]:
        QTest.mouseMove(view, point)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, modifiers, points[-1])


def click(view: Any, point: QPoint) -> None:
    QTest.mouseMove(view, point)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)


def only(view: Any) -> Annotation:
    (mark,) = view.drawing.document.marks.values()
    return mark


def value(view: Any, name: str) -> float:
    mark = only(view)
    found = measured(mark, view.marks.film, view.marks.film.numbers[key_of(mark)]).named(name)
    assert found is not None
    return found.value


def mm(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (b[0] - a[0]) * ACROSS, (b[1] - a[1]) * DOWN


def test_a_length_by_drag_and_by_two_clicks(view: Any) -> None:
    a, b = at(view, 40, 30), at(view, 120, 90)
    truth = math.hypot(*mm(place(view, a), place(view, b)))
    view.set_marking(FilmTool.LENGTH)
    drag(view, a, at(view, 50, 50), b)
    assert value(view, "Length") == pytest.approx(truth)
    assert key_of(only(view)) == view.marks.film.keys[1]
    assert view.drawing.tool == ""
    view.drawing.document.undo()
    view.set_marking(FilmTool.LENGTH)
    click(view, a)
    click(view, b)
    assert value(view, "Length") == pytest.approx(truth)


def test_an_angle_by_clicks_and_by_drags(view: Any) -> None:
    points = at(view, 40, 30), at(view, 60, 90), at(view, 150, 70)
    (a, b, c) = (place(view, point) for point in points)
    one, other = mm(b, a), mm(b, c)
    cosine = (one[0] * other[0] + one[1] * other[1]) / math.hypot(*one) / math.hypot(*other)
    truth = math.degrees(math.acos(cosine))
    view.set_marking(FilmTool.ANGLE)
    for point in points:
        click(view, point)
    assert value(view, "Angle") == pytest.approx(truth)
    view.drawing.document.undo()
    view.set_marking(FilmTool.ANGLE)
    drag(view, points[0], points[1])
    click(view, points[2])
    assert value(view, "Angle") == pytest.approx(truth)


@pytest.mark.parametrize("tool", [FilmTool.COBB, FilmTool.RATIO])
def test_two_strokes(view: Any, tool: FilmTool) -> None:
    points = [at(view, 40, 30), at(view, 120, 45), at(view, 30, 110), at(view, 160, 90)]
    places = [place(view, point) for point in points]
    one, other = mm(*places[:2]), mm(*places[2:])
    view.set_marking(tool)
    drag(view, points[0], points[1])
    assert not view.drawing.document.marks
    drag(view, points[2], points[3])
    if tool is FilmTool.COBB:
        tilts = [math.degrees(math.atan2(step[1], step[0])) for step in (one, other)]
        assert value(view, "Cobb angle") == pytest.approx(abs(tilts[0] - tilts[1]))
    else:
        assert value(view, "Cardiothoracic ratio") == pytest.approx(math.hypot(*one) / math.hypot(*other))


def test_shift_holds_the_second_stroke_parallel(view: Any) -> None:
    view.set_marking(FilmTool.RATIO)
    drag(view, at(view, 40, 30), at(view, 120, 45))
    drag(view, at(view, 30, 110), at(view, 160, 90), modifiers=Qt.KeyboardModifier.ShiftModifier)
    one, other = (shapely.get_coordinates(part) for part in only(view).geometry.geoms)
    a, b = one[1] - one[0], other[1] - other[0]
    assert a[0] * b[1] - a[1] * b[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("tool", [FilmTool.ELLIPSE, FilmTool.RECTANGLE, FilmTool.FREEHAND])
def test_areas_read_the_pixels_of_the_frame_that_is_shown(qtbot: QtBot, view: Any, tool: FilmTool) -> None:
    view.set_marking(tool)
    if tool is FilmTool.FREEHAND:
        points = [at(view, *spot) for spot in ((40, 30), (110, 26), (140, 70), (90, 110), (45, 80), (40, 31))]
        drag(view, *points)
    else:
        drag(view, at(view, 40, 30), at(view, 60, 60), at(view, 121, 95))
    mark = only(view)
    y, x = np.mgrid[:150, :200] + 0.5
    x0, y0, x1, y1 = mark.geometry.bounds
    if tool is FilmTool.ELLIPSE:
        mask = ((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 <= 1
        area = math.pi / 4 * (x1 - x0) * (y1 - y0) * ACROSS * DOWN
    elif tool is FilmTool.RECTANGLE:
        mask, area = (x >= x0) & (x < x1) & (y >= y0) & (y < y1), (x1 - x0) * (y1 - y0) * ACROSS * DOWN
    else:
        mask, area = shapely.contains_xy(mark.geometry, x + 1e-5, y + 1e-8), mark.geometry.area * ACROSS * DOWN
    truth = STORED[1][mask].astype(float)
    assert value(view, "Mean") == pytest.approx(truth.mean())
    assert value(view, "SD") == pytest.approx(truth.std())
    assert (value(view, "Minimum"), value(view, "Maximum")) == (truth.min(), truth.max())
    assert value(view, "Area") == pytest.approx(area)
    view.grab()
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    view.grab()
    assert view.marks.values.of(mark, 1, None).named("Mean").value == pytest.approx(truth.mean())  # what stands beside it


def test_a_probe_and_an_arrow_that_waits_for_its_text(qtbot: QtBot, view: Any) -> None:
    view.set_marking(FilmTool.PROBE)
    click(view, at(view, 77.5, 60.5))
    x, y = (int(one) for one in place(view, at(view, 77.5, 60.5)))
    assert value(view, "Value") == STORED[1, y, x]
    view.drawing.document.undo()
    asked: list[Annotation] = []
    view.drawing.wordsWanted.connect(asked.append)
    view.set_marking(FilmTool.ARROW)
    drag(view, at(view, 40, 30), at(view, 70, 60))
    assert not view.drawing.document.marks
    assert view.drawing.sketch is asked[0]
    view.drawing.keep(asked[0])
    assert only(view).id == asked[0].id


def test_marks_are_seen_on_their_frame_alone_and_carried_with_their_text(qtbot: QtBot, view: Any) -> None:
    view.set_marking(FilmTool.LENGTH)
    a, b = at(view, 40, 60), at(view, 120, 90)
    drag(view, a, b)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    with_mark = to_array(view.grab().toImage())
    colour = np.array((111, 227, 193))
    assert (np.abs(with_mark.astype(int) - colour).max(axis=2) < 12).sum() > 60
    again = [to_array(view.grab().toImage()).astype(int) for _ in range(3)]  # kept as an image, then drawn from it
    assert max(np.abs(one - with_mark).max() for one in again) <= 2
    (label,) = view.marks.labels
    drag(view, label.rect.center().toPoint(), label.rect.center().toPoint() + QPoint(30, -55))
    put = beside(only(view)).label
    assert put is not None
    moved = at(view, *put) - label.rect.center().toPoint()
    assert abs(moved.x() - 30) <= 1
    assert abs(moved.y() + 55) <= 1
    before = only(view)
    middle = (a + b) / 2
    drag(view, middle, middle + QPoint(5, 5), middle + QPoint(20, 10))
    shift = shapely.get_coordinates(only(view).geometry)[0] - shapely.get_coordinates(before.geometry)[0]
    label_shift = np.array(beside(only(view)).label) - np.array(put)
    assert label_shift == pytest.approx(shift)
    assert np.hypot(*(shift * view.camera.scale * np.array([1, DOWN / ACROSS]))) == pytest.approx(math.hypot(20, 10), abs=0.01)
    view.set_frame(2)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert (np.abs(to_array(view.grab().toImage()).astype(int) - colour).max(axis=2) < 12).sum() == 0
    assert not view.drawing.selected
    view.go_to(only(view))
    assert view.frame == 1
    assert [one.id for one in view.drawing.selected] == [only(view).id]


def test_corners_undo_delete_escape_and_backspace(view: Any) -> None:
    view.set_marking(FilmTool.ANGLE)
    for spot in ((40, 30), (60, 90), (150, 70)):
        click(view, at(view, *spot))
    drag(view, at(view, 60, 90), at(view, 65, 95), at(view, 80, 100))
    assert shapely.get_coordinates(only(view).geometry)[1] == pytest.approx(place(view, at(view, 80, 100)), abs=1e-6)
    view.drawing.document.undo()
    assert shapely.get_coordinates(only(view).geometry)[1] == pytest.approx(place(view, at(view, 60, 90)), abs=1e-6)
    view.drawing.document.redo()
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert not view.drawing.document.marks
    view.drawing.document.undo()
    assert len(view.drawing.document.marks) == 1
    view.set_marking(FilmTool.COBB)
    drag(view, at(view, 30, 20), at(view, 80, 22))
    click(view, at(view, 30, 60))
    QTest.keyClick(view, Qt.Key.Key_Backspace)
    assert shapely.get_num_coordinates(view.drawing.shape) == 2
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.drawing.shape is None
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.drawing.tool == ""


def test_where_no_mark_is_the_mouse_stays_the_panes(view: Any) -> None:
    view.set_marking(FilmTool.ELLIPSE)
    drag(view, at(view, 40, 30), at(view, 121, 95))
    chosen: list[Any] = []
    view.regionSelected.connect(chosen.append)
    drag(view, at(view, 75, 55), at(view, 80, 60), at(view, 90, 75))  # inside the ellipse, away from its line
    assert chosen
    assert chosen[-1] == view.selection
    assert len(view.drawing.document.marks) == 1


def test_marks_that_are_hidden_are_said_and_left_alone(view: Any) -> None:
    view.set_marking(FilmTool.LENGTH)
    a, b = at(view, 40, 60), at(view, 120, 90)
    drag(view, a, b)
    view.marks.visible = False
    assert view.corner_lines()["bottom-left"][0] == "1 mark hidden"
    mark = only(view)
    drag(view, (a + b) / 2, (a + b) / 2 + QPoint(20, 20))
    assert only(view) is mark
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert only(view) is mark
