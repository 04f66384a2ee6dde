"""Three linked planes driven by mouse and wheel, against the place a phantom was drawn at and the window of the standard."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.viewers.volumes import Phantom, Values, ball, oblique, slope
from viewers.dicom_view import RadiologyView
from viewers.grayscale import Window
from viewers.mpr import PLANES, Crosshair, Plane, cut_of
from viewers.mpr_board import MprBoard
from viewers.plane_reader import CutWish, PlaneReader
from viewers.plane_view import PlaneView
from viewers.qimage import to_array
from viewers.sources import open_source
from viewers.volume_cuts import Slab
from viewers.volume_reading import read_volume

LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier
AT = np.array([14.0, -27.0, 58.0])
Open = Callable[..., MprBoard]


@pytest.fixture
def board(qtbot: QtBot, tmp_path: Path) -> Iterator[Open]:
    made: list[MprBoard] = []

    def make(phantom: Phantom, values: Values) -> MprBoard:
        source = open_source(phantom.write(tmp_path / f"ct{len(made)}", values))
        stack = RadiologyView()
        stack.set_source(source)
        board = MprBoard(stack)
        made.append(board)
        board.resize(800, 600)
        board.show()
        board.show_volume(read_volume(source, 0, lambda *_: None, lambda: False))
        qtbot.waitUntil(lambda: board.settled and stack.settled, timeout=20_000)
        return board

    yield make
    for board in made:
        stack = board.give_back()
        stack.close_source()
        board.close()
        for widget in (stack, board):
            widget.deleteLater()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=20_000)


def on_screen(view: PlaneView, place: np.ndarray) -> QPoint:
    assert view.cut is not None
    u, v = view.camera.to_screen(*view.cut.pixel(place))
    return QPoint(round(u), round(v))


def settle(qtbot: QtBot, board: MprBoard) -> None:
    qtbot.waitUntil(lambda: board.settled, timeout=20_000)


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), oblique(20)])
def test_a_click_on_a_ball_takes_all_planes_and_the_stack_there(
    qtbot: QtBot, board: Open, orientation: tuple[float, ...]
) -> None:
    phantom = Phantom(orientation)
    shown = board(phantom, ball(AT))
    view = shown.views[Plane.CORONAL]
    shown.aim(AT + 9 * shown.crosshair.normal(Plane.AXIAL) + 8 * shown.crosshair.normal(Plane.SAGITTAL))
    settle(qtbot, shown)
    QTest.mouseClick(view, LEFT, NONE, on_screen(view, AT))
    settle(qtbot, shown)
    pixel = view.cut.pixel_mm[0] / view.camera.scale
    assert np.linalg.norm(shown.crosshair.place - AT) <= pixel
    depths = [float(phantom.normal @ (place - AT)) for place in phantom.places]
    assert shown.stack.frame == int(np.abs(depths).argmin())
    for plane in PLANES:
        one = shown.views[plane]
        grey = to_array(one.shown.image)[:, :, 0].astype(float)
        x, y = one.shown.cut.pixel(AT)
        assert grey[int(y), int(x)] > 250
        assert grey[0, 0] < 90


def test_the_wheel_goes_from_slice_to_slice_and_the_stack_leads_too(qtbot: QtBot, board: Open) -> None:
    phantom = Phantom()
    shown = board(phantom, slope((0, 0, 1)))
    shown.aim(phantom.places[10] + np.array([5.0, 5.0, 0.3]))
    for turned in (-120, -120, 120, -60, -60):
        where = QPointF(50, 50)
        event = QWheelEvent(
            where, where, QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(shown.views[Plane.AXIAL], event)
    assert shown.crosshair.at[2] == pytest.approx(phantom.places[12][2], abs=1e-5)
    assert shown.stack.frame == 12
    shown.stack.set_frame(3)
    assert shown.crosshair.at[2] == pytest.approx(phantom.places[3][2], abs=1e-5)
    settle(qtbot, shown)
    values = to_array(shown.views[Plane.AXIAL].shown.image)[:, :, 0]
    truth = np.clip((np.rint(phantom.places[3][2]) - 39.5) / 399 + 0.5, 0, 1) * 255
    assert np.abs(values - truth).max() <= 0.5


def test_handles_turn_the_two_other_planes(qtbot: QtBot, board: Open) -> None:
    shown = board(Phantom(rows=60, columns=60, count=50, spacing=(1, 1), step=1.0), slope((1.0, 2.0, 3.0)))
    view = shown.views[Plane.AXIAL]
    line = next(line for line in view._lines() if line.plane == Plane.CORONAL)
    reach = view._reach
    (u, v), start = line.middle, math.atan2(line.along[1], line.along[0])
    places = [
        QPoint(round(u + reach * math.cos(start + turn)), round(v + reach * math.sin(start + turn)))
        for turn in np.radians(range(0, 41, 5))
    ]
    QTest.mousePress(view, LEFT, NONE, places[0])
    for place in places[1:]:
        QTest.mouseMove(view, place)
    assert shown.views[Plane.CORONAL].busy is False
    assert view.busy
    QTest.mouseRelease(view, LEFT, NONE, places[-1])
    settle(qtbot, shown)
    assert shown.crosshair.name(Plane.AXIAL) == "axial"
    assert shown.crosshair.name(Plane.SAGITTAL) == "oblique, 40° off sagittal"
    turned = shown.crosshair.normal(Plane.CORONAL)
    assert np.degrees(math.acos(abs(float(turned @ [0, 1, 0])))) == pytest.approx(40, abs=1)
    for plane in PLANES:
        one = shown.views[plane]
        assert one.shown.wish.coarse == 1
        x, y = (int(part) for part in one.cut.pixel(shown.crosshair.place))
        found = one.shown.values.stored[y, x] - 1024
        assert found == pytest.approx(float(one.cut.place(x + 0.5, y + 0.5) @ [1.0, 2.0, 3.0]), abs=0.52)
    shown.reset()
    assert shown.crosshair.name(Plane.SAGITTAL) == "sagittal"


def test_the_window_is_one_and_is_dragged_in_any_plane(qtbot: QtBot, board: Open) -> None:
    shown = board(Phantom(), slope((0, 0, 3)))
    shown.stack.set_window(Window(100, 50))
    settle(qtbot, shown)
    view = shown.views[Plane.CORONAL]
    stored = view.shown.values.stored.astype(float) - 1024
    truth = np.clip((np.rint(stored) - 99.5) / 49 + 0.5, 0, 1) * 255
    assert np.abs(to_array(view.shown.image)[:, :, 0] - truth).max() <= 0.51
    middle = view.rect().center()
    QTest.mousePress(view, RIGHT, NONE, middle)
    QTest.mouseMove(view, middle + QPoint(40, 0))
    QTest.mouseRelease(view, RIGHT, NONE, middle + QPoint(40, 0))
    assert shown.stack.window_shown.width > 50
    before = to_array(view.shown.image)
    shown.stack.invert()
    settle(qtbot, shown)
    assert shown.views[Plane.AXIAL].shown.wish.inverted
    assert not np.array_equal(before, to_array(view.shown.image))


def test_a_slab_is_shown_and_said(qtbot: QtBot, board: Open) -> None:
    shown = board(Phantom(spacing=(1, 1), step=1.0), slope((0, 0, 4.0)))
    view = shown.views[Plane.AXIAL]
    thin = view.shown.values.stored.copy()
    shown.set_slab(Slab.MIP, 6.0)
    settle(qtbot, shown)
    assert np.allclose(view.shown.values.stored, thin + 12, atol=2.5)
    assert "MIP of 6 mm" in view.corners["top-left"]
    told: list[str] = []
    shown.pointerMoved.connect(lambda place: told.append(str(place)))
    QTest.mouseMove(view, view.rect().center())
    QTest.mouseMove(view, view.rect().center() + QPoint(3, 3))
    assert told[-1].endswith("HU, MIP of 6 mm")


def test_the_value_under_the_pointer_is_the_nearest_voxel_s(qtbot: QtBot, board: Open) -> None:
    rng = np.random.default_rng(2)
    phantom = Phantom()
    noise = rng.integers(-500, 500, (24, 40, 48))
    slices = iter(range(24))
    shown = board(phantom, lambda _: noise[next(slices)])
    told: list[object] = []
    shown.pointerMoved.connect(told.append)
    view = shown.views[Plane.SAGITTAL]
    QTest.mouseMove(view, QPoint(150, 120))
    QTest.mouseMove(view, QPoint(153, 121))
    place = told[-1].place  # type: ignore[attr-defined]
    corner = phantom.places[0]
    z, y, x = (round(float(part)) for part in (place - corner)[::-1] / [2.0, 0.9, 0.7])
    assert told[-1].value == noise[z, y, x]  # type: ignore[attr-defined]
    assert str(told[-1]).endswith("HU, nearest voxel")


def test_lengths_on_the_screen_are_the_patient_s(board: Open) -> None:
    """10 mm along each side of every plane, in screen pixels: the same, whatever the spacing."""
    shown = board(Phantom(spacing=(0.5, 1.2), step=3.0), ball(AT))
    for view in shown.views.values():
        origin = np.array(view.camera.to_screen(*view.cut.pixel(AT)))
        across = np.array(view.camera.to_screen(*view.cut.pixel(AT + 10 * np.array(view.cut.across)))) - origin
        down = np.array(view.camera.to_screen(*view.cut.pixel(AT + 10 * np.array(view.cut.down)))) - origin
        assert np.linalg.norm(across) == pytest.approx(np.linalg.norm(down), rel=1e-6)
        bar = 10 / view.cut.spacing.x_mm * view.camera.scale
        assert np.linalg.norm(across) == pytest.approx(bar, rel=1e-6)


def test_double_click_shows_one_plane_alone_and_all_again(board: Open) -> None:
    shown = board(Phantom(), ball(AT))
    view = shown.views[Plane.SAGITTAL]
    QTest.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert [one.isVisible() for one in shown.views.values()] == [False, False, True]
    QTest.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert all(one.isVisible() for one in (*shown.views.values(), shown.stack))


def test_what_a_sample_takes_is_learnt_from_oblique_planes_alone(tmp_path: Path) -> None:
    source = open_source(Phantom().write(tmp_path / "ct", slope((1.0, 0.0, 0.0))))
    volume = read_volume(source, 0, lambda *_: None, lambda: False)
    reader, straight = PlaneReader(volume), Crosshair.through(volume)
    reader.ms_per_sample = 1e6
    reader.make(CutWish(Plane.CORONAL, cut_of(volume, straight, Plane.CORONAL)))
    assert reader.ms_per_sample == 1e6
    reader.make(CutWish(Plane.CORONAL, cut_of(volume, straight.turned(Plane.AXIAL, 20), Plane.CORONAL), 2))
    assert reader.ms_per_sample < 1e6, "far more than any machine needs"
    source.close()
