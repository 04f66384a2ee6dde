"""A region of a pyramid at any size: the level to take, in bands that fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.sources.resample import resized

if TYPE_CHECKING:
    from viewers.sources import Level, Source

MAX_READ_PIXELS = 400_000_000
"""Pixels one read may return."""
MAX_STORED_PIXELS = 20_000_000_000
"""Stored pixels one read may take in; a larger one would take an hour."""
BAND_PIXELS = 64_000_000
"""Stored pixels taken in at once."""
Pixels = Callable[[int, int, int, Size], NDArray[np.uint8]]
"""(level, x, y in that level's pixels, size) → uint8 sRGB."""


def level_for(levels: Sequence[Level], factor: float) -> int:
    """The coarsest level that is not coarser than `factor` level-0 pixels per pixel."""
    return max(i for i, level in enumerate(levels) if i == 0 or level.downsample <= factor * 1.01)


def read_region(source: Source, pixels: Pixels, region: Region, size: Size) -> NDArray[np.uint8]:
    """`region` (level-0 pixels) at `size`. Raises SourceError for what is too large, and what `pixels` raises."""
    index = level_for(source.levels, min(region.width / size.width, region.height / size.height))
    level = source.levels[index]
    scale_x, scale_y = source.size.width / level.size.width, source.size.height / level.size.height
    if index == 0:
        scale_x = scale_y = 1.0
    left, top, right, bottom = region.x / scale_x, region.y / scale_y, region.right / scale_x, region.bottom / scale_y
    _must_fit(source, size, (right - left) * (bottom - top))
    per_row = (right - left) * (bottom - top) / size.height
    rows = max(1, min(size.height, int(BAND_PIXELS / per_row)))
    bands = []
    for first in range(0, size.height, rows):
        last = min(size.height, first + rows)
        upper, lower = (top + (bottom - top) * row / size.height for row in (first, last))
        x, y = math.floor(left), math.floor(upper)
        part = Size(max(1, math.ceil(right - 1e-9) - x), max(1, math.ceil(lower - 1e-9) - y))
        inner = (left - x, upper - y, min(right - x, part.width), min(lower - y, part.height))
        bands.append(resized(pixels(index, x, y, part), Size(size.width, last - first), inner))
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _must_fit(source: Source, size: Size, stored: float) -> None:
    if size.width * size.height > MAX_READ_PIXELS:
        limit = f"more than the limit of {MAX_READ_PIXELS:,} pixels"
        raise SourceError(
            source.path, f"{source.name}: a picture of {size.width} × {size.height} is {limit}; ask for a smaller one."
        )
    if stored > MAX_STORED_PIXELS:
        raise SourceError(
            source.path,
            f"{source.name} has no smaller picture of this region, which holds {stored / 1e9:,.0f} thousand million pixels: "
            "choose a smaller one.",
        )
