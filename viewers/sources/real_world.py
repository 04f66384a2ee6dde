"""Real World Value Mappings of a header (PS3.3 C.7.6.16.2.11), and their units in a reader's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from viewers.quantities import RealWorld
from viewers.sources import values
from viewers.ucum import SIGNS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MOST = 16


def mappings_of(dataset: Dataset, frame: int = 0) -> tuple[RealWorld, ...]:
    """Those that can be used, in the header's order: of the frame, else of all frames, else of the image."""
    per_frame = values.items(dataset, "PerFrameFunctionalGroupsSequence")
    own = values.items(per_frame[frame], "RealWorldValueMappingSequence") if frame < len(per_frame) else ()
    shared = values.items(values.item(dataset, "SharedFunctionalGroupsSequence"), "RealWorldValueMappingSequence")
    items = own or shared or values.items(dataset, "RealWorldValueMappingSequence")
    return tuple(found for item in items[:_MOST] if (found := _mapping(item)) is not None)


def _mapping(item: Dataset) -> RealWorld | None:
    first, last = _end(item, "First"), _end(item, "Last")
    if first is None or last is None or last < first:
        return None
    unit = unit_words(values.text(values.item(item, "MeasurementUnitsCodeSequence"), "CodeValue"))
    slope, intercept = values.number(item, "RealWorldValueSlope"), values.number(item, "RealWorldValueIntercept")
    if slope is not None and intercept is not None:
        return RealWorld(first, last, unit, slope, intercept) if slope else None
    table = values.numbers(item, "RealWorldValueLUTData")
    if len(table) < int(last - first) + 1:
        return None
    return RealWorld(first, last, unit, table=np.array(table))


def _end(item: Dataset, which: str) -> float | None:
    floating = values.number(item, f"DoubleFloatRealWorldValue{which}ValueMapped")
    return floating if floating is not None else values.number(item, f"RealWorldValue{which}ValueMapped")


def unit_words(code: str) -> str:
    """A UCUM code as it stands beside a number; "" for anything that is none."""
    if code in SIGNS:
        return SIGNS[code]
    return code if re.fullmatch(r"[A-Za-z0-9/.*%{}\[\]'()^+-]{1,24}", code) else ""
