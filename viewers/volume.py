"""The slices of one stack as voxels in the patient. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from viewers import windows
from viewers.grayscale import Grayscale, Lut, Window
from viewers.sources.slice_plane import SlicePlane, Vector
from viewers.sources.stacks import Stack

Triple = tuple[float, float, float]
EDGE = 0.5 + 1e-6
"""A voxel reaches half a voxel beyond its centre."""
_STRAIGHT_MM = 0.02


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (slices, rows, columns) of at most 16 bits, in the order of `stack`, and where they lie.

    `grayscale` turns voxels into modality values (HU on CT). An index is (slice, row, column), whole numbers at the centres of
    voxels. Between slices that are missing there is nothing: see `Gaps.holes`.
    """

    voxels: NDArray[np.generic]
    grayscale: Grayscale
    stack: Stack
    first: SlicePlane
    spacing_mm: tuple[float, float]
    """Between columns and between rows."""
    bounds: tuple[float, float]
    """Lowest and highest modality value that is no padding."""
    window: Window | Lut
    """What it is shown through while the reader chose nothing."""
    rounding: float = 0.0
    """Modality values are kept to within half of this; 0: as stored."""
    lossy: bool = False

    @cached_property
    def depths(self) -> NDArray[np.float64]:
        """Of each slice along the normal from the first, mm, rising."""
        assert self.stack.gaps is not None
        found: NDArray[np.float64] = self.stack.gaps.depths_mm - self.stack.gaps.depths_mm[0]
        return found

    @cached_property
    def step_mm(self) -> float:
        assert self.stack.gaps is not None
        return self.stack.gaps.usual_mm

    @cached_property
    def drift(self) -> Vector:
        assert self.stack.gaps is not None
        return self.stack.gaps.drift

    @cached_property
    def holes(self) -> NDArray[np.bool_]:
        assert self.stack.gaps is not None
        return self.stack.gaps.holes

    @cached_property
    def pitch_mm(self) -> Triple:
        """Between slices (on average where there are no holes), rows and columns."""
        return self.step_mm, self.spacing_mm[1], self.spacing_mm[0]

    @cached_property
    def straight(self) -> bool:
        """Whether the slices are evenly spaced without holes, so that an index is linear in the place."""
        even = np.linspace(0.0, self.depths[-1], len(self.depths))
        return not self.holes.any() and float(np.abs(self.depths - even).max()) <= _STRAIGHT_MM

    @cached_property
    def sheared(self) -> bool:
        """Whether a slice lies beside the one before, not over it."""
        return bool(np.linalg.norm(self.drift) > 0)

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors (3, 3) along the slices' normal, down a column and along a row."""
        return np.stack([self.first.normal, self.first.down, self.first.across])

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """The eight outer corners (8, 3), half a voxel beyond the outermost centres, patient mm."""
        _, rows, columns = self.voxels.shape
        ends = [(-0.5 * self.step_mm, self.depths[-1] + 0.5 * self.step_mm), (-0.5, rows - 0.5), (-0.5, columns - 0.5)]
        return np.array([self._at(depth, row, column) for depth in ends[0] for row in ends[1] for column in ends[2]])

    @cached_property
    def centre(self) -> Vector:
        middle: Vector = self.corners.mean(axis=0)
        return middle

    def place(self, index: Triple) -> Vector:
        """Patient mm of an index, between slices in proportion."""
        depth = float(np.interp(index[0], np.arange(len(self.depths)), self.depths))
        beyond = min(index[0], 0.0) + max(index[0] - len(self.depths) + 1, 0.0)
        return self._at(depth + beyond * self.step_mm, index[1], index[2])

    def _at(self, depth: float, row: float, column: float) -> Vector:
        shift = depth * (self.first.normal + self.drift)
        wide, high = self.spacing_mm
        found: Vector = self.first.origin + shift + row * high * self.first.down + column * wide * self.first.across
        return found

    @cached_property
    def _linear(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(3, 3) and (3,): depth in mm, row and column of a place p are `matrix @ p + offset`."""
        first, wide, high = self.first, self.spacing_mm[0], self.spacing_mm[1]
        normal = first.normal
        matrix = np.stack(
            [
                normal,
                (first.down - float(self.drift @ first.down) * normal) / high,
                (first.across - float(self.drift @ first.across) * normal) / wide,
            ]
        )
        return matrix, -matrix @ first.origin

    def depth_row_column(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(…, 3): depth from the first slice in mm, row and column of patient places (…, 3)."""
        matrix, offset = self._linear
        found: NDArray[np.float64] = places @ matrix.T + offset
        return found

    def directions(self, way: Vector) -> NDArray[np.float64]:
        """(3,): how depth in mm, row and column change along a vector of patient mm."""
        found: NDArray[np.float64] = self._linear[0] @ way
        return found

    def slice_index(self, depths: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The index of each depth (mm from the first slice) and whether there is anything: not outside and not in a hole.

        Half the usual distance beside a hole the slice itself is still there.
        """
        count, step = len(self.depths), self.step_mm
        if self.straight:
            index = depths * ((count - 1) / self.depths[-1])
            return index, np.abs(index - (count - 1) / 2) <= (count - 1) / 2 + EDGE
        index = np.interp(depths, self.depths, np.arange(count, dtype=np.float64))
        index = index + np.minimum(depths, 0.0) / step + np.maximum(depths - self.depths[-1], 0.0) / step
        there = np.abs(index - (count - 1) / 2) <= (count - 1) / 2 + EDGE
        below = np.clip(np.floor(index).astype(np.int64), 0, count - 2)
        empty = self.holes[below] & (index > below) & (index < below + 1)
        near_below = depths - self.depths[below] <= step * EDGE
        near_above = self.depths[below + 1] - depths <= step * EDGE
        index = np.where(empty & near_below, below, np.where(empty & near_above, below + 1, index))
        return index, there & (~empty | near_below | near_above)

    def index_of(self, place: Vector) -> tuple[int, int, int] | None:
        """The voxel a patient place lies in; None outside and in a hole."""
        depth, row, column = (float(one) for one in self.depth_row_column(place))
        index, there = self.slice_index(np.array([depth]))
        found = tuple(
            min(max(round(one), 0), count - 1) for one, count in zip((index[0], row, column), self.voxels.shape, strict=True)
        )
        _, rows, columns = self.voxels.shape
        inside = there[0] and abs(row - (rows - 1) / 2) <= rows / 2 and abs(column - (columns - 1) / 2) <= columns / 2
        return (found[0], found[1], found[2]) if inside else None

    def nearest_slice(self, place: Vector) -> int:
        """The slice whose plane lies nearest, counted from 0."""
        return int(np.abs(self.depths - float(self.depth_row_column(place)[0])).argmin())

    def value_at(self, place: Vector) -> tuple[float | None, str]:
        """What the voxel a place lies in measures, as stored, and its unit; None outside."""
        index = self.index_of(place)
        if index is None:
            return None, ""
        z, y, x = index
        return self.measured(self.voxels[z : z + 1, y : y + 1, x])

    def measured(self, stored: NDArray[np.generic]) -> tuple[float, str]:
        """The first of some values in units of the voxels as what it measures, and its unit."""
        value = float(self.grayscale.measured(stored).flat[0])
        if np.isfinite(value):
            return value, self.grayscale.measured_unit
        return float(self.grayscale.modality_values(stored).flat[0]), windows.unit(self.grayscale)
