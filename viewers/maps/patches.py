"""Rectangles with a value each, and the grid of cells that they cover."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Box
from viewers.errors import SourceError
from viewers.figures import counted
from viewers.geometry import Size
from viewers.maps import MOST_CELLS, ValueMap, own_range

_COARSE = 4
"""Cells across the smallest patch where no common grid was found."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """`boxes` float64 (n, 4): left, top, width, height in level-0 pixels. `values` float64 (n,), NaN where there is none."""

    boxes: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The cells of a grid that patches cover; several maps may share it. `exact` is False where patches lie on no common
    grid, or on too fine a one: their edges are then moved to the nearest edge of a cell."""

    extent: Box
    shape: tuple[int, int]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """(n, 2): the (column, row) where each patch begins, and the one after its last."""
    exact: bool

    @classmethod
    def under(cls, boxes: NDArray[np.float64]) -> Lattice:
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        origin, end = low.min(axis=0), high.max(axis=0)
        steps = [_step(low[:, axis], high[:, axis]) for axis in (0, 1)]
        step = np.array([one or 1.0 for one in steps])
        exact = all(steps) and bool(np.prod(np.ceil((end - origin) / step)) <= MOST_CELLS)
        if not exact:
            step = boxes[:, 2:].min(axis=0) / _COARSE
            step *= max(1.0, float(np.sqrt(np.prod((end - origin) / step + 1) / MOST_CELLS)))
        first = np.rint((low - origin) / step).astype(np.int64)
        last = np.maximum(np.rint((high - origin) / step).astype(np.int64), first + 1)
        columns, rows = (int(value) for value in last.max(axis=0))
        x1, y1 = origin + (columns, rows) * step
        return cls((float(origin[0]), float(origin[1]), float(x1), float(y1)), (rows, columns), first, last, exact)

    def grid(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """(rows, columns): the mean of the patches that cover each cell, NaN where none does."""
        good = np.isfinite(values)
        first, last, values = self.first[good], self.last[good], values[good]
        if (last - first == 1).all():
            sums, counts = self._summed(first, first, values), self._summed(first, first, None)
        else:
            sums, counts = self._spread(first, last, values), self._spread(first, last, None)
        counts = np.rint(counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            sums /= counts
        sums[counts == 0] = np.nan
        return sums.astype(np.float32)

    def _spread(
        self, first: NDArray[np.int64], last: NDArray[np.int64], values: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """The sum over patches of several cells: each is noted at its four corners, then all is summed up both ways."""
        rows, columns = self.shape
        marks = self._summed(first, first, values, 1)
        marks -= self._summed(last, first, values, 1)
        marks -= self._summed(first, last, values, 1)
        marks += self._summed(last, last, values, 1)
        np.cumsum(marks, axis=0, out=marks)
        np.cumsum(marks, axis=1, out=marks)
        return marks[:rows, :columns]

    def _summed(
        self, across: NDArray[np.int64], down: NDArray[np.int64], values: NDArray[np.float64] | None, margin: int = 0
    ) -> NDArray[np.float64]:
        rows, columns = self.shape[0] + margin, self.shape[1] + margin
        places = down[:, 1] * columns + across[:, 0]
        return np.bincount(places, values, rows * columns).astype(np.float64, copy=False).reshape(rows, columns)


def mapped(
    path: Path, name: str, unit: str, boxes: NDArray[np.float64], values: NDArray[np.float64], lattice: Lattice
) -> ValueMap:
    """Patches as a map. Raises SourceError where no patch has a value."""
    low, high, notes = own_range(path, name, values)
    if not lattice.exact:
        notes += ("The patches lie on no common grid: on the picture their edges are moved by up to an eighth of a patch.",)
    return ValueMap(name, lattice.grid(values), lattice.extent, low, high, unit, Patches(boxes, values), notes)


def must_fit(path: Path, boxes: NDArray[np.float64], size: Size) -> None:
    """Raises SourceError for places that are no places, and for those of another picture: a patch may reach over the edge, but
    not lie outside."""
    if len(boxes) == 0:
        raise SourceError(path, f"{path.name} holds no patch: choose another file.")
    if not np.isfinite(boxes).all() or not (boxes[:, 2:] > 0).all():
        raise SourceError(path, f"{path.name} has patches without a place or a size: make the file anew.")
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    widest, highest = boxes[:, 2:].max(axis=0)
    over_x, over_y = max(widest, 1.0), max(highest, 1.0)
    outside = (boxes[:, 0] >= size.width) | (boxes[:, 1] >= size.height) | ((boxes[:, :2] + boxes[:, 2:]) <= 0).any(axis=1)
    if outside.any() or right > size.width + over_x or bottom > size.height + over_y or left < -over_x or top < -over_y:
        reach = f"from x {_whole(left)}, y {_whole(top)} to x {_whole(right)}, y {_whole(bottom)}"
        raise SourceError(
            path,
            f"{path.name} has patches {reach}, but this picture has {counted(size.width)} × {counted(size.height)} pixels: "
            "the map is of another slide, or of another level.",
        )


def _whole(value: float) -> str:
    return counted(round(max(-1e12, min(1e12, float(value)))))


def _step(low: NDArray[np.float64], high: NDArray[np.float64]) -> float | None:
    """The largest cell of which every edge is a whole number away from the first; None where there is none."""
    marks = np.unique(np.concatenate([low, high]))
    marks = marks[1:] - marks[0]
    if (marks == np.rint(marks)).all():
        return float(np.gcd.reduce(marks.astype(np.int64)))
    gaps = np.diff(marks, prepend=0.0)
    step = float(gaps[gaps > 1e-3].min())
    step = float(marks[-1]) / max(1, round(float(marks[-1]) / step))
    shares = marks / step
    return step if np.abs(shares - np.rint(shares)).max() < 0.01 else None
