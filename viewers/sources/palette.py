"""Colour of DICOM images as 8-bit sRGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.sources import values
from viewers.sources.header import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def coloured(header: Header, stored: NDArray[np.generic]) -> NDArray[np.uint8]:
    """RGB (height, width, 3) for decoded pixels: three samples, or indices into the header's palette.

    Raises SourceError when the palette cannot be used or the photometric interpretation is unknown.
    """
    if stored.ndim == 3:
        spare = header.stored - 8
        wide = stored if spare <= 0 else stored >> spare  # type: ignore[operator]
        return np.ascontiguousarray(wide.astype(np.uint8))
    if header.photometric != "PALETTE COLOR":
        name = header.photometric or "none"
        raise SourceError(header.path, f"{header.path.name} has an unknown kind of colour ({name}): export it again as RGB.")
    from pydicom.pixels.processing import apply_color_lut

    try:
        painted = apply_color_lut(np.ascontiguousarray(stored), _spread(header.dataset))
    except Exception as error:  # pydicom names no closed list of what damage raises
        raise SourceError(header.path, f"{header.path.name} has a damaged colour table: export it again.") from error
    spare = 8 * (painted.dtype.itemsize - 1)
    shown: NDArray[np.uint8] = (painted[..., :3] >> spare).astype(np.uint8)
    return shown


def _spread(dataset: Dataset) -> Dataset:
    """Segmented tables (C.7.9) as plain ones in a data set of their own; a data set without them as it is."""
    if values.raw(dataset, "SegmentedRedPaletteColorLookupTableData") is None:
        return dataset
    from pydicom.dataset import Dataset

    plain = Dataset()
    plain.PixelRepresentation = values.integer(dataset, "PixelRepresentation") or 0
    for colour in ("Red", "Green", "Blue"):
        keyword = f"{colour}PaletteColorLookupTable"
        descriptor = [int(one) for one in values.numbers(dataset, f"{keyword}Descriptor")]
        data = values.raw(dataset, f"Segmented{keyword}Data")
        if len(descriptor) != 3 or not isinstance(data, bytes):
            raise ValueError("a segmented table without descriptor or data")
        kind = "<u2" if descriptor[2] > 8 else "u1"
        segments = np.frombuffer(data[: len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize], kind).tolist()
        table = np.array(spread(segments, descriptor[0] % 65_536 or 65_536, np.dtype(kind).itemsize), kind)
        setattr(plain, f"{keyword}Descriptor", descriptor)
        setattr(plain, f"{keyword}Data", table.tobytes() + b"\0" * (table.nbytes % 2))
    return plain


def spread(segments: list[int], entries: int, width: int) -> list[int]:
    """The `entries` values that discrete, linear and indirect segments stand for (C.7.9.2); `width` is bytes a value.

    An indirect segment names other ones by their place in bytes; those may not be indirect. Raises ValueError.
    """
    table, place = list[int](), 0
    while len(table) < entries and place + 2 <= len(segments):
        opcode, count = segments[place : place + 2]
        if opcode != _INDIRECT:
            place = _segment(segments, place, table)
            continue
        words = 2 if width == 2 else 4
        parts = segments[place + 2 : place + 2 + words]
        if len(parts) < words or not table:
            raise ValueError("an indirect segment that stands first or is cut short")
        start = sum(part << 8 * width * number for number, part in enumerate(parts)) // width
        for _ in range(count):
            if len(table) < entries:
                start = _segment(segments, start, table)
        place += 2 + words
    if len(table) < entries:
        raise ValueError(f"segments for {len(table)} of {entries} entries")
    return table[:entries]


def _segment(segments: list[int], place: int, table: list[int]) -> int:
    """Spread out the discrete or linear segment at `place`; returns the place of the next one."""
    if place + 2 > len(segments):
        raise ValueError("a segment beyond the end")
    opcode, count = segments[place : place + 2]
    values = segments[place + 2 : place + 2 + (count if opcode == _DISCRETE else 1)]
    if opcode == _DISCRETE and len(values) == count:
        table += values
    elif opcode == _LINEAR and values and table:
        steps = np.linspace(table[-1], values[0], count + 1)[1:]
        table += np.rint(steps).astype(int).tolist()
    else:
        raise ValueError(f"a segment of unknown kind or cut short ({opcode})")
    return place + 2 + len(values)
