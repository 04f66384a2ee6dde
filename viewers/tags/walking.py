"""Walks over the elements of a DICOM data set (PS3.5 chapter 7) within limits: no recursion, no pixels, no trust in a length."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MOST_ELEMENTS = 100_000
MOST_DEPTH = 64
"""Levels of sequences; what lies deeper is passed over."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_SHORT = frozenset({
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US",
})  # fmt: skip
_WALKED = 5_000_000
"""Heads looked at, recorded or not, before a file is given up."""


@dataclass(frozen=True, slots=True)
class Element:
    """One head and where its value lies; `depth` counts the sequences and items it lies in."""

    tag: int
    vr: str
    length: int | None
    offset: int
    depth: int
    present: int
    """Bytes of the value that are there."""
    fragments: int = 0
    """Of encapsulated pixels."""


@dataclass(slots=True)
class _Level:
    end: int
    """Where it ends at the latest."""
    open_end: bool
    """Ends with a mark."""
    sequence: bool
    explicit: bool


class Walk:
    """Iterate once; `notes` is complete afterwards. `vr_of` names the VR of a tag by the dictionary, "UN" for unknown ones."""

    def __init__(
        self, file: BinaryIO, start: int, end: int, *, explicit: bool, little: bool, vr_of: VrOf, most: int = MOST_ELEMENTS
    ) -> None:
        self._file, self._start, self._end, self._most = file, start, end, most
        self._explicit, self._vr_of = explicit, vr_of
        self._order = "<" if little else ">"
        self.notes: list[str] = []
        self.stopped_at = start

    def __iter__(self) -> Iterator[Element]:
        file, order = self._file, self._order
        levels = [_Level(self._end, False, False, self._explicit)]
        place, recorded = self._start, 0
        for _ in range(_WALKED):
            while len(levels) > 1 and not levels[-1].open_end and place >= levels[-1].end:
                place = levels.pop().end
            level = levels[-1]
            if place + 8 > level.end:
                break
            file.seek(place)
            head = file.read(12)
            group, number = struct.unpack_from(order + "HH", head)
            tag = group << 16 | number
            if group == 0xFFFE:
                length = struct.unpack_from(order + "I", head, 4)[0]
                place += 8
                if tag == _ITEM and level.sequence:
                    inside = _Level(min(level.end, place + length) if length != _UNDEFINED else level.end,
                                    length == _UNDEFINED, False, level.explicit)  # fmt: skip
                    if self._keeps(levels) and recorded < self._most:
                        recorded += 1
                        yield Element(tag, "", None if length == _UNDEFINED else length, place, len(levels) - 1, 0)
                    levels.append(inside)
                elif tag in (_ITEM_END, _SEQUENCE_END) and len(levels) > 1:
                    levels.pop()
                continue
            if level.sequence:
                self._note("A sequence holds something that is no item; the rest of it is left out.")
                place = level.end if not level.open_end else self._end
                levels.pop()
                continue
            vr, length, place = self._head(head, tag, place, level)
            here = max(0, level.end - place)
            nested = vr == "SQ" or (vr == "UN" and (length == _UNDEFINED or self._unknown_sequence(tag, place)))
            if length != _UNDEFINED and length > here:
                self._note(f"({group:04x},{number:04x}) claims {length:,} bytes where {here:,} are left; the file is damaged.")
            fragments, after = 0, place + min(length, here)
            if length == _UNDEFINED and not nested:
                fragments, after = self._fragments(place)
            if self._keeps(levels):
                if recorded >= self._most:
                    self._note(f"Only the first {self._most:,} elements are shown; the file holds more.")
                    break
                recorded += 1
                stated = None if length == _UNDEFINED else length
                yield Element(tag, "SQ" if nested else vr, stated, place, len(levels) - 1, after - place, fragments)
            if not nested:
                place = after
            elif length == _UNDEFINED or self._keeps(levels):
                end = level.end if length == _UNDEFINED else after
                levels.append(_Level(end, length == _UNDEFINED, True, level.explicit and vr == "SQ"))
            else:
                place = after
            if nested and not self._keeps(levels):
                self._note(f"Sequences nested deeper than {MOST_DEPTH} levels are not shown.")
        self.stopped_at = place

    def _unknown_sequence(self, tag: int, place: int) -> bool:
        """A sequence that somebody who did not know it wrote down as UN (PS3.5 6.2.2)."""
        if tag >> 16 & 1 or self._vr_of(tag) != "SQ":
            return False
        self._file.seek(place)
        return self._file.read(4) == b"\xfe\xff\x00\xe0"

    def _keeps(self, levels: list[_Level]) -> bool:
        return len(levels) - 1 <= 2 * MOST_DEPTH  # a sequence and an item each

    def _head(self, head: bytes, tag: int, place: int, level: _Level) -> tuple[str, int, int]:
        """VR, length, and where the value begins."""
        if not level.explicit:
            return self._vr_of(tag), struct.unpack_from(self._order + "I", head, 4)[0], place + 8
        vr = head[4:6].decode("latin-1")
        if vr in _LONG and len(head) == 12:
            return vr, struct.unpack_from(self._order + "I", head, 8)[0], place + 12
        if vr not in _SHORT:
            self._note(f"({tag >> 16:04x},{tag & 0xFFFF:04x}) has no valid VR; it is read by the dictionary.")
            if not vr.isalpha():  # a length stands there: an element of an implicit data set among explicit ones
                return self._vr_of(tag), struct.unpack_from(self._order + "I", head, 4)[0], place + 8
            vr = self._vr_of(tag)
        return vr, struct.unpack_from(self._order + "H", head, 6)[0], place + 8

    def _fragments(self, place: int) -> tuple[int, int]:
        """How many fragments lie there (PS3.5 A.4), and where they end."""
        count = 0
        while place + 8 <= self._end:
            self._file.seek(place)
            tag, number, length = struct.unpack(self._order + "HHI", self._file.read(8))
            place += 8
            if (tag, number) != (0xFFFE, 0xE000):
                break
            count, place = count + 1, place + length
        return max(0, count - 1), min(place, self._end)

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes and len(self.notes) < 20:
            self.notes.append(sentence)


class VrOf:
    """The VR of a tag by the dictionary; `signed` decides where pixel values may be either (PS3.5 A.1)."""

    signed = False

    def __call__(self, tag: int) -> str:
        from pydicom.datadict import dictionary_VR

        if tag & 0xFFFF == 0:
            return "UL"
        if tag >> 16 & 1:
            return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
        try:
            stated = str(dictionary_VR(tag))
            return "SS" if self.signed and stated.startswith("US or SS") else stated.split(" or ")[0]
        except KeyError:
            return "UN"


def end_of(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)
