"""Planes and slabs through a volume, as values: along its own axes by taking voxels, else by trilinear sampling. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Provenance, Size, Spacing
from viewers.sources.slice_plane import Vector, cross
from viewers.volume import EDGE, Triple, Volume

_ALONG = 1.0 - 1e-9
"""Cosine of a direction that counts as a voxel axis."""
_WHOLE = 1e-4
"""Indices this near to whole numbers are whole."""
_BAND = 96
"""Rows sampled at once."""


class Slab(StrEnum):
    """What becomes of the values that lie behind each other within the thickness."""

    THIN = "thin"
    MIP = "MIP"
    MINIP = "MinIP"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Cut:
    """A rectangle of pixels in the patient, as a value. `thickness_mm` counts from its middle to both sides; THIN has none."""

    corner: Triple
    """The centre of the first pixel, patient mm."""
    across: Triple
    """Unit vector to picture-right."""
    down: Triple
    pixel_mm: tuple[float, float]
    """Between columns and between rows."""
    size: Size
    slab: Slab = Slab.THIN
    thickness_mm: float = 0.0

    @property
    def normal(self) -> Vector:
        return cross(self.across, self.down)

    @property
    def spacing(self) -> Spacing:
        return Spacing(*self.pixel_mm, Provenance.REFORMATTED)

    def place(self, x: float, y: float) -> Vector:
        """Patient mm of a place in pixels of the cut, where (0.5, 0.5) is the centre of the first."""
        along = (x - 0.5) * self.pixel_mm[0] * np.array(self.across)
        found: Vector = np.array(self.corner) + along + (y - 0.5) * self.pixel_mm[1] * np.array(self.down)
        return found

    def pixel(self, place: Vector) -> tuple[float, float]:
        """The place in pixels of what lies at patient mm, or of its foot on the plane."""
        away = place - np.array(self.corner)
        return float(away @ self.across) / self.pixel_mm[0] + 0.5, float(away @ self.down) / self.pixel_mm[1] + 0.5

    def coarser(self, times: int) -> Cut:
        """The same rectangle with pixels `times` as large."""
        wide, high = self.pixel_mm[0] * times, self.pixel_mm[1] * times
        size = Size(max(1, -(-self.size.width // times)), max(1, -(-self.size.height // times)))
        corner = self.place(times / 2, times / 2)
        return Cut(triple(corner), self.across, self.down, (wide, high), size, self.slab, self.thickness_mm)


@dataclass(frozen=True, slots=True, eq=False)
class CutValues:
    """`stored` (height, width) in units of the voxels, interpolated; `there` is False outside the volume and in holes."""

    stored: NDArray[np.float32]
    there: NDArray[np.bool_]


def triple(vector: Vector) -> Triple:
    x, y, z = (float(part) for part in vector)
    return x, y, z


class GivenUp(Exception):
    """Nobody wants the slab any more."""


def _never() -> bool:
    return False


def cut_values(volume: Volume, cut: Cut, coarse: int = 1, given_up: Callable[[], bool] = _never) -> CutValues:
    """The values of a cut.

    A slab along the voxels' axes takes the voxels whose centres lie in it, at least the one in its middle; another is sampled at
    the finest distance of voxels, with `coarse` > 1 at so many times it. Raises GivenUp between two of its planes
    or bands of rows.
    """
    along = _along_axes(volume, cut)
    if along is not None:
        return _taken(volume, cut, along)
    if cut.slab == Slab.THIN:
        return _in_bands(volume, cut, given_up)
    found = None
    for offset in _offsets(volume, cut, coarse):
        if found is not None and given_up():
            raise GivenUp
        one = _sampled(volume, cut, offset)
        found = one if found is None else _joined(found, one, cut.slab)
    assert found is not None
    stored, there, count = found
    if cut.slab == Slab.MEAN:
        stored = (stored / np.maximum(count, 1)).astype(np.float32)
    return CutValues(np.where(there, stored, np.float32(0)).astype(np.float32, copy=False), there)


def is_askew(volume: Volume, cut: Cut) -> bool:
    """Whether a cut has to be sampled, which takes longer than taking voxels along their own axes."""
    return _along_axes(volume, cut) is None


def samples_of(volume: Volume, cut: Cut, coarse: int) -> float:
    """How many samples a cut that lies askew takes, with pixels and planes `coarse` times as far apart."""
    planes = 1.0 if cut.slab == Slab.THIN else 1.0 + cut.thickness_mm / (min(volume.pitch_mm) * coarse)
    return cut.size.width * cut.size.height / coarse**2 * planes


# along the voxels' own axes


def _along_axes(volume: Volume, cut: Cut) -> tuple[int, int, int] | None:
    """The voxel axes (0 slices, 1 rows, 2 columns) of the cut's rows, columns and normal; None where it lies askew."""
    if volume.sheared:
        return None
    ways = [np.array(cut.down), np.array(cut.across), cut.normal]
    found = [int(np.abs(volume.axes @ way).argmax()) for way in ways]
    straight = all(abs(float(volume.axes[axis] @ way)) >= _ALONG for axis, way in zip(found, ways, strict=True))
    return (found[0], found[1], found[2]) if straight and len(set(found)) == 3 else None


def _taken(volume: Volume, cut: Cut, along: tuple[int, int, int]) -> CutValues:
    rows, columns, behind = along
    start = volume.depth_row_column(np.array(cut.corner))
    down = volume.directions(np.array(cut.down) * cut.pixel_mm[1])[rows] * np.arange(cut.size.height) + start[rows]
    across = volume.directions(np.array(cut.across) * cut.pixel_mm[0])[columns] * np.arange(cut.size.width) + start[columns]
    (down, down_there), (across, across_there) = _indices(volume, rows, down), _indices(volume, columns, across)
    flat, there = _behind(volume, cut, behind, float(start[behind]))
    if flat is None:
        empty = np.zeros((cut.size.height, cut.size.width))
        return CutValues(empty.astype(np.float32), empty.astype(bool))
    if rows > columns:
        flat = flat.T
    values = _between(_between(flat, down, 0), across, 1)
    covered = there & down_there[:, None] & across_there[None, :]
    return CutValues(values.astype(np.float32, copy=False), covered)


def _indices(volume: Volume, axis: int, found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Indices along a voxel axis, from depths in mm on the first; and where there is anything."""
    if axis == 0:
        return volume.slice_index(found)
    last = volume.voxels.shape[axis] - 1
    return found, np.abs(found - last / 2) <= last / 2 + EDGE


def _behind(volume: Volume, cut: Cut, axis: int, start: float) -> tuple[NDArray[np.generic] | None, bool]:
    """The voxels of the plane, or of the slab made one, with `axis` gone; and whether there is anything."""
    voxels = volume.voxels
    if cut.slab != Slab.THIN:
        half = cut.thickness_mm / 2 / (1.0 if axis == 0 else volume.pitch_mm[axis])
        centres = volume.depths if axis == 0 else np.arange(voxels.shape[axis])
        inside = np.flatnonzero(np.abs(centres - start) <= half * (1 + 1e-9))
        if len(inside) > 1:
            part = voxels[_slices(axis, slice(int(inside[0]), int(inside[-1]) + 1))]
            return _reduced(part, axis, cut.slab), True
    index, there = _indices(volume, axis, np.array([start]))
    if not there[0]:
        return None, False
    place = min(max(float(index[0]), 0.0), voxels.shape[axis] - 1.0)
    if abs(place - round(place)) <= _WHOLE:
        return voxels[_slices(axis, round(place))], True
    below, part_above = int(place), np.float32(place - int(place))
    low, high = (voxels[_slices(axis, one)].astype(np.float32) for one in (below, below + 1))
    return low + (high - low) * part_above, True


def _slices(axis: int, what: slice | int) -> tuple[slice | int, ...]:
    return tuple(what if one == axis else slice(None) for one in range(3))


def _reduced(part: NDArray[np.generic], axis: int, slab: Slab) -> NDArray[np.generic]:
    if axis == 2:  # each voxel of a slice lies in another line of the processor's cache: once over is enough
        part, axis = np.ascontiguousarray(part.transpose(2, 0, 1)), 0
    if slab == Slab.MEAN:
        mean: NDArray[np.generic] = part.mean(axis=axis, dtype=np.float32)
        return mean
    found: NDArray[np.generic] = part.max(axis=axis) if slab == Slab.MIP else part.min(axis=axis)
    return found


def _between(values: NDArray[np.generic], index: NDArray[np.float64], axis: int) -> NDArray[np.generic]:
    """`values` at indices along one of their two axes, in proportion between neighbours; the outermost reach to the edge."""
    last = values.shape[axis] - 1
    index = index.clip(0, last)
    whole = np.rint(index)
    if np.abs(index - whole).max(initial=0.0) <= _WHOLE:
        return values.take(whole.astype(np.int64), axis)
    below = np.minimum(index.astype(np.int64), max(last - 1, 0))
    part = (index - below).astype(np.float32)
    part = part[:, None] if axis == 0 else part[None, :]
    low: NDArray[np.float32] = values.take(below, axis).astype(np.float32)
    found: NDArray[np.generic] = low + part * (values.take(np.minimum(below + 1, last), axis).astype(np.float32) - low)
    return found


# askew


_Found = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int32] | int]


def _in_bands(volume: Volume, cut: Cut, given_up: Callable[[], bool]) -> CutValues:
    """A thin plane, a band of rows after the other."""
    parts = []
    for first in range(0, cut.size.height, _BAND):
        if first and given_up():
            raise GivenUp
        corner = triple(cut.place(0.5, first + 0.5))
        size = Size(cut.size.width, min(_BAND, cut.size.height - first))
        parts.append(_sampled(volume, Cut(corner, cut.across, cut.down, cut.pixel_mm, size), 0.0)[:2])
    values, there = (np.concatenate(part) for part in zip(*parts, strict=True))
    return CutValues(np.where(there, values, np.float32(0)).astype(np.float32, copy=False), there)


def _offsets(volume: Volume, cut: Cut, coarse: int) -> Iterator[float]:
    """Along the normal, mm."""
    pitch = min(volume.pitch_mm) * coarse
    count = int(cut.thickness_mm / 2 / pitch + 1e-9)
    for step in range(-count, count + 1):
        yield step * pitch


def _sampled(volume: Volume, cut: Cut, offset_mm: float) -> _Found:
    from scipy.ndimage import affine_transform, map_coordinates

    corner = np.array(cut.corner) + offset_mm * cut.normal
    start = volume.depth_row_column(corner)
    down = volume.directions(np.array(cut.down) * cut.pixel_mm[1])
    across = volume.directions(np.array(cut.across) * cut.pixel_mm[0])
    height, width = cut.size.height, cut.size.width
    lines, columns = np.arange(height, dtype=np.float64)[:, None], np.arange(width, dtype=np.float64)[None, :]
    depth, row, column = (down[axis] * lines + across[axis] * columns + start[axis] for axis in range(3))
    index, there = volume.slice_index(depth)
    for places, count in ((row, volume.voxels.shape[1]), (column, volume.voxels.shape[2])):
        there &= (places >= -EDGE) & (places <= count - 1 + EDGE)
    if not there.any():
        return np.zeros((height, width), np.float32), there, there.astype(np.int32)
    if volume.straight:
        scale = np.array([(len(volume.depths) - 1) / volume.depths[-1], 1.0, 1.0])
        matrix = np.zeros((3, 3))
        matrix[:, 1], matrix[:, 2] = down * scale, across * scale
        values = affine_transform(
            volume.voxels,
            matrix,
            start * scale,
            output_shape=(1, height, width),
            order=1,
            mode="nearest",
            output=np.float32,
            prefilter=False,
        )[0]
    else:
        values = map_coordinates(volume.voxels, [index, row, column], order=1, mode="nearest", output=np.float32, prefilter=False)
    return values, there, there.astype(np.int32) if cut.slab == Slab.MEAN else 1


def _joined(one: _Found, other: _Found, slab: Slab) -> _Found:
    (a, a_there, a_count), (b, b_there, b_count) = one, other
    if slab == Slab.MEAN:
        return np.where(a_there, a, 0) + np.where(b_there, b, 0), a_there | b_there, a_count + b_count
    best = np.maximum(a, b) if slab == Slab.MIP else np.minimum(a, b)
    return np.where(a_there & b_there, best, np.where(b_there, b, a)), a_there | b_there, 1
