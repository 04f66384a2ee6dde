"""Cutting a rectangle out of a picture and giving it another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Region, Size


def cut(pixels: NDArray[np.uint8], region: Region, fill: int) -> NDArray[np.uint8]:
    """`region` of `pixels` (height, width[, channels]); what lies outside is `fill`. A view where nothing does."""
    height, width = pixels.shape[:2]
    inside = Region.whole(Size(width, height), region.frame).intersection(region)
    if inside is not None and inside.size == region.size:
        return pixels[region.y : region.bottom, region.x : region.right]
    out = np.full((region.height, region.width, *pixels.shape[2:]), fill, np.uint8)
    if inside is not None:
        y, x = inside.y - region.y, inside.x - region.x
        out[y : y + inside.height, x : x + inside.width] = pixels[inside.y : inside.bottom, inside.x : inside.right]
    return out


def resized(pixels: NDArray[np.uint8], size: Size, box: tuple[float, float, float, float] | None = None) -> NDArray[np.uint8]:
    """`pixels` (height, width) or (height, width, 3) at `size`: the area average when shrinking, bilinear when enlarging.

    `box` is the part (left, top, right, bottom) to take, in fractional pixels; None takes all.
    """
    height, width = pixels.shape[:2]
    if box is None:
        box = (0.0, 0.0, float(width), float(height))
    if box == (0.0, 0.0, width, height) and (width, height) == (size.width, size.height):
        return np.ascontiguousarray(pixels)
    from PIL import Image

    factor = min((box[2] - box[0]) / size.width, (box[3] - box[1]) / size.height)
    if factor > 3.0 or (factor >= 1.0 and abs(factor - round(factor)) < 1e-3):
        method = Image.Resampling.BOX
    else:  # a box that is no whole number of pixels wide would leave out or repeat lines
        method = Image.Resampling.HAMMING if factor > 1.0 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((size.width, size.height), method, box))
