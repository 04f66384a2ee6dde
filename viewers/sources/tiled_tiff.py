"""Where the tiles of a slide in a TIFF stand, and how they are decoded; the pixels are OpenSlide's, one by one.

OpenSlide spends most of a JPEG tile's time on compositing (`tests/bench/results/slide-read.json`). A level gets a reason in place
of a grid where it is left to OpenSlide.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers.geometry import Size
from viewers.sources.tile_files import MOST_TILE_BYTES, Grid, Pixels, Unfit, jpeg, jpeg_2000

if TYPE_CHECKING:
    import tifffile

_JPEG, _JPEG_2000 = 7, (33005, 34712)
_DEFLATE, _LZW, _ZSTD, _NONE = (8, 32946), 5, 50000, 1
_RGB, _YCBCR = 2, 6


def grids(path: Path, levels: Sequence[Size]) -> tuple[Grid | str, ...]:
    """For every level its grid, or why there is none. Raises Unfit where nothing can be told."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            pages = [page for page in tiff.pages if isinstance(page, tifffile.TiffPage)]
            return tuple(_grid(path, pages, size) for size in levels)
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, KeyError, IndexError, struct.error) as error:
        raise Unfit("its directories cannot be read") from error


def _grid(path: Path, pages: Sequence[tifffile.TiffPage], size: Size) -> Grid | str:
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
    return Grid(size, tile, page.dataoffsets, page.databytecounts, codec[1], codec[0], path)


def _codec(page: tifffile.TiffPage, tile: Size) -> tuple[str, Callable[[bytes], Pixels]] | None:
    """(name, decoder) of a directory's tiles; None for those that OpenSlide alone is known to read."""
    import imagecodecs

    kind, colour = int(page.compression), int(page.photometric)
    if kind == _JPEG and colour in (_RGB, _YCBCR):
        return "JPEG", jpeg(tile, "RGB" if colour == _RGB else "YCBCR", page.jpegtables)
    if colour != _RGB:
        return None
    if kind in _JPEG_2000:
        return "JPEG 2000", jpeg_2000(tile)

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
