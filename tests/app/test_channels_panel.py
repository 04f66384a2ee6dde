"""Channels and planes in the window: there for slides that have them, and the picture follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.viewers.tiffs import waves, write_ome
from viewers.geometry import Region


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    data = waves(12, 300, 400).reshape(2, 2, 3, 300, 400)
    return write_ome(tmp_path / "stack.ome.tif", data, "TZCYX", tile=(128, 128), photometric="minisblack")


def test_the_panel_comes_and_goes_with_the_slide(seat: Any, stack: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(120, 220, (500, 600, 3), np.uint8)
    tifffile.imwrite(tmp_path / "he.tif", pixels, tile=(256, 256), photometric="rgb", metadata=None)
    seat.open(stack, tmp_path / "he.tif")
    side = seat.window.side
    assert side.isTabVisible(side.indexOf(side.channels))
    seat.show(tmp_path / "he.tif")
    seat.wait(lambda: not side.isTabVisible(side.indexOf(side.channels)))
    seat.show(stack)
    seat.wait(lambda: side.isTabVisible(side.indexOf(side.channels)))


def test_checks_ranges_and_planes_reach_the_screen_and_no_model(seat: Any, stack: Path) -> None:
    seat.open(stack)
    seat.act("channels")
    panel, view = seat.window.side.channels, seat.window.panes.view
    assert seat.window.side.currentWidget() is panel
    before = view.source.read(Region(0, 0, 400, 300))
    rows = panel._rows
    assert [row.check.text() for row in rows] == ["DAPI", "FITC", "Cy5"]
    rows[1].check.click()
    assert [one.visible for one in view.mix.channels] == [True, False, True]
    low, high = rows[0].range.values
    slider = rows[0].range
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(slider.width() - 9, 10))
    assert view.mix.channels[0].high > high
    assert view.mix.channels[0].low == low
    rows[0].reset.click()
    assert (view.mix.channels[0].low, view.mix.channels[0].high) == (low, high)
    panel.t.setValue(1)
    panel.z.setValue(0)
    assert view.frame == 2
    seat.act("z-up")
    assert (view.frame, panel.z.value(), panel.t.value()) == (3, 1, 1)
    seat.wait(lambda: view.settled)
    assert np.array_equal(view.source.read(Region(0, 0, 400, 300)), before)


def test_reading_again_is_an_action(seat: Any, stack: Path) -> None:
    seat.open(stack)
    view = seat.window.panes.view
    seat.wait(lambda: view.settled)
    stack.rename(stack.with_name("away"))
    view.set_frame(0)
    view.repaint()
    seat.wait(lambda: bool(view.tiles.failed))
    stack.with_name("away").rename(stack)
    seat.act("again")
    seat.wait(lambda: view.settled and not view.tiles.failed)
