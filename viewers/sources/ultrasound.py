"""Regions of an ultrasound picture, each with its own size of a pixel (PS3.3 C.8.5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewers.geometry import Provenance, Spacing
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CENTIMETRES = 3  # PhysicalUnitsXDirection, C.8.5.5.1.15
_LOW_PRIORITY = 1  # RegionFlags bit 0, C.8.5.5.1.3
_MOST = 256


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """A rectangle of pixels, the last column and row included; `spacing` None where its axes are no lengths (M-mode, Doppler)."""

    left: int
    top: int
    right: int
    bottom: int
    spacing: Spacing | None
    low_priority: bool = False

    def holds(self, x: float, y: float) -> bool:
        """Whether the level-0 place lies on one of its pixels."""
        return self.left <= x < self.right + 1 and self.top <= y < self.bottom + 1


def regions_of(dataset: Dataset) -> tuple[UltrasoundRegion, ...]:
    """All regions with a usable place, those whose pixels come first before the others."""
    found = []
    for item in values.items(dataset, "SequenceOfUltrasoundRegions")[:_MOST]:
        corners = [
            values.integer(item, f"RegionLocation{end}")
            for end in ("MinX0", "MinY0", "MaxX1", "MaxY1")
        ]  # fmt: skip
        left, top, right, bottom = corners
        if left is None or top is None or right is None or bottom is None or right < left or bottom < top:
            continue
        low = bool((values.integer(item, "RegionFlags") or 0) & _LOW_PRIORITY)
        found.append(UltrasoundRegion(left, top, right, bottom, region_spacing(item), low))
    return tuple(sorted(found, key=lambda one: one.low_priority))


def region_spacing(item: Dataset) -> Spacing | None:
    """Its deltas, where both axes are in centimetres. They may be negative: only their size counts."""
    if {values.integer(item, f"PhysicalUnits{axis}Direction") for axis in "XY"} != {_CENTIMETRES}:
        return None
    x, y = values.number(item, "PhysicalDeltaX"), values.number(item, "PhysicalDeltaY")
    return Spacing(abs(x) * 10, abs(y) * 10, Provenance.REGION) if x and y else None
