"""Panes that move together, in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.app.conftest import Seat
from viewers.qimage import to_array

SIDE = 2048
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    options: dict[str, Any] = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(pixels, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **options)
    return path


def drawn() -> NDArray[np.uint8]:
    """Smooth colours, different everywhere."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return np.rint(np.stack([250 * x, 250 * y, 120 + 100 * np.sin(9 * (x + y))], -1)).astype(np.uint8)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write(tmp_path / "first.tif", drawn())


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """The same slide, put on the glass a quarter turn clockwise."""
    return write(tmp_path / "turned.tif", np.ascontiguousarray(np.rot90(drawn(), -1)))


def two(seat: Seat, one: Path, other: Path) -> tuple[Any, Any]:
    seat.open(one, other)
    seat.act("panes-2")
    seat.show(one)
    seat.window.panes.activate(1)
    browser = seat.window.browser
    line = browser.view.visualRect(browser.index_of(other))
    QTest.mouseClick(browser.view.viewport(), LEFT, NONE, line.center())
    seat.wait(lambda: seat.window.panes.view.source is not None)
    seat.window.panes.activate(0)
    views = seat.window.panes.panes[0].view, seat.window.panes.panes[1].view
    seat.wait(lambda: all(view.settled for view in views))
    return views


def around_middle(view: Any) -> tuple[float, float]:
    """The place 50 px right of and 60 px below the pane's middle."""
    x, y = view.camera.from_screen(view.camera.width / 2 + 50, view.camera.height / 2 + 60)
    return x, y


def click(view: Any, place: tuple[float, float]) -> None:
    u, v = view.camera.to_screen(*place)
    QTest.mouseClick(view, LEFT, NONE, QPoint(round(u), round(v)))


def test_panes_of_one_slide_move_together(seat: Seat, first: Path) -> None:
    left, right = two(seat, first, first)
    seat.act("link")
    assert seat.window.looking.linking.linked is not None
    for view, other in ((left, right), (right, left)):
        view.zoom(1.7, 100, 80)
        view.turn_to(view.camera.angle + 40)
        view.pan_fields(0.1, 0.2)
        seat.wait(lambda: left.settled and right.settled)
        assert around_middle(other) == pytest.approx(around_middle(view), abs=0.01)
    assert left.selection is None
    left.select_middle()
    assert right.selection is None, "they share nothing but where they look"
    assert seat.window.looking.linking.unlink()
    before = right.camera.x
    left.centre_on(100, 100)
    assert right.camera.x == before


def test_two_slides_are_linked_by_two_places(seat: Seat, first: Path, turned: Path) -> None:
    left, right = two(seat, first, turned)
    seat.act("link")
    linking = seat.window.looking.linking
    assert linking.picks is not None
    for x, y in ((500, 600), (1500, 1400)):
        click(left, (x, y))
        assert linking.linked is None
        click(right, (SIDE - y, x))
    assert linking.linked is not None
    left.zoom_to(0.6)
    left.centre_on(900, 1100)
    seat.wait(lambda: left.settled and right.settled)
    assert right.camera.angle == pytest.approx(270, abs=1.0), "as the slide lies, to a pixel of the hand"
    assert right.camera.scale == pytest.approx(left.camera.scale, rel=0.02)
    found = [to_array(view.grab_view())[150:-150, 100:-100].astype(int) for view in (left, right)]
    height, width = (min(one.shape[axis] for one in found) for axis in (0, 1))
    assert np.abs(found[0][:height, :width] - found[1][:height, :width]).mean() < 4
    assert left.selection is right.selection is None, "a click that picks selects nothing"


def test_escape_gives_up_and_places_too_close_are_not_taken(seat: Seat, first: Path, turned: Path) -> None:
    left, _right = two(seat, first, turned)
    signs = list(left.signs)
    seat.act("link")
    assert left.signs != signs
    linking = seat.window.looking.linking
    click(left, (500, 600))
    click(left, (502, 601))
    assert linking.picks is not None
    assert len(linking.picks[first]) == 1
    seat.act("cancel")
    assert linking.picks is None
    assert linking.linked is None
    assert left.signs == signs


def test_another_slide_in_a_pane_ends_the_link(seat: Seat, first: Path, turned: Path) -> None:
    two(seat, first, first)
    seat.act("link")
    seat.window.panes.activate(1)
    seat.open(turned)
    seat.wait(lambda: seat.window.panes.view.source is not None and seat.window.panes.view.source.path == turned)
    assert seat.window.looking.linking.linked is None


def test_one_pane_alone_cannot_be_linked(seat: Seat, first: Path) -> None:
    seat.open(first)
    seat.act("link")
    assert "two panes" in seat.window.status.note.text()
