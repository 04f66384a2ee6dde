"""Three planes at right angles through one place of a volume: what the reader steers. No Qt here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size
from viewers.sources.dicom_facts import direction_letters
from viewers.sources.slice_plane import SIDES, Vector, cross, place_words
from viewers.volume import Triple, Volume
from viewers.volume_cuts import Cut, Slab, triple

_OFF_DEGREES = 3.0
"""A plane further off the patient's own is called oblique."""
_MOST_PX = 1024
"""Longest side of a cut."""


class Plane(StrEnum):
    """By the axis it is nearest to: its normal points to the patient's head, back or left."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


PLANES = (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)
_NORMAL = {Plane.SAGITTAL: 0, Plane.CORONAL: 1, Plane.AXIAL: 2}
_VIEW = {Plane.AXIAL: ((0, 1.0), (1, 1.0)), Plane.CORONAL: ((0, 1.0), (2, -1.0)), Plane.SAGITTAL: ((1, 1.0), (2, -1.0))}
"""Axis and sign of picture-right and picture-down: seen from the feet, from the front and from the patient's left."""


@dataclass(frozen=True, slots=True)
class Crosshair:
    """A place in the patient (mm) and three unit vectors at right angles, nearest to left, back and head: the planes' normals.

    `upright` are those the pictures were hung by: a plane is turned on the screen only as far as it is tipped.
    """

    at: Triple
    axes: tuple[Triple, Triple, Triple]
    upright: tuple[Triple, Triple, Triple]

    @classmethod
    def through(cls, volume: Volume, patient: bool = False) -> Crosshair:
        """At the middle, along the slices as they were acquired, or along the patient's own axes."""
        axes = np.eye(3) if patient else _nearest_to_patient(volume.axes)
        found = triple(axes[0]), triple(axes[1]), triple(axes[2])
        return cls(triple(volume.centre), found, found)

    @property
    def place(self) -> Vector:
        return np.array(self.at)

    def normal(self, plane: Plane) -> Vector:
        return np.array(self.axes[_NORMAL[plane]])

    def view(self, plane: Plane) -> tuple[Vector, Vector]:
        """Unit vectors to picture-right and picture-down."""
        normal = self.normal(plane)
        (first, first_sign), (second, second_sign) = _VIEW[plane]
        right, down = first_sign * np.array(self.upright[first]), second_sign * np.array(self.upright[second])
        handed = 1.0 if float(cross(right, down) @ np.array(self.upright[_NORMAL[plane]])) > 0 else -1.0
        seen = handed * normal
        flat = right - float(right @ normal) * normal
        if np.linalg.norm(flat) > 0.3:
            right = flat / np.linalg.norm(flat)
            return right, cross(seen, right)
        flat = down - float(down @ normal) * normal
        down = flat / np.linalg.norm(flat)
        return cross(down, seen), down

    def moved(self, at: Vector) -> Crosshair:
        return replace(self, at=triple(at))

    def turned(self, plane: Plane, degrees: float) -> Crosshair:
        """The two other planes turned about this one's normal, clockwise as this one is seen."""
        right, down = self.view(plane)
        turn = _turn(cross(right, down), math.radians(degrees))
        axes = [triple(turn @ np.array(axis)) for axis in self.axes]
        axes[_NORMAL[plane]] = self.axes[_NORMAL[plane]]
        return replace(self, axes=_right_angled(axes))

    def name(self, plane: Plane) -> str:
        """ "axial", or how far it is off."""
        axis = np.eye(3)[_NORMAL[plane]]
        off = math.degrees(math.acos(min(1.0, abs(float(axis @ self.normal(plane))))))
        return str(plane) if off < _OFF_DEGREES else f"oblique, {off:.0f}° off {plane}"

    def letters(self, plane: Plane) -> tuple[str, str, str, str]:
        """The patient's sides at the (left, right, top, bottom) edge."""
        right, down = self.view(plane)
        return direction_letters(-right), direction_letters(right), direction_letters(-down), direction_letters(down)

    def line(self, on: Plane, of: Plane) -> Vector:
        """Unit vector along which `of` cuts `on`."""
        along = cross(self.normal(on), self.normal(of))
        found: Vector = along / np.linalg.norm(along)
        return found

    def step_mm(self, plane: Plane, volume: Volume) -> float:
        """How far one notch of the wheel goes along the normal: to the next voxel where the plane lies along them."""
        along = np.abs(volume.axes @ self.normal(plane))
        return float(volume.pitch_mm[int(along.argmax())]) if along.max() > 1 - 1e-6 else min(volume.pitch_mm)

    def stepped(self, plane: Plane, volume: Volume, notches: int) -> Crosshair:
        """Along the normal, seen from where the reader looks; on the plane of the slices from slice to slice."""
        normal = self.normal(plane)
        along = float(volume.first.normal @ normal)
        if abs(along) > 1 - 1e-6 and not volume.sheared:
            here = volume.nearest_slice(self.place)
            there = min(max(here + notches * (1 if along > 0 else -1), 0), len(volume.depths) - 1)
            depth = float(volume.depth_row_column(self.place)[0])
            return self.moved(self.place + (volume.depths[there] - depth) * volume.first.normal)
        at = self.place + notches * self.step_mm(plane, volume) * normal
        return self.moved(at) if inside(volume, at) else self

    def level(self, plane: Plane) -> str:
        """Where the plane stands along the patient's axis it is named by: "12.3 mm H"."""
        axis = _NORMAL[plane]
        value = self.at[axis]
        return f"{abs(value):.1f} mm {SIDES[axis][value < 0]}"


@dataclass(frozen=True, slots=True, eq=False)
class PlaceInPatient:
    """What lies under the pointer on a plane; `str` says it in words: the sides of the patient's origin in mm, and the value."""

    place: Vector
    value: float | None
    unit: str

    def __str__(self) -> str:
        words = place_words(self.place)
        if self.value is None:
            return words
        value = f"{self.value:.0f}" if self.value == round(self.value) else f"{self.value:.4g}"
        return f"{words}   {value} {self.unit}".replace("-", "−").rstrip()


def inside(volume: Volume, place: Vector) -> bool:
    """Whether a place lies within the outer corners."""
    depth, row, column = (float(one) for one in volume.depth_row_column(place))
    _, rows, columns = volume.voxels.shape
    half = volume.step_mm / 2
    return -half <= depth <= float(volume.depths[-1]) + half and -0.5 <= row <= rows - 0.5 and -0.5 <= column <= columns - 0.5


def clamped(volume: Volume, place: Vector) -> Vector:
    """The nearest place within the volume."""
    depth, row, column = (float(one) for one in volume.depth_row_column(place))
    _, rows, columns = volume.voxels.shape
    depth = min(max(depth, 0.0), float(volume.depths[-1]))
    index, _ = volume.slice_index(np.array([depth]))
    return (
        place
        if inside(volume, place)
        else volume.place((float(index[0]), min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)))
    )


def cut_of(volume: Volume, crosshair: Crosshair, plane: Plane, slab: Slab = Slab.THIN, thickness_mm: float = 0.0) -> Cut:
    """The whole of the volume on one plane. The pixels are the voxels' own where the plane lies along them, square otherwise."""
    right, down = crosshair.view(plane)
    centre, corners = volume.centre, volume.corners - volume.centre
    reach = [float(np.abs(corners @ way).max()) for way in (right, down)]
    pixel = _pitch(volume, right), _pitch(volume, down)
    if volume.sheared or min(np.abs(volume.axes @ way).max() for way in (right, down)) < 1 - 1e-6:
        pixel = min(volume.pitch_mm), min(volume.pitch_mm)
    least = 2 * max(reach) / _MOST_PX
    pixel = max(pixel[0], least), max(pixel[1], least)
    size = Size(*(max(1, round(2 * half / step)) for half, step in zip(reach, pixel, strict=True)))
    level = float((crosshair.place - centre) @ crosshair.normal(plane))
    middle = centre + level * crosshair.normal(plane)
    corner = middle - right * pixel[0] * (size.width - 1) / 2 - down * pixel[1] * (size.height - 1) / 2
    corner = np.round(corner, 6)  # what moves along the plane alone is the same cut
    return Cut(triple(corner), triple(right), triple(down), pixel, size, slab, thickness_mm if slab != Slab.THIN else 0.0)


def _pitch(volume: Volume, way: Vector) -> float:
    """The voxels' own along a way; between slices that are far apart as fine as in their planes."""
    axis = int(np.abs(volume.axes @ way).argmax())
    return volume.pitch_mm[axis] if axis else min(volume.pitch_mm)


def _nearest_to_patient(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The three axes in the order and with the signs that point most to left, back and head, still a right-handed frame."""
    best, most = np.eye(3), -4.0
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        found = axes[list(order)] * np.array(signs)[:, None]
        if np.linalg.det(found) > 0 and float(np.trace(found)) > most + 1e-9:
            best, most = found, float(np.trace(found))
    return best


def _turn(axis: Vector, angle: float) -> NDArray[np.float64]:
    """Rotation about a unit vector (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: NDArray[np.float64] = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)
    return found


def _right_angled(axes: list[Triple]) -> tuple[Triple, Triple, Triple]:
    """Free of what many small turns add up to."""
    u, _, v = np.linalg.svd(np.array(axes))
    clean = u @ v
    return triple(clean[0]), triple(clean[1]), triple(clean[2])
