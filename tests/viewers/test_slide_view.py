"""The slide pane on real pyramids, written here and known pixel by pixel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from viewers.errors import SourceError
from viewers.qimage import to_array
from viewers.slide_view import SlideView
from viewers.sources import open_source

Show = Callable[..., Any]
SIZE = 4096


def truth(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """The slide's colour at level-0 places: smooth everywhere, different everywhere."""
    red, green = x / SIZE * 250, y / SIZE * 250
    return np.stack(np.broadcast_arrays(red, green, 120 + 100 * np.sin((x + y) / 300)), axis=-1)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless pyramid of 4096², 1024², 256² with 0.5 µm per pixel."""
    import tifffile

    path = tmp_path_factory.mktemp("slide") / "gradient.tif"
    places = np.arange(SIZE) + 0.5
    base = np.rint(truth(places[None, :], places[:, None])).astype(np.uint8)
    with tifffile.TiffWriter(path) as writer:
        options: dict[str, Any] = {"tile": (256, 256), "compression": "zlib", "photometric": "rgb"}
        writer.write(base, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", subfiletype=0, **options)
        for down in (4, 16):
            mean = base.reshape(SIZE // down, down, SIZE // down, down, 3).mean(axis=(1, 3))
            level = np.rint(mean).astype(np.uint8)
            writer.write(level, resolution=(20_000 / down,) * 2, resolutionunit="CENTIMETER", subfiletype=1, **options)
    return path


def compared(view: Any) -> float:
    """Largest difference between the painted middle of the pane and the truth at those places of the slide."""
    found = to_array(view.grab_view()).astype(float)
    height, width = found.shape[:2]
    x0, y0, x1, y1 = view.camera.to_device((0, 0, SIZE, SIZE))
    rows = np.arange(max(height // 4, int(y0) + 4), min(height * 3 // 4, int(y1) - 4))
    columns = np.arange(max(width // 4, int(x0) + 4), min(width // 2, int(x1) - 4))
    assert len(rows) > 100
    assert len(columns) > 100
    x, y = (columns + 0.5 - x0) / (x1 - x0) * SIZE, (rows + 0.5 - y0) / (y1 - y0) * SIZE
    return float(np.abs(found[rows][:, columns] - truth(x[None, :], y[:, None])).max())


@pytest.mark.parametrize(("zoom", "most"), [(0.12, 4), (0.3, 3), (0.5, 3), (0.71, 3), (1.0, 1), (1.9, 3), (7.0, 3)])
def test_what_is_painted_is_the_slide(qtbot: QtBot, show_view: Show, slide: Path, zoom: float, most: float) -> None:
    view = show_view(open_source(slide), 700, 500)
    view.zoom_to(zoom)
    view.centre_on(1900, 2150)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert compared(view) <= most


@pytest.mark.parametrize("angle", [90, 180, 270, 33.0])
@pytest.mark.parametrize("flipped", [False, True])
def test_turned_and_flipped_it_is_still_the_slide(
    qtbot: QtBot, show_view: Show, slide: Path, angle: float, flipped: bool
) -> None:
    view = show_view(open_source(slide), 700, 500)
    view.zoom_to(0.4)
    view.centre_on(1900, 2150)
    view.turn_to(angle)
    if flipped:
        view.flip()
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    found = to_array(view.grab_view()).astype(float)
    ratio = view.camera.ratio
    for u, v in ((350, 250), (200, 150), (500, 350), (480, 120), (180, 380)):
        x, y = view.camera.from_screen((u + 0.5) / ratio, (v + 0.5) / ratio)
        assert np.abs(found[v, u] - truth(np.array(x), np.array(y))).max() <= 4


def test_after_panning_to_and_fro_it_is_still_the_slide(qtbot: QtBot, show_view: Show, slide: Path) -> None:
    view = show_view(open_source(slide), 700, 500)
    view.zoom_to(1.0)
    for x, y in ((500, 500), (3500, 600), (3400, 3600), (2000, 2000)):
        view.centre_on(x, y)
        qtbot.wait(20)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert compared(view) <= 1


class Gated:
    """A real slide whose tiles of level 0 wait at a gate, and may fail."""

    def __init__(self, path: Path) -> None:
        self._real: Any = open_source(path)
        self.gate = threading.Event()
        self.failing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        if level == 0:
            self.gate.wait(30)
        if self.failing:
            raise SourceError(self._real.path, "gradient.tif cannot be read: the file is gone.")
        tile: NDArray[np.uint8] = self._real.read_tile(level, column, row)
        return tile


def test_coarse_pixels_stand_in_until_the_sharp_ones_come(qtbot: QtBot, show_view: Show, slide: Path) -> None:
    source = Gated(slide)
    view = show_view(source, 700, 500)
    view.zoom_to(1.0)
    view.centre_on(1900, 2150)
    qtbot.waitUntil(lambda: not view.moving, timeout=20_000)
    assert not view.settled
    assert compared(view) <= 24, "blurred to 16 pixels, yet the slide"
    source.gate.set()
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert compared(view) <= 1


def test_a_slide_that_vanishes_leaves_grey_tiles_with_the_reason(qtbot: QtBot, show_view: Show, slide: Path) -> None:
    source = Gated(slide)
    source.gate.set()
    view = show_view(source, 700, 500)
    source.failing = True
    view.zoom_to(1.0)
    view.centre_on(2000, 2000)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert set(view.tiles.failed.values()) == {"gradient.tif cannot be read: the file is gone."}
    grabbed = to_array(view.grab_view())
    middle = grabbed[grabbed.shape[0] * 2 // 5 : grabbed.shape[0] * 3 // 5, grabbed.shape[1] * 2 // 5 : grabbed.shape[1] // 2]
    middle = middle.reshape(-1, 3)
    assert (middle == np.array([0x8B, 0x8F, 0x96])).all(axis=1).mean() > 0.3
    view.pan_fields(0.5, 0)
    assert view.isVisible()


def test_a_slide_of_which_nothing_can_be_read_says_so(qtbot: QtBot, show_view: Show, slide: Path) -> None:
    source = Gated(slide)
    source.gate.set()
    source.failing = True
    view = show_view(source)
    assert view.message() == "cannot show: gradient.tif cannot be read: the file is gone."


def test_magnification_is_shown_and_typed(show_view: Show, slide: Path) -> None:
    view: SlideView = show_view(open_source(slide))
    assert view.source is not None
    assert view.source.spacing is not None
    assert view.source.spacing.mpp == pytest.approx(0.5)
    view.set_magnification(10)
    assert view.camera.device_scale == pytest.approx(0.5)
    assert view.magnification == pytest.approx(10)
    assert "10.0×  (1.00 µm/px)" in view.corner_lines()["bottom-left"]
    with pytest.raises(ValueError, match="above 0"):
        view.set_magnification(0)


def test_without_spacing_there_is_no_magnification(show_view: Show, shared: Path) -> None:
    view: SlideView = show_view(open_source(shared / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"))
    assert view.magnification is None
    assert "no spacing: px only" in view.corner_lines()["bottom-right"]
    with pytest.raises(ValueError, match="spacing"):
        view.set_magnification(20)


def test_a_click_into_the_overview_goes_there(show_view: Show, slide: Path) -> None:
    view = show_view(open_source(slide), 700, 600)
    view.zoom_to(1.0)
    inset = view._overview.rect(view.camera)
    place = QPoint(round(inset.left() + inset.width() * 0.25), round(inset.top() + inset.height() * 0.75))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert (view.camera.x, view.camera.y) == pytest.approx((SIZE * 0.25, SIZE * 0.75), abs=SIZE / 150)
    assert view.selection is None


def test_a_real_slide_is_painted_as_its_library_reads_it(qtbot: QtBot, show_view: Show, shared: Path) -> None:
    import openslide

    path = shared / "slides" / "CMU-1-Small-Region.svs"
    view = show_view(open_source(path), 700, 500)
    view.one_to_one()
    view.centre_on(1100, 1500)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    found = to_array(view.grab_view())
    height, width = found.shape[:2]
    x0, y0, _, _ = view.camera.to_device((0, 0, 1, 1))
    with openslide.OpenSlide(path) as handle:
        real = np.asarray(handle.read_region((round(-x0), round(-y0)), 0, (width, height)).convert("RGB"))
    part = slice(height // 4, height * 3 // 4), slice(width // 4, width // 2)
    assert np.array_equal(found[part], real[part])


def test_no_thread_outlives_the_pane(qtbot: QtBot, show_view: Show, slide: Path) -> None:
    view = show_view(open_source(slide))
    view.zoom_to(1.0)
    view.repaint()
    view.close()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=20_000)
    assert view.source is None
    view.repaint()
