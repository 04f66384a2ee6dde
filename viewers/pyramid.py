"""The resolutions a slide is painted from: its stored levels, and halved ones where a step is too large. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Box
from viewers.geometry import Size
from viewers.sources import TiledSource

WIDEST_STEP = 2.9
"""Stored levels further apart than this get halved levels between them, so that nuclei do not alias."""
COARSEST = 2048
"""Longest side of the level that is always in memory."""
_STRETCH = 1.42
"""How far a tile may be enlarged before the next finer level is taken."""


class TileKey(NamedTuple):
    """A place in the pyramid: index into `Pyramid.steps`, then the tile's column and row there."""

    step: int
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Step:
    """One resolution. `stored` is the source's level, None where it is halved from the step before it."""

    size: Size
    downsample: float
    tile: Size
    stored: int | None


class Pyramid:
    """Steps from fine to coarse, each at most `WIDEST_STEP` coarser than the one before, the last at most `COARSEST` px."""

    def __init__(self, source: TiledSource) -> None:
        self._source = source
        self.size = source.size
        self.steps: tuple[Step, ...] = tuple(_steps(source))

    def step_for(self, device_scale: float) -> int:
        """The coarsest step that need not be enlarged noticeably at `device_scale` device pixels per level-0 pixel."""
        fitting = [index for index, step in enumerate(self.steps) if step.downsample * device_scale <= _STRETCH]
        return fitting[-1] if fitting else 0

    def keys(self, step: int, box: Box) -> list[TileKey]:
        """The tiles of a step that meet `box` (level-0 pixels), row by row."""
        level = self.steps[step]
        across, down = level.tile.width * level.downsample, level.tile.height * level.downsample
        columns = _cells(box[0], box[2], across, math.ceil(level.size.width / level.tile.width))
        rows = _cells(box[1], box[3], down, math.ceil(level.size.height / level.tile.height))
        return [TileKey(step, column, row) for row in rows for column in columns]

    def extent(self, key: TileKey) -> Box:
        """What a tile covers in level-0 pixels."""
        level = self.steps[key.step]
        x, y = key.column * level.tile.width, key.row * level.tile.height
        right, bottom = min(x + level.tile.width, level.size.width), min(y + level.tile.height, level.size.height)
        return x * level.downsample, y * level.downsample, right * level.downsample, bottom * level.downsample

    def read(self, key: TileKey) -> NDArray[np.uint8]:
        """A tile's pixels, uint8 (height, width, 3). Raises SourceError. For worker threads."""
        step = self.steps[key.step]
        if step.stored is not None:
            return self._source.read_tile(step.stored, key.column, key.row)
        finer = self.steps[key.step - 1]
        columns = range(2 * key.column, min(2 * key.column + 2, math.ceil(finer.size.width / finer.tile.width)))
        rows = range(2 * key.row, min(2 * key.row + 2, math.ceil(finer.size.height / finer.tile.height)))
        parts = [np.concatenate([self.read(TileKey(key.step - 1, column, row)) for column in columns], 1) for row in rows]
        return halved(np.concatenate(parts, 0))


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every 2 × 2 pixels as their mean, rounded; an odd last row or column counts twice."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else pixels
    rows = even[0::2].astype(np.uint16) + even[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


def _steps(source: TiledSource) -> Iterator[Step]:
    last: Step | None = None
    for index, level in enumerate(source.levels):
        while last and level.downsample / last.downsample > WIDEST_STEP:
            last = _half(last)
            yield last
        last = Step(level.size, level.downsample, level.tile or Size(512, 512), index)
        yield last
    while last and max(last.size.width, last.size.height) > COARSEST:
        last = _half(last)
        yield last


def _half(step: Step) -> Step:
    size = Size(math.ceil(step.size.width / 2), math.ceil(step.size.height / 2))
    return Step(size, step.downsample * 2, step.tile, None)


def _cells(low: float, high: float, pitch: float, count: int) -> range:
    return range(max(0, math.floor(low / pitch)), min(count, math.ceil(high / pitch)))
