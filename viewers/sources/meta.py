"""Preamble and meta header of a DICOM file (PS3.10 7.1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO

from viewers.sources.elements import LONG_VR

SOP_CLASS, SYNTAX = 0x0002, 0x0010
"""Elements of group 0002."""
DEFLATED = b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1\0\0\0"
"""As long as the other, so that no length in the meta header changes."""
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP Class UID of VL Whole Slide Microscopy Image Storage."""
_MOST = 2**20


def is_dicom(start: bytes) -> bool:
    """Whether a file that starts so is DICOM Part 10: "DICM" after 128 bytes."""
    return start[128:132] == b"DICM"


def meta_of(file: BinaryIO) -> tuple[bytes, dict[int, bytes]]:
    """Preamble and meta header as bytes, and its short values by element number; `file` is at its start and left behind them."""
    start = file.read(132)
    parts, found, place = [start], dict[int, bytes](), len(start)
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
