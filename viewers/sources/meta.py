"""Preamble and meta header of a DICOM file (PS3.10 7.1), and data sets that were written without them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO

from viewers.sources.elements import LONG_VR, SHORT_VR

SOP_CLASS, SYNTAX = 0x0002, 0x0010
"""Elements of group 0002."""
DEFLATED = b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1\0\0\0"
"""As long as the other, so that no length in the meta header changes."""
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP Class UID of VL Whole Slide Microscopy Image Storage."""
_MOST = 2**20
_PREAMBLE = bytes(128) + b"DICM"
_FIRST_GROUPS = (0x0002, 0x0008)
_ENOUGH = 3
"""Elements that have to follow one another where no mark says what a file is."""


def marked(start: bytes) -> bool:
    """Whether a file that starts so is DICOM Part 10: "DICM" after 128 bytes."""
    return start[128:132] == b"DICM"


def is_dicom(start: bytes) -> bool:
    """Whether a file that starts so is DICOM: Part 10, or elements from its first byte on, as old programs write them.

    132 bytes suffice.
    """
    return marked(start) or any(_is_bare(start, order, explicit) for order in "<>" for explicit in (True, False))


def meta_start(start: bytes) -> int:
    """Where the meta header, or the data set that has none, begins in a file that starts so."""
    return len(_PREAMBLE) if marked(start) else 0


def _is_bare(start: bytes, order: str, explicit: bool) -> bool:
    """Whether elements follow one another by their tags and lengths, as far as `start` goes."""
    place, last, count = 0, -1, 0
    while place + 12 <= len(start) and count < _ENOUGH:
        group, element = struct.unpack_from(order + "HH", start, place)
        vr = start[place + 4 : place + 6]
        if explicit and vr not in LONG_VR and vr not in SHORT_VR:
            return False
        long = explicit and vr in LONG_VR
        form, at = ("I", 8) if long else ("H", 6) if explicit else ("I", 4)
        (length,) = struct.unpack_from(order + form, start, place + at)
        tag = group << 16 | element
        if (not count and group not in _FIRST_GROUPS) or tag <= last or length % 2 or length > _MOST:
            return False
        place, last, count = place + (12 if long else 8) + length, tag, count + 1
    return count == _ENOUGH


def meta_of(file: BinaryIO) -> tuple[bytes, dict[int, bytes]]:
    """Preamble and meta header as bytes, and its short values by element number; `file` is at its start and left behind them.

    A file without preamble and mark is given them, so that the bytes may be longer than what was read.
    """
    place = meta_start(file.read(len(_PREAMBLE)))
    file.seek(place)
    parts, found = [_PREAMBLE], dict[int, bytes]()
    while len(head := file.read(8)) == 8 and head[:2] == b"\x02\0":
        lettered = b"AA" <= head[4:6] <= b"ZZ"
        long = head[4:6] in LONG_VR
        extra = file.read(4) if long else b""
        if long and len(extra) < 4:
            break
        length = (
            struct.unpack("<I", extra if long else head[4:8])[0] if long or not lettered else struct.unpack("<H", head[6:8])[0]
        )
        if length > _MOST:
            break
        value = file.read(length)
        parts += [head, extra, value]
        place += 8 + len(extra) + len(value)
        found[struct.unpack("<H", head[2:4])[0]] = value[:64].rstrip(b"\0 ")
    file.seek(place)
    return b"".join(parts), found


def stated(found: Mapping[int, bytes], element: int) -> str:
    """One of the values that `meta_of` found as text, "" where it is not there."""
    return found.get(element, b"").decode("ascii", "replace")
