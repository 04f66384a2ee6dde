"""Where a frame lies in the patient: PS3.3 C.7.6.2.1.1, for plain and for enhanced images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Vector = NDArray[np.float64]
"""(3,): patient coordinates in mm, x to the patient's left, y to the back, z to the head; or a direction in them."""

SIDES = (("L", "R"), ("P", "A"), ("H", "F"))
"""Of each axis, the patient's side it points to, and the other."""


def place_words(place: Sequence[float] | Vector) -> str:
    """Patient coordinates as sides: "R 23.4  A 12.0  F 120.5 mm"."""
    return "  ".join(f"{side[bool(value < 0)]} {abs(value):.1f}" for value, side in zip(place, SIDES, strict=True)) + " mm"


def cross(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> Vector:
    """The vector product; NumPy's own takes a hundred times as long for two vectors."""
    (x, y, z), (u, v, w) = a, b
    return np.array([y * w - z * v, z * u - x * w, x * v - y * u])


@dataclass(frozen=True, slots=True, eq=False)
class SlicePlane:
    """The plane of one frame in patient coordinates."""

    origin: Vector
    """The centre of the first pixel, mm."""
    across: Vector
    """Unit vector along a row, to picture-right."""
    down: Vector
    """Unit vector down a column."""
    spacing_mm: tuple[float, float] | None
    """Between columns (x) and between rows (y); None where the file states none."""
    frame_of_reference: str = ""
    """Frame of Reference UID; places of one can be compared, "" with nothing."""

    @property
    def normal(self) -> Vector:
        return cross(self.across, self.down)

    @property
    def depth(self) -> float:
        """Along the normal, mm."""
        return float(self.normal @ self.origin)

    def place(self, x: float, y: float) -> Vector:
        """The patient coordinates of a level-0 place, where (0.5, 0.5) is the centre of the first pixel."""
        wide, high = self.spacing_mm or (1.0, 1.0)
        found: Vector = self.origin + (x - 0.5) * wide * self.across + (y - 0.5) * high * self.down
        return found

    def pixel(self, place: Vector) -> tuple[float, float]:
        """The level-0 place of what lies at patient coordinates, or of its foot on this plane."""
        wide, high = self.spacing_mm or (1.0, 1.0)
        away = place - self.origin
        return float(away @ self.across) / wide + 0.5, float(away @ self.down) / high + 0.5


_POSITION = "PlanePositionSequence", "ImagePositionPatient"
_ORIENTATION = "PlaneOrientationSequence", "ImageOrientationPatient"
_SPACING = "PixelMeasuresSequence", "PixelSpacing"
_STATED = (_POSITION, _ORIENTATION, _SPACING)


def planes_of(dataset: Dataset, frames: int) -> list[SlicePlane | None]:
    """One per frame; None where the header states no orientation or position, or no finite one."""
    own = values.items(dataset, "PerFrameFunctionalGroupsSequence")
    reference = values.uid(dataset, "FrameOfReferenceUID")
    if not own and frames > 1:
        return [None] * frames  # one position for all of them is none for each
    shared = values.item(dataset, "SharedFunctionalGroupsSequence")
    common = {keyword: _in_group(shared, group, keyword) or values.numbers(dataset, keyword) for group, keyword in _STATED}
    return [_plane(own[frame] if frame < len(own) else None, common, reference) for frame in range(frames)]


def _plane(own: Dataset | None, common: Mapping[str, tuple[float, ...]], reference: str) -> SlicePlane | None:
    place, orientation, spacing = (_in_group(own, group, keyword) or common[keyword] for group, keyword in _STATED)
    axes = unit_axes(orientation)
    if axes is None or len(place) != 3:
        return None
    usable = len(spacing) == 2 and min(spacing) > 0
    return SlicePlane(np.array(place), axes[0], axes[1], (spacing[1], spacing[0]) if usable else None, reference)


def _in_group(holder: Dataset | None, group: str, keyword: str) -> tuple[float, ...]:
    """Out of a functional group, () where there is none."""
    if holder is None or group not in holder:
        return ()
    item = values.item(holder, group)
    return values.numbers(item, keyword) if item is not None else ()


def axes_of(dataset: Dataset, frame: int = 0) -> NDArray[np.float64] | None:
    """Unit vectors along a row and down a column (2, 3) of a frame, also where no position is stated."""
    own = values.items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    holders = (*own, values.item(dataset, "SharedFunctionalGroupsSequence"))
    found = next((stated for holder in holders if (stated := _in_group(holder, *_ORIENTATION))), ())
    return unit_axes(found or values.numbers(dataset, _ORIENTATION[1]))


def unit_axes(stated: Sequence[float]) -> NDArray[np.float64] | None:
    """Unit vectors along a row and down a column (2, 3), exactly at right angles; None where the six values give none."""
    return _unit_axes(tuple(stated))


@lru_cache(64)
def _unit_axes(stated: tuple[float, ...]) -> NDArray[np.float64] | None:
    """The slices of a series share their orientation. Read-only."""
    if len(stated) != 6:
        return None
    vectors = np.array(stated, np.float64).reshape(2, 3)
    lengths = np.linalg.norm(vectors, axis=1)
    if (np.abs(lengths - 1) > 0.1).any():
        return None
    vectors = vectors / lengths[:, None]
    slant = float(vectors[0] @ vectors[1])
    if abs(slant) > 0.1:
        return None
    down = vectors[1] - slant * vectors[0]
    axes: NDArray[np.float64] = np.stack([vectors[0], down / np.linalg.norm(down)])
    axes.flags.writeable = False
    return axes
