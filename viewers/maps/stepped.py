"""A map made ready to be coloured fast: whole steps between low and high, at every coarseness a screen may need.

Colouring is then one look-up for each cell that is seen, whatever the size of the map; threshold, opacity, colours and ranks
change the table that is looked up in, never the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 4096
"""From low to high: how fine the threshold is."""
_FINE = 512
"""Longest side of the grid that is shown smooth, in cells."""
_COARSEST = 64


@dataclass(frozen=True, eq=False)
class Stepped:
    """`levels[k]` are uint16 (rows, columns) of cells 2 ** k wide: 1 … STEPS from low to high, 0 where there is no value; those
    of a coarser level are means of what has a value. `smooth` is the grid bilinearly enlarged, None where it is fine already.
    `counts` int64 (STEPS,) are the cells of each step, those beyond the range not among them: these are `beyond` (below, above).
    """

    low: float
    high: float
    levels: tuple[NDArray[np.uint16], ...]
    smooth: NDArray[np.uint16] | None
    counts: NDArray[np.int64]
    beyond: tuple[int, int]

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """For each step the share of cells (0 … 1) that lie below it, those of the step itself counted half."""
        below, above = self.beyond
        counts = self.counts.astype(np.float64)
        counts[0] += below
        counts[-1] += above
        total = max(1.0, float(counts.sum()))
        return np.asarray((np.cumsum(counts) - counts / 2) / total)

    def bars(self, count: int) -> NDArray[np.int64]:
        """The histogram in `count` bars from low to high; STEPS must be a multiple of it."""
        return np.asarray(self.counts.reshape(count, -1).sum(axis=1))


def stepped(values: NDArray[np.float32], low: float, high: float) -> Stepped:
    """Of float32 (rows, columns) with NaN where there is no value. Takes a tenth of a second for ten million cells."""
    first = _steps(values, low, high)
    levels, coarse = [first], values
    while max(coarse.shape) > _COARSEST and coarse.size > _COARSEST**2:
        coarse = _halved(coarse)
        levels.append(_steps(coarse, low, high))
    counts = np.bincount(first.ravel(), minlength=STEPS + 1)[1:].astype(np.int64)
    below, above = int(np.count_nonzero(values < low)), int(np.count_nonzero(values > high))
    counts[0] -= below
    counts[-1] -= above
    smooth = _steps(interpolated(values, _FINE), low, high) if _FINE // max(values.shape) > 1 else None
    return Stepped(low, high, tuple(levels), smooth, counts, (below, above))


def interpolated(values: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """The grid bilinearly enlarged by a whole factor until its longer side is near `longest`.

    Values stand at cell centres; beyond the outermost centres they are constant. Where a neighbour is NaN the result is NaN.
    """
    factor = max(1, longest // max(values.shape))
    if factor == 1:
        return values.astype(np.float32)
    holes = ~np.isfinite(values)
    if not holes.any():
        return _enlarged(values, factor)
    filled = _enlarged(np.where(holes, 0, values), factor)
    filled[_enlarged(holes, factor) > 0.5] = np.nan
    return filled


def _enlarged(values: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """(h, w) as float32 (h * factor, w * factor). No matrix product: its threads would wait for cores an engine has taken."""
    return _lengthened(_lengthened(values.astype(np.float32).T, factor).T, factor)


def _lengthened(rows: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """(n, m) as (n * factor, m)."""
    places = np.clip((np.arange(len(rows) * factor) + 0.5) / factor - 0.5, 0, len(rows) - 1)
    first = places.astype(np.intp)
    rows = np.ascontiguousarray(rows)
    fine = np.diff(rows, axis=0, append=rows[-1:])[first]
    fine *= (places - first).astype(np.float32)[:, None]
    fine += rows[first]
    return fine


def _steps(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint16]:
    """1 … STEPS from low to high, 0 where there is no value."""
    share = values - np.float32(low)
    share *= np.float32((STEPS - 1) / (high - low))
    np.clip(share, 0, STEPS - 1, out=share)
    share += 1.5
    np.copyto(share, 0, where=~np.isfinite(values))
    return share.astype(np.uint16)


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 × 2 cells, of those that have a value; an odd last row or column stands for itself."""
    rows, columns = values.shape
    padded = np.pad(values, ((0, rows % 2), (0, columns % 2)), constant_values=np.nan) if rows % 2 or columns % 2 else values
    present = np.isfinite(padded)
    filled = np.where(present, padded, np.float32(0))
    sums = filled[0::2, 0::2] + filled[1::2, 0::2] + filled[0::2, 1::2] + filled[1::2, 1::2]
    count = present[0::2, 0::2].astype(np.float32)
    for part in (present[1::2, 0::2], present[0::2, 1::2], present[1::2, 1::2]):
        count += part
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count > 0, sums / count, np.float32(np.nan)), np.float32)
