"""Which pixels an area holds, and what their values amount to.

A pixel counts when its centre lies inside the outline; a centre exactly on it counts on the upper and left side only, so that
areas that touch share no pixel. Of an ellipse a centre on the outline counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Kind
from viewers.geometry import Region, Size

Mask = NDArray[np.bool_]
_DIGITS = 6
"""Of a pixel, to which a centre counts as lying on an edge."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the finite values of `pixels` pixels. `sd` is that of these pixels: divided by their number, not by one less."""

    pixels: int
    mean: float
    sd: float
    least: float
    most: float


def covered(geometry: BaseGeometry, kind: Kind, size: Size) -> tuple[Region, Mask] | None:
    """The part of a frame of `size` around a shape, and which of its pixels the shape holds; None where it holds none."""
    x0, y0, x1, y1 = geometry.bounds
    left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
    right, bottom = min(size.width, math.ceil(x1)), min(size.height, math.ceil(y1))
    if right <= left or bottom <= top:
        return None
    region = Region(left, top, right - left, bottom - top)
    if kind == Kind.ELLIPSE:
        mask = _ellipse(geometry, region)
    elif kind == Kind.RECTANGLE:
        mask = _rectangle(geometry, region)
    else:
        mask = _polygon(geometry, region)
    return (region, mask) if mask.any() else None


def statistics(values: NDArray[np.float32]) -> Statistics | None:
    """None where no value is finite."""
    found = values[np.isfinite(values)]
    if not found.size:
        return None
    mean = float(found.mean(dtype=np.float64))
    sd = math.sqrt(float(np.square(found - np.float64(mean)).mean(dtype=np.float64)))
    return Statistics(int(found.size), mean, sd, float(found.min()), float(found.max()))


def axes(geometry: BaseGeometry) -> tuple[float, float, float, float]:
    """(centre x, centre y, half width, half height) of the ellipse inscribed in a shape's bounds."""
    x0, y0, x1, y1 = geometry.bounds
    return (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2


def _centres(region: Region) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return region.x + 0.5 + np.arange(region.width, dtype=np.float64), region.y + 0.5 + np.arange(region.height, dtype=np.float64)


def _ellipse(geometry: BaseGeometry, region: Region) -> Mask:
    x, y, across, down = axes(geometry)
    columns, rows = _centres(region)
    away = np.square((columns - x) / across)[None, :] + np.square((rows - y) / down)[:, None]
    mask: Mask = away <= 1.0
    return mask


def _rectangle(geometry: BaseGeometry, region: Region) -> Mask:
    x0, y0, x1, y1 = geometry.bounds
    columns, rows = _centres(region)
    mask: Mask = ((columns >= x0) & (columns < x1))[None, :] & ((rows >= y0) & (rows < y1))[:, None]
    return mask


def _polygon(geometry: BaseGeometry, region: Region) -> Mask:
    """By the even-odd rule, row by row: every edge that crosses a row's centre line toggles the pixels to the right of it."""
    toggles = np.zeros((region.height, region.width + 1), np.int32)
    rings = shapely.get_rings(shapely.get_parts(geometry))
    for places in (shapely.get_coordinates(ring) for ring in rings):
        for (xa, ya), (xb, yb) in pairwise(places):
            if ya == yb:
                continue
            upper, lower = min(ya, yb), max(ya, yb)
            first = max(0, math.ceil(upper - 0.5) - region.y)
            last = min(region.height, math.ceil(lower - 0.5) - region.y)  # a row is crossed when upper ≤ its centre < lower
            if last <= first:
                continue
            rows = np.arange(first, last)
            crossing = xa + (rows + region.y + 0.5 - ya) * (xb - xa) / (yb - ya)
            columns = np.clip(np.ceil(np.round(crossing - 0.5, _DIGITS)).astype(np.int64) - region.x, 0, region.width)
            toggles[rows, columns] += 1  # an edge crosses a row once
    mask: Mask = np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1
    return mask
