"""A heatmap lies where its extent says, at every zoom and on every screen; sliders recolour it only."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from viewers.camera import Camera
from viewers.colormaps import NAMES, MapName, colormap
from viewers.geometry import Size
from viewers.maps.stepped import interpolated
from viewers.overlay import HeatmapLayer
from viewers.qimage import to_array


def lightness(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE L* of sRGB colours (IEC 61966-2-1, CIE 15)."""
    linear = np.where(colours / 255 <= 0.04045, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


@pytest.mark.parametrize("name", NAMES)
def test_lightness_rises_evenly(name: MapName) -> None:
    steps = np.diff(lightness(colormap(name, 10)))
    assert steps.min() > 0
    assert steps.max() < 2.2 * steps.mean()


@pytest.mark.parametrize("name", NAMES)
def test_red_green_blind_readers_can_order_it(name: MapName) -> None:
    """Viénot, Brettel and Mollon (1999): both dichromats' simulation keeps lightness in order."""
    linear = (colormap(name, 32) / 255.0) ** 2.2
    for red, green in ((0.11238, 0.88762), (0.29275, 0.70725)):
        seen = red * linear[:, 0] + green * linear[:, 1]
        assert (np.diff(seen) > 0).all()


def test_interpolation_is_bilinear_between_cell_centres() -> None:
    values = np.random.default_rng(4).random((5, 7), dtype=np.float32)
    fine = interpolated(values, 56)
    truth = np.asarray(Image.fromarray(values).resize((56, 40), Image.Resampling.BILINEAR))
    assert fine.shape == (40, 56)
    assert np.abs(fine - truth).max() < 1e-5


def test_cells_without_a_value_stay_without() -> None:
    values = np.ones((4, 4), np.float32)
    values[1, 2] = np.nan
    fine = interpolated(values, 64)
    assert np.isnan(fine[24, 40])
    assert np.isfinite(fine[:12]).all()
    assert np.nanmax(np.abs(fine - 1)) < 0.51


def painted(layer: HeatmapLayer, camera: Camera) -> NDArray[np.float64]:
    """The layer alone on black, red + green + blue, in device pixels."""
    image = QImage(round(camera.width * camera.ratio), round(camera.height * camera.ratio), QImage.Format.Format_RGB32)
    image.fill(0xFF000000)
    painter = QPainter(image)
    layer.paint(painter, camera)
    painter.end()
    return to_array(image).sum(axis=2).astype(np.float64)


def layer_with(qtbot: QtBot, values: NDArray[np.float32], extent: tuple[float, float, float, float]) -> HeatmapLayer:
    layer = HeatmapLayer()
    layer.show(values, extent, 0.0, 1.0, "phrase", "unit", True)
    layer.opacity, layer.threshold = 1.0, 0.0
    qtbot.waitUntil(lambda: not layer.fading, timeout=20_000)
    return layer


def looking(ratio: float, zoom: float, x: float, y: float) -> Camera:
    camera = Camera(Size(1000, 800))
    camera.resize(480, 360, ratio)
    camera.zoom_to(zoom)
    camera.centre_on(x, y)
    return camera


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("zoom", [0.37, 1.0, 2.6])
def test_it_lies_within_half_a_device_pixel(qtbot: QtBot, ratio: float, zoom: float) -> None:
    x0, y0, x1, y1 = extent = (431.0, 322.5, 521.0, 397.5)
    camera = looking(ratio, zoom, 470.3, 356.8)
    there = painted(layer_with(qtbot, np.full((6, 5), 0.7, np.float32), extent), camera) > 0
    across, down = np.flatnonzero(there.any(axis=0)), np.flatnonzero(there.any(axis=1))
    truth = [*camera.to_screen(x0, y0), *camera.to_screen(x1, y1)]
    found = [across[0], down[0], across[-1] + 1, down[-1] + 1]
    assert np.abs(np.array(found) - np.array(truth) * ratio).max() <= 0.51


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("zoom", [0.37, 1.0, 6.3, 18.0])
def test_a_hot_cell_has_its_centre_where_the_grid_says(qtbot: QtBot, ratio: float, zoom: float) -> None:
    values = np.zeros((9, 9), np.float32)
    values[3, 5] = 1.0
    extent = (440.0, 310.0, 512.0, 382.0)  # cells of 8 × 8 pixels: the hot one is centred on (484, 338)
    layer = layer_with(qtbot, values, extent)
    layer.threshold = 0.5
    camera = looking(ratio, zoom, 483.2, 339.1)
    hot = painted(layer, camera)
    rows, columns = np.nonzero(hot)
    middle = np.average(columns, weights=hot[rows, columns]) + 0.5, np.average(rows, weights=hot[rows, columns]) + 0.5
    truth = np.array(camera.to_screen(484, 338)) * ratio
    assert np.abs(np.array(middle) - truth).max() <= 0.5


def test_what_lies_below_the_threshold_is_hidden_and_nothing_else(qtbot: QtBot) -> None:
    values = np.tile(np.linspace(0, 1, 11, dtype=np.float32), (11, 1))
    layer = layer_with(qtbot, values, (0, 0, 1000, 800))
    camera = looking(1.0, 0.48, 500, 400)
    for threshold in (0.25, 0.6, 0.93):
        layer.threshold = threshold
        row = painted(layer, camera)[180]
        first = int(np.flatnonzero(row)[0])
        level0, _ = camera.from_screen(first + 0.5, 180)
        value = np.interp(level0, (np.arange(11) + 0.5) / 11 * 1000, np.linspace(0, 1, 11))
        assert value == pytest.approx(threshold, abs=0.01)
        assert (row[first:] > 0).all()


def test_padding_of_the_model_is_not_painted_outside_the_picture(qtbot: QtBot) -> None:
    layer = layer_with(qtbot, np.ones((4, 4), np.float32), (0, -100, 1000, 900))
    camera = looking(1.0, 0.4, 500, 400)
    there = painted(layer, camera) > 0
    assert np.flatnonzero(there.any(axis=1))[[0, -1]].tolist() == [20, 339]


def test_opacity_and_visible_work_on_the_paint_alone(qtbot: QtBot) -> None:
    layer = layer_with(qtbot, np.ones((4, 4), np.float32), (0, 0, 1000, 800))
    camera = looking(1.0, 0.4, 500, 400)
    full = painted(layer, camera).max()
    layer.opacity = 0.5
    assert painted(layer, camera).max() == pytest.approx(full / 2, rel=0.02)
    layer.visible = False
    assert painted(layer, camera).max() == 0


def test_the_threshold_of_the_reader_outlives_a_new_phrase_of_the_same_range(qtbot: QtBot) -> None:
    layer = layer_with(qtbot, np.ones((4, 4), np.float32), (0, 0, 10, 10))
    layer.threshold = 0.8
    layer.show(np.zeros((4, 4), np.float32), (0, 0, 10, 10), 0.0, 1.0, "other", "unit", True)
    assert layer.threshold == 0.8
    layer.show(np.zeros((4, 4), np.float32), (0, 0, 10, 10), -2.0, 4.0, "other", "unit", True)
    assert layer.threshold == 1.0


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_a_range_without_width_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low < high"):
        HeatmapLayer().show(np.zeros((2, 2), np.float32), (0, 0, 1, 1), low, high, "", "", True)
