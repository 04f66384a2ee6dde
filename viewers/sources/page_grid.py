"""The stored values of one TIFF directory, whatever their type: tiles or strips read by position, decoded one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size
from viewers.sources.cache import FrameCache
from viewers.sources.layout import Unreadable
from viewers.sources.tile_files import MOST_TILE_BYTES, BadTile, Positioned, claimed

if TYPE_CHECKING:
    import tifffile

Values = NDArray[np.generic]
MOST_STRIP_BYTES = 768 * 2**20
"""One strip decoded; a writer may put a whole picture into one."""
_TILES = range(128, 2049)
_ROWS = 64
"""Rows of an uncompressed strip that are read together."""
_WITH_SIZE = (6, 7, 33003, 33004, 33005, 34712, 34892)
"""JPEG and JPEG 2000, which state a size of their own."""


class PageGrid:
    """A directory's pixels. Safe for threads once made. What is not stored (a tile of 0 bytes) is `ground`."""

    def __init__(self, page: tifffile.TiffPage, file: Positioned, cache: FrameCache, ground: int) -> None:
        """Reads the directory's tags. Raises Unreadable for what cannot be decoded, and what tifffile raises."""
        self.size = Size(page.imagewidth, page.imagelength)
        self.samples = int(page.samplesperpixel)
        self.tiled = bool(page.is_tiled)
        self._file, self._cache, self._ground = file, cache, ground
        self._key = int(page.offset)
        if (
            page.dtype is None
            or page.imagedepth != 1
            or page.dtype.kind not in "uif"
            or page.dtype.itemsize > 8
            or int(page.photometric) == 3
        ):
            raise Unreadable(f"its pixels are stored as {page.photometric!s} of {page.bitspersample} bits")
        self.dtype = np.dtype(page.dtype).newbyteorder("=")
        self._segment = (
            Size(page.tilewidth, page.tilelength)
            if self.tiled
            else Size(page.imagewidth, min(int(page.rowsperstrip), page.imagelength))
        )
        self._separate = int(page.planarconfig) == 2 and self.samples > 1
        self._across, self._down = -(-self.size.width // self._segment.width), -(-self.size.height // self._segment.height)
        self._offsets, self._counts = page.dataoffsets, page.databytecounts
        needed = self._across * self._down * (self.samples if self._separate else 1)
        if min(len(self._offsets), len(self._counts)) < needed:
            raise Unreadable(f"it states where {len(self._offsets):,} of its {needed:,} tiles or strips stand")
        stored = self._segment.width * self._segment.height * self.dtype.itemsize * (1 if self._separate else self.samples)
        self._white_is_zero = int(page.photometric) == 0 and self.dtype.kind == "u"
        self._decode = _decoder(page, self._segment, self.dtype)
        self._rows = self._plain_rows(page)
        if stored > (MOST_TILE_BYTES if self.tiled else MOST_STRIP_BYTES) and self._rows is None:
            raise Unreadable(f"one tile or strip of it takes {stored:,} bytes")
        kept = self.tiled and self.samples == 1 and self._segment == self.tile
        self._keep = not kept
        self.codec = str(page.compression.name if hasattr(page.compression, "name") else page.compression)

    @property
    def tile(self) -> Size:
        """The grid to ask for: the stored tiles where they are of a usual size, else tiles of 512."""
        usual = self.tiled and self._segment.width in _TILES and self._segment.height in _TILES
        return self._segment if usual else Size(512, 512)

    def pixels(self, x: int, y: int, size: Size, sample: int | None) -> Values:
        """Stored values (height, width) of one sample, or (3, height, width) of the first three for None; from (x, y) on.

        What lies outside the picture is `ground`. Raises BadTile and OSError.
        """
        parts = range(3) if sample is None else range(sample, sample + 1)
        out = np.full((len(parts), size.height, size.width), self._ground, self.dtype)
        x0, y0, x1, y1 = max(0, x), max(0, y), min(self.size.width, x + size.width), min(self.size.height, y + size.height)
        high = self._segment.height if self._rows is None else _ROWS
        for row in range(y0 // high, -(-y1 // high) if x1 > x0 else 0):
            top = row * high
            for column in range(x0 // self._segment.width, -(-x1 // self._segment.width)):
                left = column * self._segment.width
                box = max(x0, left), max(y0, top), min(x1, left + self._segment.width), min(y1, top + high)
                for number, part in enumerate(parts):
                    values = self._values(column, row, part)
                    if values is not None:
                        part_of = values[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
                        shown = np.iinfo(self.dtype).max - part_of if self._white_is_zero else part_of
                        out[number, box[1] - y : box[3] - y, box[0] - x : box[2] - x] = shown
        return out[0] if sample is not None else out

    def _values(self, column: int, row: int, sample: int) -> Values | None:
        """A tile, a strip or some rows of a strip, (height, width) of one sample; None where nothing is stored."""
        index = row * self._across + column + (self._across * self._down * sample if self._separate else 0)
        make: Callable[[], Values]
        if self._rows is not None:
            index = row + (1 << 40) * sample * self._separate
            rows = self._rows
            make = lambda: rows(row, sample)  # noqa: E731
        elif self._counts[index] == 0 or self._offsets[index] == 0:
            return None
        else:
            make = lambda: self._decoded(index, f"tile {column}, {row}" if self.tiled else f"strip {row}")  # noqa: E731
        values = self._cache.get((self._key, index), make) if self._keep else make()
        return values[..., 0 if self._separate else sample]

    def _decoded(self, index: int, name: str) -> Values:
        """One tile or strip, (height, width, samples)."""
        count = self._counts[index]
        if count > (MOST_TILE_BYTES if self.tiled else MOST_STRIP_BYTES):
            raise BadTile(f"{name} claims {count:,} bytes")
        data = self._file.read(self._offsets[index], count)
        if len(data) < count:
            raise BadTile(f"{name} lies behind the end of the file")
        try:
            return self._decode(data, index)
        except BadTile:
            raise
        except Exception as error:  # every decoder raises its own kind
            raise BadTile(f"{name} is damaged") from error

    def _plain_rows(self, page: tifffile.TiffPage) -> Callable[[int, int], Values] | None:
        """Reads `_ROWS` rows of uncompressed strips at once; None where strips are compressed, tiled or packed."""
        whole = page.bitspersample == 8 * page.dtype.itemsize and int(page.predictor) == 1 and int(page.fillorder) == 1
        if self.tiled or int(page.compression) != 1 or not whole:
            return None
        stored = np.dtype(page.parent.byteorder + page.dtype.char)
        samples = 1 if self._separate else self.samples
        row_bytes = self.size.width * samples * stored.itemsize
        per_strip, height, down = self._segment.height, self.size.height, self._down

        def read(block: int, sample: int) -> Values:
            parts, row, end = [], block * _ROWS, min(height, (block + 1) * _ROWS)
            while row < end:
                strip, inner = divmod(row, per_strip)
                count = min(end - row, per_strip - inner)
                index = strip + (down * sample if self._separate else 0)
                data = self._file.read(self._offsets[index] + inner * row_bytes, count * row_bytes)
                if len(data) < count * row_bytes or self._counts[index] < (inner + count) * row_bytes:
                    raise BadTile(f"strip {strip} lies behind the end of the file")
                parts.append(np.frombuffer(data, stored).reshape(count, self.size.width, samples))
                row += count
            return np.concatenate(parts).astype(self.dtype, copy=False) if len(parts) != 1 else parts[0].astype(self.dtype)

        return read


def _decoder(page: tifffile.TiffPage, segment: Size, dtype: np.dtype[np.generic]) -> Callable[[bytes, int], Values]:
    """(bytes, index) → (height, width, samples). A codestream that claims another size is refused before it is decoded."""
    decode, sized = page.decode, int(page.compression) in _WITH_SIZE
    tables = {"jpegtables": page.jpegtables} if page.jpegtables else {}

    def decoded(data: bytes, index: int) -> Values:
        if sized:
            size = claimed(data)
            if size is None or size[0] > segment.width or size[1] > segment.height:
                raise BadTile(f"a part of it claims {' × '.join(map(str, size))} pixels" if size else "a part of it has no size")
        values, _, _ = decode(data, index, _fullsize=True, **tables)
        found: Values = values[0]
        if found.shape[:2] != (segment.height, segment.width):
            raise BadTile(f"a part of it decodes to {found.shape[1]} × {found.shape[0]} pixels")
        return found.astype(dtype, copy=False)

    return decoded
