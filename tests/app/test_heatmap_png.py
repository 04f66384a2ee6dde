"""Where the colours of a heatmap file lie, and what they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from app import heatmap_png
from app.analysis import Request, Result
from inference.answers import Heatmap, Receipt
from inference.questions import HeatmapQuestion, Picture
from viewers.colormaps import colormap
from viewers.geometry import Region

RECEIPT = Receipt("m", "r", "none", "float32", "cpu", "p", 0, (), (), (), 0.1)


def _padded(value: float = 1.0) -> tuple[np.ndarray, Heatmap]:
    """A grey picture of 200 × 100 in its padded square of 200 × 200: the cell in row 1, column 3 lies at x 150–200, y 0–50."""
    values = np.full((4, 4), -2.0, np.float32)
    values[1, 3] = value
    pixels = np.full((100, 200, 3), 100, np.uint8)
    return pixels, Heatmap(values, (0, -50, 200, 150), "opacity", "windows", 0.0, 2.0, "contrast", False, RECEIPT)


def test_the_strongest_colour_lies_on_its_cell() -> None:
    pixels, heatmap = _padded(2.0)
    over = heatmap_png.blended(pixels, heatmap)
    expected = 100 * (1 - heatmap_png.OPACITY) + colormap("inferno")[255].astype(float) * heatmap_png.OPACITY
    assert np.abs(over[25, 175].astype(float) - expected).max() <= 8  # two pixels beside the exact centre of the cell
    changed = (over != 100).any(axis=2)
    assert changed[25, 175]
    assert not changed[:, :124].any()
    assert not changed[76:].any()


def test_what_lies_below_the_range_is_left_as_it_is() -> None:
    pixels, heatmap = _padded(-1.0)
    assert np.array_equal(heatmap_png.blended(pixels, heatmap), pixels)


def test_a_large_picture_is_shrunk_with_its_map() -> None:
    _, heatmap = _padded(2.0)
    large = Heatmap(heatmap.values, (0, -1000, 4000, 3000), "x", "windows", 0.0, 2.0, "", True, RECEIPT)
    over = heatmap_png.blended(np.full((2000, 4000, 3), 100, np.uint8), large)
    assert over.shape == (512, 1024, 3)
    change = np.abs(over.astype(int) - 100).sum(axis=2)
    y, x = np.unravel_index(change.argmax(), change.shape)
    assert abs(y / 512 - 0.25) < 0.02
    assert abs(x / 1024 - 0.875) < 0.02


def test_the_file_holds_picture_and_legend() -> None:
    pixels, heatmap = _padded()
    request = Request(Path("x"), HeatmapQuestion("opacity"))
    result = Result(request, heatmap, (Picture(pixels, "cxr"),), Region(0, 0, 200, 100))
    with Image.open(io.BytesIO(heatmap_png.drawn(result))) as image:
        page = np.asarray(image)
    assert np.array_equal(page[:100, :200], heatmap_png.blended(pixels, heatmap))
    bar = page[:, 216:232].reshape(-1, 3)
    assert {tuple(colour) for colour in colormap("inferno", 128)[[0, 64, 127]].tolist()} <= {tuple(one) for one in bar.tolist()}


def test_what_lies_outside_of_training_stands_on_the_file_and_never_runs_out_of_it() -> None:
    from dataclasses import replace

    pixels, heatmap = _padded()
    long = tuple(f"A lateral film of the hand, number {number}: heatmaps were trained on frontal films." for number in range(12))

    def drawn(warnings: tuple[str, ...]) -> np.ndarray:
        answer = replace(heatmap, receipt=replace(RECEIPT, warnings=warnings))
        result = Result(Request(Path("x"), HeatmapQuestion("opacity")), answer, (Picture(pixels, "cxr"),), Region(0, 0, 200, 100))
        return np.asarray(Image.open(io.BytesIO(heatmap_png.drawn(result))).convert("L"))

    plain, one, many = drawn(()), drawn(long[:1]), drawn(long)
    assert (one > 128).sum() > (plain > 128).sum() + 200
    assert many.shape[0] > one.shape[0]
    assert (many[-8:, 200:] < 64).all(), "nothing is cut off at the bottom"
