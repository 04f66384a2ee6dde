"""Real mouse and key events on a real pane."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from viewers.canvas import Canvas
from viewers.geometry import Region
from viewers.gestures import Tool
from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]
LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "noise 🫁.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (600, 800, 3), dtype=np.uint8)).save(path)
    return path


def send(view: QWidget, kind: QEvent.Type, place: tuple[float, float], button: Qt.MouseButton, held: Qt.MouseButton) -> None:
    where = QPointF(*place)
    event = QMouseEvent(kind, where, view.mapToGlobal(where), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(view, event)


def drag(view: QWidget, start: tuple[float, float], end: tuple[float, float], button: Qt.MouseButton = LEFT) -> None:
    none = Qt.MouseButton.NoButton
    send(view, QEvent.Type.MouseButtonPress, start, button, button)
    for share in (0.1, 0.5, 1.0):
        place = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        send(view, QEvent.Type.MouseMove, place, none, button)
    send(view, QEvent.Type.MouseButtonRelease, end, button, none)


def wheel(view: QWidget, place: tuple[float, float], turned: int, ctrl: bool = False) -> None:
    modifiers = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
    where = QPointF(*place)
    event = QWheelEvent(
        where, view.mapToGlobal(where), QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


@pytest.mark.parametrize("zoom", [0.5, 1.0, 3.0])
def test_a_dragged_region_is_in_level_0_pixels(qtbot: QtBot, show_view: Show, picture: Path, zoom: float) -> None:
    view = show_view(open_source(picture))
    view.zoom_to(zoom)
    view.centre_on(400, 300)
    with qtbot.waitSignal(view.regionSelected) as caught:
        drag(view, (120, 90), (300, 240))
    per_pixel = view.devicePixelRatioF() / zoom  # level-0 pixels per screen pixel
    region = caught.args[0]
    truth = [400 + (120 - 200) * per_pixel, 300 + (90 - 150) * per_pixel]
    truth += [400 + (300 - 200) * per_pixel, 300 + (240 - 150) * per_pixel]
    truth = [max(0, min(truth[i], (800, 600)[i % 2])) for i in range(4)]
    assert np.abs(np.array([region.x, region.y, region.right, region.bottom]) - truth).max() <= 0.5
    assert view.selection == region


def test_regions_end_at_the_picture(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture), 600, 300)
    drag(view, (5, 5), (595, 295))
    found = view.selection
    assert (found.x, found.right) == (0, 800)
    assert found.y >= 0
    assert found.bottom <= 600


def test_a_shaky_click_is_no_drag(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.set_selection(Region(1, 2, 3, 4))
    drag(view, (100, 100), (103, 98))
    assert view.selection == Region(1, 2, 3, 4)


def test_escape_gives_up_the_drag_then_the_region(qtbot: QtBot, show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.set_selection(Region(10, 10, 50, 50))
    send(view, QEvent.Type.MouseButtonPress, (50, 50), LEFT, LEFT)
    send(view, QEvent.Type.MouseMove, (150, 150), Qt.MouseButton.NoButton, LEFT)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    send(view, QEvent.Type.MouseButtonRelease, (150, 150), LEFT, Qt.MouseButton.NoButton)
    assert view.selection == Region(10, 10, 50, 50)
    with qtbot.waitSignal(view.regionSelected) as caught:
        QTest.keyClick(view, Qt.Key.Key_Escape)
    assert caught.args == [None]
    assert view.selection is None


def test_panning_by_middle_button_space_and_tool(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.one_to_one()
    scale = view.camera.scale

    def moved(work: Callable[[], None]) -> tuple[float, float]:
        view.centre_on(400, 300)
        work()
        return (400 - view.camera.x) * scale, (300 - view.camera.y) * scale

    assert moved(lambda: drag(view, (100, 100), (130, 80), MIDDLE)) == pytest.approx((30, -20))
    QTest.keyPress(view, Qt.Key.Key_Space)
    assert moved(lambda: drag(view, (100, 100), (130, 80))) == pytest.approx((30, -20))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert moved(lambda: drag(view, (100, 100), (130, 80))) == (0, 0)
    QTest.keyClick(view, Qt.Key.Key_V)
    assert view.tool == Tool.PAN
    assert moved(lambda: drag(view, (100, 100), (130, 80))) == pytest.approx((30, -20))


def test_keys_fit_enlarge_and_move_half_a_field(qtbot: QtBot, show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.one_to_one()
    assert view.camera.device_scale == 1.0
    view.centre_on(400, 300)
    QTest.keyClick(view, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: view.settled)
    assert view.camera.x - 400 == pytest.approx(200 / view.camera.scale)
    QTest.keyClick(view, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: view.settled)
    assert 300 - view.camera.y == pytest.approx(150 / view.camera.scale)
    QTest.keyClick(view, Qt.Key.Key_F)
    assert view.visible_region() == Region(0, 0, 800, 600)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert view.selection == Region(200, 150, 400, 300)


def test_the_wheel_zooms_about_the_cursor(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.one_to_one()
    before = view.camera.from_screen(150, 120)
    wheel(view, (150, 120), 240)
    assert view.camera.device_scale == pytest.approx(2.0)
    assert view.camera.from_screen(150, 120) == pytest.approx(before)


def test_double_click_fits(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    view.zoom_to(5)
    QTest.mouseDClick(view, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(100, 100))
    assert view.visible_region() == Region(0, 0, 800, 600)


def test_the_pointer_is_told_in_level_0_pixels(show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    told: list[Any] = []
    view.pointerMoved.connect(told.append)
    send(view, QEvent.Type.MouseMove, (100, 75), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)
    assert (told[-1].x, told[-1].y) == pytest.approx((200, 150))
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert told[-1] is None


def test_painted_pixels_are_the_stored_ones_at_1_to_1(qtbot: QtBot, show_view: Show, picture: Path) -> None:
    from PIL import Image

    truth = np.asarray(Image.open(picture))
    view = show_view(open_source(picture), 400, 300)
    view.one_to_one()
    view.centre_on(333.3, 222.2)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    ratio = view.devicePixelRatioF()
    found = to_array(view.grab_view())
    x0, y0, _, _ = view.camera.to_device((0, 0, 1, 1))
    height, width = found.shape[:2]
    rows, columns = slice(height // 4, height // 2), slice(width // 4, width // 2)
    shifted = truth[rows.start - int(y0) : rows.stop - int(y0), columns.start - int(x0) : columns.stop - int(x0)]
    assert np.array_equal(found[rows, columns], shifted)
    assert abs(x0 - (200 * ratio - 333.3)) <= 0.5


def test_an_empty_pane_says_what_to_do_and_takes_events(qtbot: QtBot) -> None:
    view = Canvas()
    qtbot.addWidget(view)
    view.resize(400, 300)
    blank = to_array(view.grab_view())
    assert len(np.unique(blank.reshape(-1, 3), axis=0)) > 5, "there are words on it"
    drag(view, (10, 10), (100, 100))
    wheel(view, (50, 50), 120)
    QTest.keyClick(view, Qt.Key.Key_F)
    assert view.selection is None
    view.set_status("cannot show: it is no picture.")
    assert not np.array_equal(to_array(view.grab_view()), blank)


def test_results_belong_to_the_picture_and_go_with_it(qtbot: QtBot, show_view: Show, picture: Path) -> None:
    view = show_view(open_source(picture))
    plain = to_array(view.grab_view())
    view.show_heatmap(np.ones((4, 4), np.float32), (0, 0, 800, 600), 0, 1, "a phrase", "score", False)
    view.show_boxes([("thing", 100, 100, 300, 300)])
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    marked = to_array(view.grab_view())
    assert np.abs(marked.astype(int) - plain).mean() > 10
    view.clear_results()
    assert np.array_equal(to_array(view.grab_view()), plain)
    view.set_source(None)
    assert view.source is None
    assert not view.overlay.present


def test_a_person_s_region_is_solid_and_a_model_s_dashed(show_view: Show, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "black.png"
    Image.new("RGB", (800, 600)).save(path)
    view = show_view(open_source(path), 800, 600)
    edge = slice(int(320 * view.devicePixelRatioF()), int(480 * view.devicePixelRatioF()))
    row = int(200 * view.devicePixelRatioF())

    def line() -> Any:
        view.set_selection(Region(200, 200, 400, 200), proposed)
        return to_array(view.grab_view())[row - 2 : row + 3, edge].max(axis=(0, 2))

    proposed = False
    assert line().min() > 150
    proposed = True
    dashes = line() > 120
    assert 0.4 < dashes.mean() < 0.8
