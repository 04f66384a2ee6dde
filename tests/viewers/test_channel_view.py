"""A slide of channels and planes on the screen: what is painted is the formula's composite of what is in the file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.viewers.tiffs import COLOURS, waves, write_ome
from viewers.annotations.document import Annotations
from viewers.channels import Channel, Mix, composed
from viewers.errors import SourceError
from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]


def middle(view: Any, across: int = 60, down: int = 60) -> NDArray[np.int64]:
    """The painted pixels around the pane's middle, and the level-0 place of their corner."""
    found = to_array(view.grab_view()).astype(np.int64)
    height, width = found.shape[:2]
    return found[height // 2 - down : height // 2 + down, width // 2 - across : width // 2 + across]


def expected(view: Any, planes: NDArray[Any], mix: Mix, across: int = 60, down: int = 60) -> NDArray[np.float64]:
    x0, y0, _, _ = view.camera.to_device((0, 0, 1, 1))
    left, top = round(view.width() // 2 - across - x0), round(view.height() // 2 - down - y0)
    out = np.zeros((2 * down, 2 * across, 3))
    for plane, one in zip(planes, mix.channels, strict=True):
        if one.visible:
            part = plane[top : top + 2 * down, left : left + 2 * across].astype(float)
            out += np.clip((part - one.low) / (one.high - one.low), 0, 1)[..., None] * np.array(one.colour)
    return np.clip(out, 0, 255)


def settled(qtbot: QtBot, view: Any) -> None:
    view.repaint()
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)


def test_composite_is_the_formula() -> None:
    values = waves(2, 40, 50)
    mix = Mix((Channel("a", (255, 0, 128), 500, 1500), Channel("b", (0, 200, 200), 1000, 1001, visible=False)))
    truth = np.clip((values[0].astype(float) - 500) / 1000, 0, 1)[..., None] * np.array([255, 0, 128])
    assert np.abs(composed(values, mix) - truth).max() <= 0.51
    both = composed(np.full((2, 1, 1), 5000, np.uint16), mix.with_visible(1, True))
    assert both.tolist() == [[[255, 200, 255]]], "added, and clipped at white"
    assert composed(np.full((1, 1, 1), np.nan, np.float32), Mix((mix.channels[0],))).max() == 0


def test_a_mix_is_shown_without_reading_the_file_again(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    data = waves(3, 1024, 1024)
    source = open_source(
        write_ome(tmp_path / "a.ome.tif", data, "CYX", 2, tile=(256, 256), photometric="minisblack", compression="zlib")
    )
    view = show_view(source, 500, 400)
    view.one_to_one()
    settled(qtbot, view)
    assert np.abs(middle(view) - expected(view, data, source.mix)).max() <= 1  # type: ignore[attr-defined]
    (tmp_path / "a.ome.tif").rename(tmp_path / "away.ome.tif")
    mix = view.mix.with_visible(0, False).with_range(1, 1500, 2500).with_colour(2, (255, 255, 0))
    view.set_mix(mix)
    settled(qtbot, view)
    assert not view.tiles.failed
    assert np.abs(middle(view) - expected(view, data, mix)).max() <= 1
    (tmp_path / "away.ome.tif").rename(tmp_path / "a.ome.tif")
    truth = source.read(view.visible_region())
    view.set_mix(view.mix.with_visible(1, False))
    assert np.array_equal(source.read(view.visible_region()), truth), "a model never sees the screen's mix"


def test_planes_by_wheel_and_keys_and_never_blank(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    data = waves(12, 300, 400).reshape(2, 3, 2, 300, 400)  # T Z C
    source = open_source(write_ome(tmp_path / "a.ome.tif", data, "TZCYX", tile=(128, 128), photometric="minisblack"))
    view = show_view(source, 300, 240)
    assert "z 2 / 3   t 1 / 2" in view.corner_lines()["top-left"], "the middle plane first"
    view.one_to_one()
    settled(qtbot, view)
    assert np.abs(middle(view) - expected(view, data[0, 1], view.mix)).max() <= 1
    place = QPointF(150, 120)
    shift = Qt.KeyboardModifier.ShiftModifier
    for held, t, z in ((shift, 0, 2), (shift, 0, 2), (shift | Qt.KeyboardModifier.ControlModifier, 1, 2)):
        turn = QWheelEvent(
            place, place, QPoint(0, 0), QPoint(0, -120), Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase, False
        )
        before = middle(view)
        QApplication.sendEvent(view, turn)
        assert (middle(view) != 0).mean() > 0.5, "what was there stays until the new plane is read"
        assert before.shape == middle(view).shape
        settled(qtbot, view)
        assert view.frame == t * 3 + z
        assert np.abs(middle(view) - expected(view, data[t, z], view.mix)).max() <= 1


def test_a_colour_picture_outside_is_white_and_channels_on_black(show_view: Show, tmp_path: Path) -> None:
    data = waves(1, 200, 300)
    view = show_view(open_source(write_ome(tmp_path / "a.ome.tif", data, "CYX", tile=(128, 128), photometric="minisblack")))
    assert view.background == "#000000"
    assert COLOURS[0] == view.mix.channels[0].colour
    pixels = np.random.default_rng(1).integers(0, 255, (2, 200, 300, 3), np.uint8)
    view = show_view(open_source(write_ome(tmp_path / "z.ome.tif", pixels, "ZYXS", tile=(128, 128), photometric="rgb")))
    assert (view.background, view.mix) == ("#ffffff", Mix())


def test_a_folder_that_vanishes_while_panning_and_comes_back(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    data = waves(1, 2048, 2048)
    write_ome(folder / "a.ome.tif", data, "CYX", 2, tile=(256, 256), photometric="minisblack", compression="zlib")
    view = show_view(open_source(folder / "a.ome.tif"), 400, 300)
    view.one_to_one()
    view.centre_on(300, 300)
    settled(qtbot, view)
    folder.rename(tmp_path / "away")
    view.centre_on(1700, 1700)
    settled(qtbot, view)
    assert set(view.tiles.failed.values()) == {"a.ome.tif is not there: check the name, or put the file back."}
    assert (middle(view) == np.array([0x8B, 0x8F, 0x96])).all(-1).mean() > 0.3
    (tmp_path / "away").rename(folder)
    assert view.read_again() > 0
    settled(qtbot, view)
    assert not view.tiles.failed
    assert np.abs(middle(view) - expected(view, data, view.mix)).max() <= 1


class Hanging:
    """A source of which nothing beyond the header ever comes, until it is let go."""

    def __init__(self, path: Path) -> None:
        self._real: Any = open_source(path)
        self.gate = threading.Event()
        self.closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def raw_tile(self, *where: int) -> NDArray[Any]:
        self.gate.wait(60)
        raise SourceError(self._real.path, "a.ome.tif hung.")

    def close(self) -> None:
        self._real.close()
        self.closed.set()


def test_a_read_that_hangs_holds_up_nothing(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    write_ome(tmp_path / "a.ome.tif", waves(1, 600, 600), "CYX", tile=(128, 128), photometric="minisblack")
    source = Hanging(tmp_path / "a.ome.tif")
    view = show_view(source, 400, 300, wait=False)
    qtbot.waitUntil(lambda: view.tiles.pending > 0, timeout=20_000)
    view.zoom_to(1.0)
    view.pan_fields(0.5, 0)
    view.set_mix(view.mix.with_visible(0, False))
    view.repaint()
    view.close()
    assert view.source is None
    assert not source.closed.is_set(), "the thread is still inside it"
    source.gate.set()
    assert source.closed.wait(20)


class Counting:
    """Counts the tiles that are read of a real slide, and lets only the first few come."""

    def __init__(self, path: Path, first: int) -> None:
        self._real: Any = open_source(path)
        self.left = first
        self.gate = threading.Event()
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        with self._lock:
            self.left -= 1
        if self.left < 0:
            self.gate.wait(60)
        tile: NDArray[np.uint8] = self._real.read_tile(level, column, row)
        return tile


def test_a_single_level_of_many_tiles_shows_a_sketch_of_a_few_first(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    import tifffile

    path, side = tmp_path / "one.tif", 8192
    places = np.arange(side)
    base = np.empty((side, side, 3), np.uint8)
    base[..., 0], base[..., 1], base[..., 2] = (places // 40)[None, :], (places // 40)[:, None], 90
    tifffile.imwrite(path, base, tile=(256, 256), photometric="rgb", compression="zlib", metadata=None)
    source = Counting(path, 256)
    view = show_view(source, 500, 500, wait=False)
    qtbot.waitUntil(lambda: source.left < 0, timeout=20_000)
    qtbot.wait(100)
    found = to_array(view.grab_view()).astype(float)
    x0, y0, x1, y1 = view.camera.to_device((0, 0, side, side))
    columns, rows = np.arange(int(x0) + 40, int(x1) - 40), np.arange(int(y0) + 40, int(y1) - 40)
    truth = (columns - x0) / (x1 - x0) * side / 40
    part = found[rows][:, columns]
    assert np.median(np.abs(part[..., 0] - truth[None, :])) < 16, "256 of 1,024 tiles, and the whole slide is there in outline"
    source.gate.set()
    qtbot.waitUntil(lambda: view.settled, timeout=60_000)
    part = to_array(view.grab_view()).astype(float)[rows][:, columns]
    words = np.abs(part[..., 0] - truth[None, :]) > 3  # corner texts lie over the picture
    assert words.mean() < 0.05


def test_marks_belong_to_the_plane_they_were_drawn_on(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    data = waves(6, 300, 400).reshape(3, 2, 300, 400)  # Z C
    source = open_source(write_ome(tmp_path / "a.ome.tif", data, "ZCYX", tile=(128, 128), photometric="minisblack"))
    view = show_view(source, 300, 240)
    document = Annotations()
    view.show_marks(document)
    drawn = {}
    for z in (0, 2):
        view.set_frame(z)
        view.set_marking("rectangle")
        QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(60 + 40 * z, 60))
        QTest.mouseMove(view, QPoint(90 + 40 * z, 80))
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(110 + 40 * z, 110))
        (drawn[z],) = [one for one in document.marks.values() if one.plane.z == z]
    for z, there in ((0, [0]), (1, []), (2, [2])):
        view.set_frame(z)
        for other in (0, 2):
            x0, y0, x1, y1 = drawn[other].geometry.bounds
            assert (view.drawing.at(((x0 + x1) / 2, (y0 + y1) / 2), 1.0) is drawn[other]) == (other in there)
        shown = view.marks
        qtbot.waitUntil(lambda shown=shown: view.grab_view() is not None and shown.settled, timeout=5000)
        view.drawing.select([])
        with_marks = to_array(view.grab_view()).astype(int)
        shown.visible = False
        without = to_array(view.grab_view()).astype(int)
        shown.visible = True
        assert (np.abs(with_marks - without).max() > 60) == bool(there)
