"""Tiles read by position and decoded outside the GIL, whatever file they stand in."""

from __future__ import annotations

import errno
import os
import struct
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size

Pixels = NDArray[np.uint8]
MOST_TILE_PIXELS = 64_000_000
"""Pixels of one stored tile, or of a picture beside the slide's own."""
MOST_TILE_BYTES = 64 * 2**20
"""Compressed or decoded, a larger tile is a writer's mistake."""


class Unfit(Exception):
    """Why OpenSlide has to read a file or a level, as the end of a sentence."""


class BadTile(Exception):
    """A tile that cannot be decoded, as the end of a sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """One level: its tiles row by row, and how one becomes uint8 RGB (tile height, tile width, 3)."""

    size: Size
    tile: Size
    offsets: Sequence[int]
    counts: Sequence[int]
    decode: Callable[[bytes], Pixels]
    codec: str
    file: Path

    @property
    def columns(self) -> int:
        return -(-self.size.width // self.tile.width)


class TileFiles:
    """The tiles of a slide's levels in one file or several. Safe for threads."""

    def __init__(self, grids: Sequence[Grid | str]) -> None:
        """A grid for every level, or why it has none. Raises Unfit where none has, and OSError."""
        self.grids = tuple(grids)
        paths = {grid.file for grid in grids if isinstance(grid, Grid)}
        if not paths:
            raise Unfit(str(self.grids[0]))
        self._files = {path: Positioned(path) for path in paths}

    def tile(self, level: int, column: int, row: int) -> Pixels | None:
        """A whole tile, what lies behind the picture's edge included; None where the file stores none.

        Raises BadTile, OSError, and Unfit for a level that is not read directly.
        """
        grid = self.grids[level]
        if isinstance(grid, str):
            raise Unfit(grid)
        index = row * grid.columns + column
        count = grid.counts[index]
        if count == 0 or grid.offsets[index] == 0:
            return None
        if count > MOST_TILE_BYTES:
            raise BadTile(f"tile {column}, {row} claims {count:,} bytes")
        data = self._files[grid.file].read(grid.offsets[index], count)
        if len(data) < count:
            raise BadTile(f"tile {column}, {row} lies behind the end of the file")
        try:
            pixels = grid.decode(data)
        except Exception as error:  # every decoder raises its own kind
            raise BadTile(f"tile {column}, {row} is damaged") from error
        if pixels.shape != (grid.tile.height, grid.tile.width, 3) or pixels.dtype != np.uint8:
            raise BadTile(f"tile {column}, {row} decodes to {' × '.join(map(str, pixels.shape[1::-1]))} pixels")
        return pixels

    def counted(self, level: int, column: int, row: int) -> int:
        """Bytes of a tile in the file, 0 where it is empty."""
        grid = self.grids[level]
        return 0 if isinstance(grid, str) else grid.counts[row * grid.columns + column]

    def stored(self, level: int) -> list[bytes]:
        """Every tile of a level as it stands in the file."""
        grid = self.grids[level]
        if isinstance(grid, str):
            raise Unfit(grid)
        return [self._files[grid.file].read(*where) for where in zip(grid.offsets, grid.counts, strict=True)]

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class Positioned:
    """A file that is read at a place without moving what other threads see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._end = weakref.finalize(self, os.close, self._number)
        self._lock = Lock()

    def read(self, place: int, count: int) -> bytes:
        """Raises OSError, also after `close` and where the file is gone, though an open one could still be read."""
        if not self._end.alive:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._path.stat()
        if hasattr(os, "pread"):
            return os.pread(self._number, count, place)
        with self._lock:
            os.lseek(self._number, place, os.SEEK_SET)
            return os.read(self._number, count)

    def close(self) -> None:
        self._end()


def jpeg(tile: Size, space: str, tables: bytes | None = None) -> Callable[[bytes], Pixels]:
    """Decodes JPEG tiles of `space`, "RGB" or "YCBCR"; what claims another size is refused before it is decoded."""
    import imagecodecs

    def decode(data: bytes) -> Pixels:
        out = np.empty((tile.height, tile.width, 3), np.uint8)
        found: Pixels = imagecodecs.jpeg8_decode(data, tables=tables, colorspace=space, outcolorspace="RGB", out=out)
        return found

    return decode


def jpeg_2000(tile: Size) -> Callable[[bytes], Pixels]:
    """Decodes JPEG 2000 codestreams; what claims another size is refused before it is decoded (ISO 15444-1 A.5.1)."""
    import imagecodecs

    def decode(data: bytes) -> Pixels:
        marks, right, bottom, left, top = struct.unpack(">4s4xIIII", data[:24])
        if marks != b"\xff\x4f\xff\x51" or (right - left, bottom - top) != (tile.width, tile.height):
            raise ValueError("not a codestream of the tile's size")
        found: Pixels = imagecodecs.jpeg2k_decode(data)
        return found

    return decode


def claimed(data: bytes) -> tuple[int, int] | None:
    """(width, height) that a JPEG or a JPEG 2000 codestream claims; None where neither is told.

    Frame header of ISO 10918-1 B.2.2, SIZ marker of ISO 15444-1 A.5.1.
    """
    if data[:4] == b"\xff\x4f\xff\x51":
        right, bottom, left, top = struct.unpack(">8xIIII", data[:24])
        return right - left, bottom - top
    at = 2 if data[:2] == b"\xff\xd8" else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
