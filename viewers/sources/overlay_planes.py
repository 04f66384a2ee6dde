"""Overlay planes of a header (PS3.3 C.9.2, PS3.5 8.1.2): as bits of their own or in unused bits of the pixels, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.frame_graphics import OverlayPlane
from viewers.sources import values
from viewers.sources.decode import decoded
from viewers.sources.header import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FIRST = 0x0010, 0x0011, 0x0015, 0x0050, 0x0051
_BITS, _BIT, _LABEL, _DATA = 0x0100, 0x0102, 0x1500, 0x3000


def overlays_of(header: Header, frame: int) -> tuple[tuple[OverlayPlane, ...], tuple[str, ...]]:
    """The planes of one frame, and notes on those that cannot be drawn. Raises SourceError where pixels cannot be read."""
    found, notes = list[OverlayPlane](), list[str]()
    for group in _groups(header.dataset):
        bits = _own(header, group, frame) if (group, _DATA) in header.dataset else _embedded(header, group, frame)
        if bits is None:
            notes.append(f"Overlay {group:04X} does not fit its own header and is not drawn.")
        elif bits.size:
            origin = _numbers(header.dataset, group, _ORIGIN)
            top, left = (int(origin[0]) - 1, int(origin[1]) - 1) if len(origin) == 2 else (0, 0)
            found.append(OverlayPlane(group, bits, left, top, _text(header.dataset, group, _LABEL)[:64]))
    return tuple(found), tuple(notes)


def _groups(dataset: Dataset) -> Iterator[int]:
    return (group for group in _GROUPS if (group, _ROWS) in dataset and (group, _COLUMNS) in dataset)


def _own(header: Header, group: int, frame: int) -> NDArray[np.bool_] | None:
    """(rows, columns); empty where the plane belongs to other frames, None where its data are too few."""
    rows, columns = _count(header.dataset, group, _ROWS), _count(header.dataset, group, _COLUMNS)
    data = _raw(header.dataset, group, _DATA)
    if rows is None or columns is None or not isinstance(data, bytes):
        return None
    place = 0
    frames = _numbers(header.dataset, group, _FRAMES)
    if frames:  # without a number of frames it lies over all of them
        first = _numbers(header.dataset, group, _FIRST) or (1.0,)
        place = frame + 1 - int(first[0])
        if not 0 <= place < frames[0]:
            return np.zeros((0, 0), np.bool_)
    start, count = place * rows * columns, rows * columns
    if not header.coded.little and header.dataset[group, _DATA].VR == "OW":
        data = np.frombuffer(data[: len(data) // 2 * 2], "<u2").byteswap().tobytes()
    part = np.frombuffer(data, np.uint8)[start // 8 : (start + count + 7) // 8]
    if part.size * 8 < start % 8 + count:
        return None
    bits = np.unpackbits(part, bitorder="little")[start % 8 : start % 8 + count]
    return bits.reshape(rows, columns).astype(np.bool_)


def _embedded(header: Header, group: int, frame: int) -> NDArray[np.bool_] | None:
    """In a bit above those of the pixel's value (retired in 2004); the plane has the picture's own size."""
    rows, columns = _count(header.dataset, group, _ROWS), _count(header.dataset, group, _COLUMNS)
    position = _numbers(header.dataset, group, _BIT)
    if header.samples != 1 or header.allocated not in (8, 16) or not position or not 0 < position[0] < header.allocated:
        return None
    if (columns, rows) != (header.size.width, header.size.height):
        return None
    pixels = decoded(header.holding(header.allocated), frame)
    bits: NDArray[np.bool_] = (pixels.astype(np.int64) >> int(position[0]) & 1).astype(np.bool_)
    return bits


def _raw(dataset: Dataset, group: int, element: int) -> object:
    try:
        return dataset[group, element].value
    except Exception:  # pydicom parses values when asked and names no closed list of what damage raises
        return None


def _text(dataset: Dataset, group: int, element: int) -> str:
    value = _raw(dataset, group, element)
    return value.strip(" \0") if isinstance(value, str) and value.isprintable() else ""


def _numbers(dataset: Dataset, group: int, element: int) -> tuple[float, ...]:
    return values.as_numbers(_raw(dataset, group, element))


def _count(dataset: Dataset, group: int, element: int) -> int | None:
    found = _numbers(dataset, group, element)
    return int(found[0]) if len(found) == 1 and 1 <= found[0] <= 65_535 else None
