"""The elements of a DICOM data set (PS3.5 7.1) by their places, walked within limits and without recursion. No pydicom.

The walk goes before anything parses the file: what it gives has lengths that fit, sequences at most 64 deep, a bounded number of
elements, and ends before the pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Container
from dataclasses import dataclass, field
from typing import BinaryIO

MOST_DEPTH = 64
MOST_ELEMENTS = 1_000_000
MOST_BYTES = 512 * 2**20
"""Of one element and of all before the pixels."""
PIXEL_TAGS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
UNDEFINED = 0xFFFFFFFF
LONG_VR = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Value representations with four bytes of length (PS3.5 7.1.2)."""
SHORT_VR = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST"}
    | {b"TM", b"UI", b"UL", b"US"}
)
"""Those with two."""
_ITEM, _END_OF_ITEM, _END_OF_ITEMS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_FIRST = 2**16
_BYTES = frozenset({b"OB", b"OW"})


class ElementsError(ValueError):
    """What is wrong with a data set; the message goes on after the file's name."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixel element: `offset` of its value, `length` None for encapsulated frames of undefined length."""

    tag: int
    vr: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Elements:
    """Top-level elements in the file's order: by tag the VR ("" in implicit VR), start of the element, of its value, and end."""

    little: bool
    implicit: bool
    places: dict[int, tuple[bytes, int, int, int]] = field(default_factory=dict)
    pixels: Pixels | None = None
    end: int = 0
    """Where the walk stopped: at the pixels or at the end of the file."""


class Prefix:
    """The beginning of a file as bytes, read as far as somebody asks; `size` is the whole file's."""

    def __init__(self, file: BinaryIO, size: int, data: bytes = b"") -> None:
        self._file, self.size, self.data = file, size, data

    def reach(self, end: int) -> bool:
        """Whether the file has `end` bytes; if so they are in `data`. Raises ElementsError above the limit, and OSError."""
        have = len(self.data)
        if end <= have:
            return True
        if end > self.size:
            return False
        if end > MOST_BYTES:
            raise ElementsError(f"holds more than {MOST_BYTES // 2**20} MiB beside its pixels, the limit: export it again")
        more = self._file.read(max(end - have, have, _FIRST))
        self.data += more
        return end <= len(self.data)


def walked(
    prefix: Prefix, start: int, little: bool, implicit: bool, only: Container[int] | None = None, last: int = 0xFFFFFFFF
) -> Elements:
    """The elements from `start` on; implicit VR is recognised where the syntax says explicit and the other way round.

    With `only`, the items of sequences of defined length outside it are not looked into; behind the tag `last` nothing is.
    Raises ElementsError and OSError.
    """
    explicit = _explicit(prefix, start)
    implicit = implicit if explicit is None else not explicit
    found = Elements(little, implicit)
    order = "<" if little else ">"
    unpack_long = struct.Struct(order + "I").unpack_from
    unpack = struct.Struct(order + "HHI" if implicit else order + "HH2sH").unpack_from
    walk = _Nested(prefix, order)
    places, place, pixels, left = found.places, start, None, MOST_ELEMENTS
    data = prefix.data
    have = len(data)
    while True:  # the loop that every header goes through: nothing is called here that need not be
        value = place + 8
        if value > have:
            if not prefix.reach(value):
                break
            data = prefix.data
            have = len(data)
        vr = b""
        if implicit:
            group, element, length = unpack(data, place)
        else:
            group, element, vr, length = unpack(data, place)
            if vr in LONG_VR:
                value += 4
                if value > have and not prefix.reach(value):
                    raise _cut(group << 16 | element)
                length = unpack_long(prefix.data, place + 8)[0]
            elif not b"AA" <= vr <= b"ZZ":
                vr, length = b"", unpack_long(data, place + 4)[0]
        tag = group << 16 | element
        if tag >= 0x7FE00008 and tag in PIXEL_TAGS:
            pixels = _pixels(prefix, tag, place, implicit, order)
            break
        if tag == _END_OF_ITEM or tag > last:
            break
        left -= 1
        if not left:
            raise _too_many()
        if length == UNDEFINED:
            end = walk.undefined(tag, vr, value, implicit)
        else:
            end = value + length
            if end > have and (length > MOST_BYTES or not prefix.reach(end)):
                raise _claim(tag, length, prefix.size - value)
            looked = vr == b"SQ" or (not vr and length >= 8 and prefix.data[value : value + 4] in _ITEM_STARTS)
            if looked and (only is None or tag in only):
                walk.defined(value, end, implicit)
        places[tag] = vr, place, value, end
        place = end
    if pixels is None and place < prefix.size < place + 8:
        raise _cut(0)
    return Elements(little, implicit, places, pixels, place)


_ITEM_STARTS = frozenset({b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"})


class _Nested:
    """Walks what lies inside sequences, with a stack of its own."""

    def __init__(self, prefix: Prefix, order: str) -> None:
        self._prefix, self._order = prefix, order
        self._long = struct.Struct(order + "I").unpack_from
        self._item = struct.Struct(order + "HHI").unpack_from
        self._short = struct.Struct(order + "HH2sH").unpack_from
        self._elements = 0

    def count(self) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise _too_many()

    def undefined(self, tag: int, vr: bytes, value: int, implicit: bool) -> int:
        """The end of a value of undefined length. Raises ElementsError when there is none."""
        if vr in _BYTES or tag == 0x7FE00010:
            return self._fragments(tag, value)
        return self._walked(value, None, implicit)

    def defined(self, value: int, end: int, implicit: bool) -> None:
        """Looks for depth and number only: a sequence whose items do not fit is one that is not read."""
        try:
            self._walked(value, end, implicit)
        except _Unfit:
            return

    def _fragments(self, tag: int, place: int) -> int:
        while self._prefix.reach(place + 8):
            group, element, length = self._item(self._prefix.data, place)
            place += 8
            if (group, element) == (0xFFFE, 0xE0DD):
                return place
            if (group, element) != (0xFFFE, 0xE000) or not self._prefix.reach(place + length):
                break
            place += length
        raise _cut(tag)

    def _walked(self, place: int, end: int | None, implicit: bool) -> int:
        """`stack` holds for each open sequence and item its end (None: a delimiter ends it) and whether its VR is implicit."""
        prefix, stack = self._prefix, [(end, implicit)]
        while stack:
            end, implicit = stack[-1]
            if end is not None and place >= end:
                stack.pop()
                continue
            if not prefix.reach(place + 8):
                raise _Unfit("is cut short: it ends inside a sequence; copy it again")
            if len(stack) % 2:  # between items
                group, element, length = self._item(prefix.data, place)
                place += 8
                tag = group << 16 | element
                if tag == _ITEM:
                    self.count()
                    explicit = None if implicit else _explicit(prefix, place)
                    inside = implicit if explicit is None else not explicit
                    stack.append((None if length == UNDEFINED else self._fitting(place, length, end), inside))
                elif tag == _END_OF_ITEMS:
                    stack.pop()
                else:
                    raise _Unfit("has a damaged DICOM header (a sequence without items): export it again from where it came")
                continue
            tag, vr, length, place = self._head(place, implicit)
            if tag == _END_OF_ITEM:
                stack.pop()
                continue
            self.count()
            if length != UNDEFINED:
                after = self._fitting(place, length, end)
                if vr != b"SQ" and (vr or length < 8 or prefix.data[place : place + 4] not in _ITEM_STARTS):
                    place = after
                    continue
                stack.append((after, implicit))
            elif vr in _BYTES or tag == 0x7FE00010:
                place = self._fragments(tag, place)
                continue
            else:
                stack.append((None, implicit))
            if len(stack) > 2 * MOST_DEPTH:
                raise ElementsError(f"nests its sequences too deeply (the limit is {MOST_DEPTH}): it is damaged or hostile")
        return place

    def _head(self, place: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Tag, VR, length and the place of the value."""
        data = self._prefix.data
        if implicit:
            group, element, length = self._item(data, place)
            return group << 16 | element, b"", length, place + 8
        group, element, vr, length = self._short(data, place)
        if vr in LONG_VR:
            if not self._prefix.reach(place + 12):
                raise _Unfit("is cut short: it ends inside a sequence; copy it again")
            return group << 16 | element, vr, self._long(self._prefix.data, place + 8)[0], place + 12
        if group != 0xFFFE and b"AA" <= vr <= b"ZZ":
            return group << 16 | element, vr, length, place + 8
        return group << 16 | element, b"", self._long(data, place + 4)[0], place + 8

    def _fitting(self, place: int, length: int, end: int | None) -> int:
        after = place + length
        if not self._prefix.reach(after if end is None else min(after, end)) or (end is not None and after > end):
            raise _Unfit("is cut short or damaged: a sequence claims more than is there; copy it again")
        return after


class _Unfit(ElementsError):
    """A sequence whose contents do not fit together."""


def _explicit(prefix: Prefix, place: int) -> bool | None:
    """Whether the element at `place` has a VR, which is two capital letters; None at the end of the file."""
    if not prefix.reach(place + 6):
        return None
    first, second = prefix.data[place + 4], prefix.data[place + 5]
    return 0x40 < first < 0x5B and 0x40 < second < 0x5B


def _pixels(prefix: Prefix, tag: int, place: int, implicit: bool, order: str) -> Pixels | None:
    if not prefix.reach(place + (8 if implicit else 12)):
        return None
    vr = "OW" if implicit else prefix.data[place + 4 : place + 6].decode("ascii", "replace")
    offset = place + (8 if implicit else 12)
    length = struct.unpack_from(order + "I", prefix.data, offset - 4)[0]
    return Pixels(tag, vr, offset, None if length == UNDEFINED else length)


def _too_many() -> ElementsError:
    return ElementsError(f"holds more than {MOST_ELEMENTS:,} elements, the limit: it is damaged or hostile, export it again")


def _named(tag: int) -> str:
    return f"element ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _cut(tag: int) -> ElementsError:
    return ElementsError(f"is cut short: it ends inside {_named(tag) if tag else 'its header'}; copy it again")


def _claim(tag: int, length: int, left: int) -> ElementsError:
    if length > MOST_BYTES:
        limit = f"more than the limit of {MOST_BYTES // 2**20} MiB"
        return ElementsError(f"is damaged or hostile: {_named(tag)} claims {length:,} bytes, {limit}; copy it or export it again")
    return ElementsError(f"is cut short: {_named(tag)} claims {length:,} bytes where {max(0, left):,} are left; copy it again")
