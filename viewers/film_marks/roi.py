"""Which pixels an area holds, and what their values amount to.

A pixel counts when its centre lies inside the outline; a centre exactly on it counts on the upper and left side only, so that
areas that touch share no pixel. Of an ellipse a centre on the outline counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Kind
from viewers.geometry import Region, Size

Mask = NDArray[np.bool_]
_BAND = 65_536
"""Pixels of a frame looked at at once."""
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


def covered(geometry: BaseGeometry, kind: Kind, size: Size) -> Iterator[tuple[Region, Mask]]:
    """The part of a frame of `size` around a shape, in bands from above, and which pixels of each the shape holds.

    Bands are small enough for a processor's cache; those of which it holds no pixel are left out.
    """
    x0, y0, x1, y1 = geometry.bounds
    left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
    right, bottom = min(size.width, math.ceil(x1)), min(size.height, math.ceil(y1))
    if right <= left or bottom <= top:
        return
    held = _ellipse if kind == Kind.ELLIPSE else _rectangle if kind == Kind.RECTANGLE else _polygon
    high = max(1, _BAND // (right - left))
    for upper in range(top, bottom, high):
        region = Region(left, upper, right - left, min(high, bottom - upper))
        mask = held(geometry, region)
        if mask.any():
            yield region, mask


class Tally:
    """Statistics of values that come in pieces (Chan, Golub and LeVeque 1979): as exact as of all at once."""

    def __init__(self) -> None:
        self.seen = 0
        """Values, also those that are not finite."""
        self._pixels, self._mean, self._squares = 0, 0.0, 0.0
        self._least, self._most = math.inf, -math.inf

    def add(self, values: NDArray[np.float32]) -> None:
        """(n,) values; those that are not finite count for nothing."""
        self.seen += values.size
        found = values[np.isfinite(values)].astype(np.float64)
        if not found.size:
            return
        mean = float(found.mean())
        away, pixels = mean - self._mean, self._pixels + found.size
        self._squares += float(np.square(found - mean).sum()) + away * away * self._pixels * found.size / pixels
        self._mean += away * found.size / pixels
        self._pixels = pixels
        self._least, self._most = min(self._least, float(found.min())), max(self._most, float(found.max()))

    @property
    def statistics(self) -> Statistics | None:
        """None where no value was finite."""
        if not self._pixels:
            return None
        return Statistics(self._pixels, self._mean, math.sqrt(self._squares / self._pixels), self._least, self._most)


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
    for ring in shapely.get_rings(shapely.get_parts(geometry)):
        places = shapely.get_coordinates(ring)
        edges = np.hstack([places[:-1], places[1:]])
        upper, lower = np.minimum(edges[:, 1], edges[:, 3]), np.maximum(edges[:, 1], edges[:, 3])
        first = np.maximum(0, np.ceil(upper - 0.5).astype(np.int64) - region.y)
        last = np.minimum(
            region.height, np.ceil(lower - 0.5).astype(np.int64) - region.y
        )  # crossed: upper ≤ a row's centre < lower
        for at in np.flatnonzero(last > first):
            (xa, ya, xb, yb), rows = edges[at], np.arange(first[at], last[at])
            crossing = xa + (rows + region.y + 0.5 - ya) * (xb - xa) / (yb - ya)
            columns = np.clip(np.ceil(np.round(crossing - 0.5, _DIGITS)).astype(np.int64) - region.x, 0, region.width)
            toggles[rows, columns] += 1  # an edge crosses a row once
    mask: Mask = np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1
    return mask
