"""Square padding and resizing, and the way back for boxes and maps.

Google's servers pad with zeros to a square before they resize, and say that this is how the models were trained
(`Google-Health/medgemma` python/serving/predictor.py); neither published processor does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Resample = Literal["bilinear", "bilinear-tf"]
"""`bilinear` is Pillow's, which averages when it shrinks; `bilinear-tf` is `tf.image.resize(antialias=False)` truncated to
uint8, the one MedSigLIP was evaluated with (arXiv 2507.05201 §6)."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Where a (height, width) picture lies in its padded square of `side` pixels; a remainder goes to bottom and right."""

    height: int
    width: int

    @property
    def side(self) -> int:
        return max(self.height, self.width)

    @property
    def top(self) -> int:
        return (self.side - self.height) // 2

    @property
    def left(self) -> int:
        return (self.side - self.width) // 2

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """The square as (x0, y0, x1, y1) in pixels of the picture."""
        return (-self.left, -self.top, self.side - self.left, self.side - self.top)

    def box_to_pixels(self, y0: float, x0: float, y1: float, x1: float) -> tuple[float, float, float, float]:
        """A box in 0..1000 of the padded square as (x0, y0, x1, y1) in pixels of the picture, clipped to it."""
        unit = self.side / 1000.0
        xs = [min(max(x * unit - self.left, 0.0), float(self.width)) for x in (x0, x1)]
        ys = [min(max(y * unit - self.top, 0.0), float(self.height)) for y in (y0, y1)]
        return (xs[0], ys[0], xs[1], ys[1])


def pad_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) in the middle of a black square, see `Padding`; the same array when it is square already."""
    padding = Padding(*pixels.shape[:2])
    if padding.height == padding.width:
        return pixels
    square = np.zeros((padding.side, padding.side, 3), np.uint8)
    square[padding.top : padding.top + padding.height, padding.left : padding.left + padding.width] = pixels
    return square


def resize(pixels: NDArray[np.uint8], side: int, resample: Resample = "bilinear") -> NDArray[np.uint8]:
    """uint8 (H, W, 3) as uint8 (side, side, 3)."""
    if pixels.shape[:2] == (side, side):
        return pixels
    if resample == "bilinear":
        return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))
    return _bilinear_tf(pixels, side)


def _bilinear_tf(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Half-pixel centres, two neighbours per axis whatever the scale, float32, truncated."""
    low, high, weight = zip(*(_neighbours(length, side) for length in pixels.shape[:2]), strict=True)
    rows = pixels[low[0]].astype(np.float32)
    rows += (pixels[high[0]] - rows) * weight[0][:, None, None]
    left = rows[:, low[1]]
    return np.asarray(left + (rows[:, high[1]] - left) * weight[1][None, :, None]).astype(np.uint8)


def _neighbours(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    centre = (np.arange(side, dtype=np.float32) + 0.5) * np.float32(length / side) - 0.5
    floor = np.floor(centre)
    low = np.clip(floor, 0, length - 1).astype(np.intp)
    high = np.clip(floor + 1, 0, length - 1).astype(np.intp)
    return low, high, (centre - floor).astype(np.float32)
