"""The tiles of a slide in a TIFF, read and decoded without OpenSlide: bytes by position, then a decoder that frees the GIL.

OpenSlide spends five sixths of a JPEG tile's time on compositing (`tests/bench/results/slide-read.json`). What is read here is
the same, pixel for pixel; `Unfit` says why a file or a level is left to OpenSlide.
"""

from __future__ import annotations

import errno
import os
import struct
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size

if TYPE_CHECKING:
    import tifffile

Pixels = NDArray[np.uint8]
MOST_TILE_BYTES = 64 * 2**20
"""Compressed or decoded, a larger tile is a writer's mistake."""
_JPEG, _JPEG_2000 = 7, (33005, 34712)
_DEFLATE, _LZW, _ZSTD, _NONE = (8, 32946), 5, 50000, 1
_RGB, _YCBCR = 2, 6


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

    @property
    def columns(self) -> int:
        return -(-self.size.width // self.tile.width)


class TiledTiff:
    """Levels of a file that OpenSlide describes as `levels`, those of them that can be read directly. Safe for threads."""

    def __init__(self, path: Path, levels: Sequence[Size]) -> None:
        """Raises Unfit where no level can be read."""
        self.path = path
        self.grids = _grids(path, levels)
        reasons = [grid for grid in self.grids if isinstance(grid, str)]
        if len(reasons) == len(self.grids):
            raise Unfit(reasons[0])
        self._file = _Positioned(path)

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
        data = self._file.read(grid.offsets[index], count)
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

    def close(self) -> None:
        self._file.close()


class _Positioned:
    """Reads at a place without moving what other threads see."""

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


def _grids(path: Path, levels: Sequence[Size]) -> tuple[Grid | str, ...]:
    """For every level its grid, or why there is none."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            pages = [page for page in tiff.pages if isinstance(page, tifffile.TiffPage)]
            return tuple(_grid(pages, size) for size in levels)
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, KeyError, IndexError, struct.error) as error:
        raise Unfit("its directories cannot be read") from error


def _grid(pages: Sequence[tifffile.TiffPage], size: Size) -> Grid | str:
    found = [page for page in pages if (page.imagewidth, page.imagelength) == (size.width, size.height) and page.is_tiled]
    if len(found) != 1:
        return f"{len(found)} directories hold a tiled picture of {size.width} × {size.height}"
    page = found[0]
    tile = Size(page.tilewidth, page.tilelength)
    if (page.samplesperpixel, page.bitspersample, page.planarconfig) != (
        3,
        8,
        1,
    ) or tile.width * tile.height > MOST_TILE_BYTES // 3:
        return f"its pixels are stored in {page.samplesperpixel} × {page.bitspersample} bits"
    places = -(-size.width // tile.width) * -(-size.height // tile.height)
    if len(page.dataoffsets) != places or len(page.databytecounts) != places:
        return "the number of its tiles does not fit its size"
    codec = _codec(page, tile)
    if codec is None:
        return f"it is compressed as {page.compression.name}, {page.photometric.name}"
    return Grid(size, tile, page.dataoffsets, page.databytecounts, codec[1], codec[0])


def _codec(page: tifffile.TiffPage, tile: Size) -> tuple[str, Callable[[bytes], Pixels]] | None:
    """(name, decoder) of a directory's tiles; None for those that OpenSlide alone is known to read."""
    import imagecodecs

    kind, colour = int(page.compression), int(page.photometric)
    if kind == _JPEG and colour in (_RGB, _YCBCR):
        tables, space = page.jpegtables, "RGB" if colour == _RGB else "YCBCR"
        return "JPEG", lambda data: imagecodecs.jpeg8_decode(data, tables=tables, colorspace=space, outcolorspace="RGB")
    if colour != _RGB:
        return None
    if kind in _JPEG_2000:
        return "JPEG 2000", imagecodecs.jpeg2k_decode

    def as_it_is(data: bytes, out: int) -> bytes:
        return data[:out]

    plain: dict[int, tuple[str, Callable[..., Any]]] = {
        _LZW: ("LZW", imagecodecs.lzw_decode),
        _ZSTD: ("zstd", imagecodecs.zstd_decode),
        _NONE: ("uncompressed", as_it_is),
        **dict.fromkeys(_DEFLATE, ("deflate", imagecodecs.zlib_decode)),
    }
    if kind not in plain or int(page.predictor) not in (1, 2):
        return None
    name, unpack = plain[kind]
    shape = (tile.height, tile.width, 3)
    differences = int(page.predictor) == 2

    def decode(data: bytes) -> Pixels:
        values = np.frombuffer(unpack(data, out=int(np.prod(shape))), np.uint8).reshape(shape)
        return np.cumsum(values, axis=1, dtype=np.uint8) if differences else values

    return name, decode
