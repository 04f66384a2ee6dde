"""A slide's levels put together from tiles read past OpenSlide, after a look whether both say the same of this very file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.sources import Level, tiled_dicom, tiled_tiff
from viewers.sources.tile_files import BadTile, Grid, TileFiles, Unfit

Pixels = NDArray[np.uint8]
Composited = Callable[[int, int, int, Size], Pixels]
"""(level, x, y in that level's pixels, size) → uint8 RGB on the slide's ground, by OpenSlide."""
WAYS: Mapping[str, Callable[[Path, Sequence[Size]], tuple[Grid | str, ...]]] = {
    "aperio": tiled_tiff.grids, "generic-tiff": tiled_tiff.grids, "dicom": tiled_dicom.grids,
}  # fmt: skip
"""Makers whose tiles lie side by side and whose empty tiles alone need OpenSlide, and where the tiles stand."""
EXACT = 1 / 600
"""OpenSlide takes places in level-0 pixels; what lies nearer than this to a pixel of a level is not blurred by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """`pixels` as OpenSlide gives them; what the file does not hold is asked of OpenSlide itself."""

    files: TileFiles
    levels: Sequence[Level]
    ground: tuple[int, int, int]
    otherwise: Composited

    def pixels(self, level: int, x: int, y: int, size: Size) -> Pixels:
        """uint8 (height, width, 3) from (x, y) on in pixels of `level`; the ground's colour outside the picture.

        Raises BadTile, OSError and what OpenSlide raises.
        """
        grid = self.files.grids[level]
        if isinstance(grid, str):
            return self.otherwise(level, x, y, size)
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = min(grid.size.width, x + size.width), min(grid.size.height, y + size.height)
        wide, high = grid.tile.width, grid.tile.height
        if (
            (x0, y0) == (x, y)
            and (x % wide, y % high) == (0, 0)
            and x1 - x <= wide
            and y1 - y <= high
            and size == Size(x1 - x, y1 - y)
        ):
            return np.ascontiguousarray(self._tile(grid, level, x // wide, y // high)[: y1 - y, : x1 - x])
        canvas = np.empty((size.height, size.width, 3), np.uint8)
        canvas[:] = self.ground
        for row in range(y0 // high, -(-y1 // high)):
            for column in range(x0 // wide, -(-x1 // wide)):
                left, top = column * wide, row * high
                part = (max(x0, left), max(y0, top), min(x1, left + wide), min(y1, top + high))
                tile = self._tile(grid, level, column, row)
                canvas[part[1] - y : part[3] - y, part[0] - x : part[2] - x] = tile[
                    part[1] - top : part[3] - top, part[0] - left : part[2] - left
                ]
        return canvas

    def _tile(self, grid: Grid, level: int, column: int, row: int) -> Pixels:
        tile = self.files.tile(level, column, row)
        return self.otherwise(level, column * grid.tile.width, row * grid.tile.height, grid.tile) if tile is None else tile

    def close(self) -> None:
        self.files.close()


def reader(
    path: Path, vendor: str, levels: Sequence[Level], ground: tuple[int, int, int], composited: Composited
) -> tuple[Direct | None, str]:
    """The direct reader of a slide, None where OpenSlide has to do it, and which way it is read and why."""
    if vendor not in WAYS:
        return None, f"through OpenSlide, as slides of {vendor or 'this maker'} are"
    try:
        direct = Direct(TileFiles(WAYS[vendor](path, [level.size for level in levels])), levels, ground, composited)
    except (Unfit, OSError) as error:
        return None, f"through OpenSlide: {error}"
    compared, alone = 0, 0
    try:
        for level in range(len(levels)):
            for same in _looks(direct, level):
                compared += same
                alone += not same
        if not compared + alone:
            raise Unfit("no tile could be compared")
    except (Unfit, OSError) as error:
        direct.close()
        return None, f"through OpenSlide: {error}"
    codecs = " and ".join(dict.fromkeys(grid.codec for grid in direct.files.grids if isinstance(grid, Grid)))
    trust = f"equal to OpenSlide in {compared} of {compared} compared" if compared else "which OpenSlide cannot decode"
    left = [
        f"level {number} through OpenSlide: {grid}" for number, grid in enumerate(direct.files.grids) if isinstance(grid, str)
    ]
    return direct, "; ".join([f"tiles read directly ({codecs}), {trust}", *left])


def _looks(direct: Direct, level: int) -> Iterator[bool]:
    """For a few tiles of a level True where OpenSlide says the same, False where it cannot decode what we can.

    Raises Unfit where one differs.
    """
    grid = direct.files.grids[level]
    if isinstance(grid, str):
        return
    rows = -(-grid.size.height // grid.tile.height)
    for column, row in sorted({(0, 0), (grid.columns // 2, rows // 2), (grid.columns - 1, rows - 1)}):
        x, y = column * grid.tile.width, row * grid.tile.height
        if direct.files.counted(level, column, row) == 0 or not (
            exact(direct.levels[level], x) and exact(direct.levels[level], y)
        ):
            continue
        size = Size(min(grid.tile.width, grid.size.width - x), min(grid.tile.height, grid.size.height - y))
        try:
            ours = direct.pixels(level, x, y, size)
        except BadTile:
            continue  # one damaged tile says nothing of the others
        try:
            theirs = direct.otherwise(level, x, y, size)
        except SourceError:
            yield False
            continue
        if not np.array_equal(ours, theirs):
            raise Unfit(f"tile {column}, {row} of level {level} differs")
        yield True


def exact(level: Level, place: int) -> bool:
    """Whether OpenSlide can be asked for this very pixel of a level."""
    return abs(round(place * level.downsample) / level.downsample - place) < EXACT
