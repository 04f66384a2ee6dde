"""Whether a picture's file reaches to its end, by its own structure and before anything decodes it."""

from __future__ import annotations

import io
import struct
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from viewers.errors import reading
from viewers.sources.files import opened_file
from viewers.sources.tiff import TIFF, Directories

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
_BLOCK = 2**20


def cut_short(path: Path, *, first: bool = True) -> bool:
    """Whether the file ends before its picture does; only TIFF, PNG and JPEG tell.

    `first` looks at the first picture of a TIFF alone, else at all of them. Raises SourceError.
    """
    with opened_file(path) as file, reading(path):
        start, size = file.read(16), file.seek(0, io.SEEK_END)
        try:
            if start.startswith(JPEG):
                return not _jpeg_ends(file, size)
            if start.startswith(PNG):
                return not _png_ends(file, size)
            if not start.startswith(TIFF) or (start[2:4] in (b"*\0", b"\0*") and size >= 2**32):
                return False  # so large a classic TIFF hides the upper halves of its offsets where its maker alone knows
            found = Directories(file, start, size)
            return any(one.end > size for one in (islice(found, 1) if first else found))
        except struct.error:  # fewer bytes than a value takes
            return True


def _at(file: BinaryIO, place: int, form: str) -> tuple[int, ...]:
    """Numbers of the form of `struct` from a place on."""
    file.seek(place)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _jpeg_ends(file: BinaryIO, size: int) -> bool:
    """Whether an end mark follows the first scan (ISO 10918-1 B.1.1); inside a scan no two bytes look like one."""
    place = 2
    while True:
        (mark,) = _at(file, place, ">H")
        if mark == 0xFFFF:
            place += 1
        elif mark == 0xFFDA:
            near = max(place, size - _BLOCK // 16)  # nearly always there: the rest need not be read
            return _holds(file, b"\xff\xd9", near) or _holds(file, b"\xff\xd9", place)
        elif mark == 0xFFD9 or mark < 0xFF00:
            return True  # no picture, or not built as it must be: the decoder says what is wrong
        else:
            place += 2 + _at(file, place + 2, ">H")[0]


def _holds(file: BinaryIO, what: bytes, place: int) -> bool:
    file.seek(place)
    kept = b""
    while block := file.read(_BLOCK):
        if what in kept + block:
            return True
        kept = block[1 - len(what) :]
    return False


def _png_ends(file: BinaryIO, size: int) -> bool:
    """Whether every chunk up to the last of the pixels lies within the file (ISO 15948 5.3)."""
    place, pixels = len(PNG), False
    while place < size:
        length, kind = _at(file, place, ">II")
        if kind == 0x49454E44:  # IEND
            return True
        pixels = pixels or kind == 0x49444154  # IDAT
        place += 12 + length
    return pixels and place == size
