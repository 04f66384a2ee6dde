"""Where a frame lies in the patient: PS3.3 C.7.6.2.1.1, for plain and for enhanced images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Vector = NDArray[np.float64]
"""(3,): patient coordinates in mm, x to the patient's left, y to the back, z to the head; or a direction in them."""


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
        return np.cross(self.across, self.down)

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


def planes_of(dataset: Dataset, frames: int) -> list[SlicePlane | None]:
    """One per frame; None where the header states no orientation or position, or no finite one."""
    shared = values.item(dataset, "SharedFunctionalGroupsSequence")
    own = values.items(dataset, "PerFrameFunctionalGroupsSequence")
    reference = values.uid(dataset, "FrameOfReferenceUID")
    if not own and frames > 1:
        return [None] * frames  # one position for all of them is none for each
    return [_plane([own[frame]] if frame < len(own) else [], shared, dataset, reference) for frame in range(frames)]


def _plane(own: Sequence[Dataset], shared: Dataset | None, dataset: Dataset, reference: str) -> SlicePlane | None:
    groups = (*own, shared)
    place = _stated(groups, dataset, "PlanePositionSequence", "ImagePositionPatient")
    axes = unit_axes(_stated(groups, dataset, "PlaneOrientationSequence", "ImageOrientationPatient"))
    if axes is None or len(place) != 3:
        return None
    spacing = _stated(groups, dataset, "PixelMeasuresSequence", "PixelSpacing")
    usable = len(spacing) == 2 and min(spacing) > 0
    return SlicePlane(np.array(place), axes[0], axes[1], (spacing[1], spacing[0]) if usable else None, reference)


def axes_of(dataset: Dataset, frame: int = 0) -> NDArray[np.float64] | None:
    """Unit vectors along a row and down a column (2, 3) of a frame, also where no position is stated."""
    own = values.items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    groups = (*own, values.item(dataset, "SharedFunctionalGroupsSequence"))
    return unit_axes(_stated(groups, dataset, "PlaneOrientationSequence", "ImageOrientationPatient"))


def _stated(groups: Sequence[Dataset | None], dataset: Dataset, group: str, keyword: str) -> tuple[float, ...]:
    for holder in groups:
        item = values.item(holder, group)
        if item is not None and (found := values.numbers(item, keyword)):
            return found
    return values.numbers(dataset, keyword)


def unit_axes(stated: Sequence[float]) -> NDArray[np.float64] | None:
    """Unit vectors along a row and down a column (2, 3), exactly at right angles; None where the six values give none."""
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
    return np.stack([vectors[0], down / np.linalg.norm(down)])
