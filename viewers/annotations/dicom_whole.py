"""Whether a DICOM file is whole: pydicom takes a sequence that the end of the file cuts off for one that ends there."""

from __future__ import annotations

import struct
from typing import BinaryIO

_ITEM_ENDS, _SEQUENCE_ENDS, _UNDEFINED = 0xE00DFFFE, 0xE0DDFFFE, 0xFFFFFFFF  # a tag's group is its lower half
_META = 0x0002
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Value representations with four bytes of length (PS3.5 7.1.2)."""


def is_whole(file: BinaryIO, implicit: bool) -> bool:
    """Whether every element of a little-endian Part 10 file reaches its stated end; `file` is at its start."""
    end = file.seek(0, 2)
    file.seek(132)
    return _elements(file, end, implicit, nested=False)


def _elements(file: BinaryIO, end: int, implicit: bool, nested: bool) -> bool:
    while head := file.read(8):
        if len(head) < 8:
            return False
        tag, length = struct.unpack("<II", head)
        if tag in (_SEQUENCE_ENDS, _ITEM_ENDS):
            return nested
        group = tag & 0xFFFF
        if group == _META or not implicit:
            vr, length = head[4:6], struct.unpack("<H", head[6:])[0]
            if vr in _LONG:
                more = file.read(4)
                if len(more) < 4:
                    return False
                (length,) = struct.unpack("<I", more)
        if not (_items(file, end, implicit) if length == _UNDEFINED else file.seek(length, 1) <= end):
            return False
    return not nested


def _items(file: BinaryIO, end: int, implicit: bool) -> bool:
    while len(head := file.read(8)) == 8:
        tag, length = struct.unpack("<II", head)
        if tag == _SEQUENCE_ENDS:
            return True
        if not (_elements(file, end, implicit, nested=True) if length == _UNDEFINED else file.seek(length, 1) <= end):
            return False
    return False
