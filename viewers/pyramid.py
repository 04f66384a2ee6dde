"""The resolutions a slide is painted from: its stored levels, and halved ones where a step is too large. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viewers.cache import memory_share
from viewers.camera import Box
from viewers.channels import Look, halved_values
from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.sources import ChannelSource, TiledSource
from viewers.sources.cache import FrameCache

WIDEST_STEP = 2.9
"""Stored levels further apart than this get halved levels between them, so that nuclei do not alias."""
COARSEST = 2048
"""Longest side of the level that is always in memory."""
SPARSE_FROM = 512
"""Stored tiles below one that is always in memory, from which on a sketch of a few of them comes first."""
SPARSE_CELLS = 16
"""Cells along a sketch's longer side; one stored tile stands for each."""
RAW_SHARE, RAW_MOST = 0.08, 2**29
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
    sparse: int | None = None
    """Step of which single tiles stand for the places around them: a sketch until anything better is there."""


class Pyramid:
    """Steps from fine to coarse, each at most `WIDEST_STEP` coarser than the one before, the last at most `COARSEST` px."""

    def __init__(self, source: TiledSource) -> None:
        self._source = source
        self.size = source.size
        steps = list(_steps(source))
        self.last = len(steps) - 1
        """The coarsest step that is a true picture of the slide; a sketch may follow it."""
        self.steps: tuple[Step, ...] = (*steps, *_sketch(steps))
        self._raw = FrameCache(memory_share(RAW_SHARE, RAW_MOST))
        self._stopped = False

    def stop(self) -> None:
        """Whatever reads a tile made of many others gives up after the one at hand."""
        self._stopped = True
        self._raw.clear()

    def step_for(self, device_scale: float) -> int:
        """The coarsest step that need not be enlarged noticeably at `device_scale` device pixels per level-0 pixel."""
        fitting = [
            index for index, step in enumerate(self.steps) if step.downsample * device_scale <= _STRETCH and step.sparse is None
        ]
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

    def read(self, key: TileKey, look: Look | None = None) -> NDArray[np.uint8]:
        """A tile's pixels, uint8 (height, width, 3), through `look` where the source has channels or planes.

        Stored values are kept, so that another mix of the same place needs no file. Raises SourceError. For worker threads.
        """
        if self._stopped:
            raise SourceError(self._source.path, f"{self._source.name} was closed while it was read.")
        step = self.steps[key.step]
        if step.sparse is not None:
            return self._sketched(key, step, step.sparse, look)
        if look is not None and isinstance(self._source, ChannelSource):
            return self._source.coloured(self._values(key, look.frame), look.mix)
        if step.stored is not None:
            return self._source.read_tile(step.stored, key.column, key.row)
        parts = [np.concatenate([self.read(finer) for finer in row], 1) for row in self._finer(key)]
        return halved(np.concatenate(parts, 0))

    def _values(self, key: TileKey, frame: int) -> NDArray[np.generic]:
        """Stored values (channels, height, width) of a tile, kept within a number of bytes."""
        return self._raw.get((key, frame), lambda: self._read_values(key, frame))

    def _read_values(self, key: TileKey, frame: int) -> NDArray[np.generic]:
        if self._stopped:
            raise SourceError(self._source.path, f"{self._source.name} was closed while it was read.")
        assert isinstance(self._source, ChannelSource)
        stored = self.steps[key.step].stored
        if stored is not None:
            return self._source.raw_tile(stored, key.column, key.row, frame)
        parts = [np.concatenate([self._values(finer, frame) for finer in row], 2) for row in self._finer(key)]
        return halved_values(np.concatenate(parts, 1))

    def _finer(self, key: TileKey) -> list[list[TileKey]]:
        """The up to four tiles of the step before, row by row, of which a tile is the mean."""
        finer = self.steps[key.step - 1]
        columns = range(2 * key.column, min(2 * key.column + 2, math.ceil(finer.size.width / finer.tile.width)))
        rows = range(2 * key.row, min(2 * key.row + 2, math.ceil(finer.size.height / finer.tile.height)))
        return [[TileKey(key.step - 1, column, row) for column in columns] for row in rows]

    def _sketched(self, key: TileKey, step: Step, finest: int, look: Look | None) -> NDArray[np.uint8]:
        """The mean colour of one stored tile in the middle of the place: uint8 (1, 1, 3)."""
        under = self.steps[finest]
        factor = round(step.downsample / under.downsample)
        columns, rows = math.ceil(under.size.width / under.tile.width), math.ceil(under.size.height / under.tile.height)
        column = min(columns - 1, key.column * factor + factor // 2)
        row = min(rows - 1, key.row * factor + factor // 2)
        pixels = self.read(TileKey(finest, column, row), look)
        mean: NDArray[np.float64] = pixels.mean((0, 1), keepdims=True)
        return np.rint(mean).astype(np.uint8)


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


def _sketch(steps: list[Step]) -> list[Step]:
    """A last step of few tiles, where the one before it is made of so many stored ones that it comes late."""
    stored = next(number for number in reversed(range(len(steps))) if steps[number].stored is not None)
    finest = steps[stored]
    columns, rows = math.ceil(finest.size.width / finest.tile.width), math.ceil(finest.size.height / finest.tile.height)
    if stored == len(steps) - 1 or columns * rows < SPARSE_FROM:
        return []
    factor = math.ceil(max(columns, rows) / SPARSE_CELLS)
    size = Size(math.ceil(finest.size.width / factor), math.ceil(finest.size.height / factor))
    return [Step(size, finest.downsample * factor, finest.tile, None, stored)]


def _half(step: Step) -> Step:
    size = Size(math.ceil(step.size.width / 2), math.ceil(step.size.height / 2))
    return Step(size, step.downsample * 2, step.tile, None)


def _cells(low: float, high: float, pitch: float, count: int) -> range:
    return range(max(0, math.floor(low / pitch)), min(count, math.ceil(high / pitch)))
