"""A heatmap as a picture to keep: over the pixels it was made from, with a legend of real numbers. No Qt."""

from __future__ import annotations

import io
import textwrap
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.analysis import Result
from app.reports import BANNER
from app.reports.sentences import plain
from app.spacings import open_source
from inference.answers import Heatmap
from viewers.colormaps import colormap
from viewers.geometry import Size

LONGEST = 1024
"""Longest side of the picture in the file, in pixels."""
OPACITY = 0.65
"""Of the strongest colour; it falls to 0 at the low end of the range."""
_BAND = 236
_GROUND = (30, 32, 35)
_INK = (228, 230, 233)


def drawn(result: Result) -> bytes:
    """A PNG file of a heatmap's result: the picture as sent, the map over it, the legend beside it."""
    if not isinstance(result.answer, Heatmap):
        raise TypeError("only a heatmap is drawn over its picture")
    over = blended(_ground(result), result.answer, result.frame)
    height = max(over.shape[0], 360, 12 + 4 * 20 + 8 + 142 + 16 * len(_notes(result.answer)) + 12)
    page = Image.new("RGB", (over.shape[1] + _BAND, height), _GROUND)
    page.paste(Image.fromarray(over), (0, 0))
    _legend(page, over.shape[1] + 16, result.answer)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def _ground(result: Result) -> NDArray[np.uint8]:
    """What lies under the map, uint8 (H, W, 3): the picture as sent, or the view that was sent in many. Raises SourceError."""
    if result.frame is None:
        return result.pictures[-1].pixels
    with closing(open_source(result.request.path)) as source:
        return source.read(result.region, result.region.size.fitted(LONGEST))


def blended(pixels: NDArray[np.uint8], heatmap: Heatmap, frame: Size | None = None) -> NDArray[np.uint8]:
    """uint8 (H, W, 3): the picture, at most `LONGEST` wide or high, with the map's colours over it.

    `frame` is the size in whose pixels the map's extent is, None for the picture's own.
    """
    height, width = pixels.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    ground = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)).astype(np.float32)
    share = _share(heatmap, frame or Size(width, height), size)
    colours = colormap("inferno")[np.rint(share * 255).astype(np.intp)].astype(np.float32)
    alpha = (share * OPACITY)[..., None]
    return np.asarray(np.rint(ground * (1 - alpha) + colours * alpha), np.uint8)


def _share(heatmap: Heatmap, frame: Size, size: tuple[int, int]) -> NDArray[np.float32]:
    """Where each pixel of the file lies between low (0) and high (1), float32 (size[1], size[0]); 0 outside the map
    and where nothing was looked at."""
    rows, columns = heatmap.values.shape
    x0, y0, x1, y1 = heatmap.extent
    span = max(heatmap.high - heatmap.low, 1e-9)
    share = np.nan_to_num(np.clip((heatmap.values - heatmap.low) / span, 0, 1)).astype(np.float32)
    xs = ((np.arange(size[0]) + 0.5) * frame.width / size[0] - x0) / (x1 - x0)
    ys = ((np.arange(size[1]) + 0.5) * frame.height / size[1] - y0) / (y1 - y0)
    return _sampled(share, xs * columns - 0.5, ys * rows - 0.5)


def _sampled(grid: NDArray[np.float32], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear between cell centres; cells at the border reach half a cell out, beyond that 0."""
    x_low, x_high, x_share, x_in = _neighbours(xs, grid.shape[1])
    y_low, y_high, y_share, y_in = _neighbours(ys, grid.shape[0])
    rows = grid[y_low] * (1 - y_share)[:, None] + grid[y_high] * y_share[:, None]
    values = rows[:, x_low] * (1 - x_share) + rows[:, x_high] * x_share
    return np.asarray(values * x_in * y_in[:, None], np.float32)


def _neighbours(
    places: NDArray[np.float64], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    inside = (places >= -0.5) & (places <= count - 0.5)
    clipped = np.clip(places, 0, count - 1)
    low = np.floor(clipped).astype(np.intp)
    return low, np.minimum(low + 1, count - 1), clipped - low, inside


def _legend(page: Image.Image, left: int, heatmap: Heatmap) -> None:
    """The phrase, the colour bar from low to high with its unit, the highest value found, and what is to be remembered."""
    draw = ImageDraw.Draw(page)
    large, small = ImageFont.load_default(15), ImageFont.load_default(12)
    top = 12
    for line in _wrapped(plain(heatmap.phrase), 26)[:4]:
        draw.text((left, top), line, _INK, large)
        top += 20
    top += 8
    bar = np.repeat(colormap("inferno", 128)[::-1, None, :], 16, axis=1)
    page.paste(Image.fromarray(bar), (left, top))
    for value, y in ((heatmap.high, top), ((heatmap.high + heatmap.low) / 2, top + 64), (heatmap.low, top + 127)):
        draw.text((left + 24, y - 7), f"{value:.3g}", _INK, small)
    top += 142
    for line in _notes(heatmap):
        draw.text((left, top), line, _INK, small)
        top += 16


def _notes(heatmap: Heatmap) -> list[str]:
    """Unit, highest value, method, what lies outside of training, and what the map is not, in lines."""
    notes = [heatmap.unit, f"highest here {float(np.nanmax(heatmap.values)):.3g}", f"method {heatmap.method}"]
    notes += [] if heatmap.validated else ["not validated for this model"]
    return [
        line for note in [*notes, *heatmap.receipt.warnings, heatmap.receipt.remark, BANNER] for line in _wrapped(plain(note), 34)
    ]


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns)
