"""The directories of a TIFF or BigTIFF file: how its pixels are stored, and where they end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
COMPRESSION = 259
LOSSY = dict.fromkeys((1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000), False) | dict.fromkeys((6, 7, 34892), True)
"""Whether a compression loses something, by its number; JPEG 2000, WebP and JPEG XL may or may not, and are absent."""
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value by its type (TIFF 6.0 §2; 16 to 18 BigTIFF)."""
_NUMBERS = {3: "H", 4: "I", 16: "Q"}
_PARTS = ((273, 279), (324, 325))
"""StripOffsets with StripByteCounts, TileOffsets with TileByteCounts."""
_KEPT = frozenset({COMPRESSION, *_PARTS[0], *_PARTS[1]})
_MOST_DIRECTORIES = 500


@dataclass(frozen=True, slots=True)
class Directory:
    """`numbers` by tag, those this module speaks of; `end` is the first byte behind all that the directory names."""

    numbers: dict[int, tuple[int, ...]]
    end: int


@dataclass(frozen=True, slots=True)
class Directories:
    """Those of a file that begins with `start` and is `size` bytes long."""

    file: BinaryIO
    start: bytes
    size: int

    def __iter__(self) -> Iterator[Directory]:
        """In order. Raises struct.error where one lies behind the file's end."""
        seen = set[int]()
        place = self._offset(8 if self._big else 4)
        while place and place not in seen and len(seen) < _MOST_DIRECTORIES:
            seen.add(place)
            (entries,) = self._read(place, "Q" if self._big else "H")
            first = place + (8 if self._big else 2)
            behind = first + entries * self._entry
            yield self._directory(first, behind)
            place = self._offset(behind)

    def _directory(self, first: int, behind: int) -> Directory:
        """What the entries from `first` to `behind` name."""
        numbers, end = dict[int, tuple[int, ...]](), behind + self._width
        if end > self.size:
            return Directory(numbers, end)
        for at in range(first, behind, self._entry):
            tag, kind, count = self._read(at, "HHQ" if self._big else "HHI")
            length, value = _WIDTHS.get(kind, 1) * count, at + self._entry - self._width
            place = value if length <= self._width else self._offset(value)
            end = max(end, place + length)
            if tag in _KEPT and kind in _NUMBERS and place + length <= self.size:
                numbers[tag] = self._read(place, f"{count}{_NUMBERS[kind]}")
        for starts, lengths in _PARTS:
            parts = zip(numbers.get(starts, ()), numbers.get(lengths, ()), strict=False)
            end = max(end, max((begin + length for begin, length in parts), default=0))
        return Directory(numbers, end)

    def _offset(self, place: int) -> int:
        return int(self._read(place, "Q" if self._big else "I")[0])

    def _read(self, place: int, form: str) -> tuple[int, ...]:
        if place > self.size:
            raise struct.error("behind the end of the file")
        form = ("<" if self.start.startswith(b"II") else ">") + form
        self.file.seek(place)
        return struct.unpack(form, self.file.read(struct.calcsize(form)))

    @property
    def _big(self) -> bool:
        return self.start[2:4] in (b"+\0", b"\0+")

    @property
    def _width(self) -> int:
        """Bytes of an offset."""
        return 8 if self._big else 4

    @property
    def _entry(self) -> int:
        """Bytes of an entry."""
        return 20 if self._big else 12
