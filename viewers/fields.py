"""The way over a slide field by field, as a mower goes: rows one below the other, every second one backwards. No Qt."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Camera
from viewers.coverage import Coverage

SHARE = 0.8
"""Of the pane's sides: fields overlap by the rest."""
SAME_POWER = 0.9
"""Seen at this share of the present power counts as seen at it."""
_CENTRED = 0.02
_FINEST = 4
"""Points along a cell's side that are looked at, at most, where fields are smaller than cells."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The middle of a field in level-0 pixels, and how many fields with unseen tissue there are, this one among them."""

    x: float
    y: float
    left: int


@dataclass(frozen=True, slots=True)
class Lattice:
    """Fields of `width` × `height` level-0 pixels side by side, upright on the screen however the slide is turned.

    Places are turned as the screen shows them: z ↦ `turn` · z, of -conj(z) where `flipped`; field (0, 0) begins at `origin`.
    """

    width: float
    height: float
    turn: complex
    flipped: bool
    origin: complex = 0j

    @classmethod
    def of(cls, camera: Camera) -> Lattice:
        turn = cmath.rect(1.0, math.radians(camera.angle))
        return cls(SHARE * camera.width / camera.scale, SHARE * camera.height / camera.scale, turn, camera.flipped)

    def turned(self, places: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self.turn * (-places.conj() if self.flipped else places)

    def columns_rows(self, places: NDArray[np.complex128]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        away = self.turned(places) - self.origin
        return (
            np.floor(away.real / self.width).astype(np.int64),
            np.floor(away.imag / self.height).astype(np.int64),
        )

    def middle(self, column: int, row: int) -> complex:
        """In level-0 pixels."""
        back = (complex((column + 0.5) * self.width, (row + 0.5) * self.height) + self.origin) / self.turn
        return -back.conjugate() if self.flipped else back


def next_field(coverage: Coverage, camera: Camera, by: int = 1) -> Stop | None:
    """The next field (1) or the one before (-1) with tissue that was not seen at the present power, around the ends.

    None when all was seen. The field in view counts only while the pane is not centred on it. Where tissue is not known, all of
    the slide is taken for it. Coverage knows cells: in fields smaller than one, what was seen is known to a cell only.
    """
    places, seen = _tissue_points(coverage, camera)
    if not len(places) or seen.all():
        return None
    lattice = _anchored(Lattice.of(camera), places)
    columns, rows = lattice.columns_rows(places)
    count = int(columns.max()) + 1
    wanted = np.unique(_order(columns[~seen], rows[~seen], count))
    at_column, at_row = (int(one[0]) for one in lattice.columns_rows(np.array([complex(camera.x, camera.y)])))
    here = int(_order(np.array([min(max(at_column, 0), count - 1)]), np.array([at_row]), count)[0])
    away = abs(lattice.middle(at_column, at_row) - complex(camera.x, camera.y))
    off_centre = away > _CENTRED * min(lattice.width, lattice.height)
    if by > 0:
        at = int(np.searchsorted(wanted, here, side="left" if off_centre else "right")) % len(wanted)
    else:
        at = int(np.searchsorted(wanted, here, side="right" if off_centre else "left")) - 1
    row, along = divmod(int(wanted[at]), count)
    middle = lattice.middle(along if row % 2 == 0 else count - 1 - along, row)
    return Stop(middle.real, middle.imag, len(wanted))


def _tissue_points(coverage: Coverage, camera: Camera) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Middles of cells with tissue, finer where a field is smaller than a cell, and whether each was seen."""
    tissue = coverage.tissue if coverage.tissue is not None else np.ones(coverage.scale.shape, np.bool_)
    rows, columns = np.nonzero(tissue)
    x, y = coverage.middles()
    places = x[columns] + 1j * y[rows]
    seen = coverage.seen(SAME_POWER * camera.device_scale)[rows, columns]
    least = SHARE * min(camera.width, camera.height) / camera.scale
    finer = min(_FINEST, math.ceil(coverage.cell / least))
    if finer > 1:
        steps = (np.arange(finer) + 0.5) / finer - 0.5
        inside = (steps[None, :] + 1j * steps[:, None]).ravel() * coverage.cell
        places, seen = (places[:, None] + inside[None, :]).ravel(), seen.repeat(inside.size)
    return places, seen


def _anchored(lattice: Lattice, places: NDArray[np.complex128]) -> Lattice:
    """With the tissue in the middle of the fields that are needed for it, so that none of them shows mostly glass."""
    turned = lattice.turned(places)
    low, high = complex(turned.real.min(), turned.imag.min()), complex(turned.real.max(), turned.imag.max())
    wide = (math.floor((high.real - low.real) / lattice.width) + 1) * lattice.width
    tall = (math.floor((high.imag - low.imag) / lattice.height) + 1) * lattice.height
    origin = (low + high) / 2 - complex(wide, tall) / 2
    return Lattice(lattice.width, lattice.height, lattice.turn, lattice.flipped, origin)


def _order(columns: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The number of a field along the way."""
    return rows * count + np.where(rows % 2 == 0, columns, count - 1 - columns)
