"""What of a slide has been looked at: in each cell of a grid the highest power and the time. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Camera
from viewers.geometry import Size

CELL = 256
"""Level-0 pixels of a cell's side; doubled for slides that would have more than `MOST` cells."""
MOST = 1_000_000
POWERS = (5.0, 10.0, 20.0)
"""Objective powers between the classes that are told apart."""
ZOOMS = (0.125, 0.25, 0.5)
"""The same as device pixels per level-0 pixel, for slides that state no size of a pixel."""
SLOW_PX_S = 250.0
"""Screen pixels a second up to which a reader can see what passes."""
GAP_S = 1.0
"""Told later than this, the time between does not count: the machine slept, or another window was in front."""
REST_S = 120.0
"""A view that rests longer is not looked at any more, until it moves."""


class Coverage:
    """`scale` is the largest number of device pixels per level-0 pixel at which a cell was seen, 0 for never; `seconds` how
    long in all; both float32 (rows, columns). `tissue` is bool of the same shape, None while it is not known.

    A cell counts as seen when its middle is.
    """

    def __init__(self, size: Size) -> None:
        self.size, self.cell = size, CELL
        while math.ceil(size.width / self.cell) * math.ceil(size.height / self.cell) > MOST:
            self.cell *= 2
        shape = math.ceil(size.height / self.cell), math.ceil(size.width / self.cell)
        self.scale: NDArray[np.float32] = np.zeros(shape, np.float32)
        self.seconds: NDArray[np.float32] = np.zeros(shape, np.float32)
        self.tissue: NDArray[np.bool_] | None = None
        self.objective: float | None = None
        """The power of one device pixel per level-0 pixel; None where the slide states no size of a pixel."""
        self.version = 0
        """Grows with every change."""

    def copy(self) -> Coverage:
        """As it is now, for another thread."""
        other = Coverage(self.size)
        other.scale, other.seconds = self.scale.copy(), self.seconds.copy()
        other.tissue, other.objective, other.version = self.tissue, self.objective, self.version
        return other

    def tell(self, polygon: Sequence[tuple[float, float]], scale: float, seconds: float) -> bool:
        """What lies in a convex `polygon` (level-0 pixels) was seen; whether any cell was seen at a higher power than before."""
        edges = np.asarray(polygon, np.float64)
        rows, columns = self.scale.shape
        first, last = edges.min(0) / self.cell, edges.max(0) / self.cell
        across = slice(max(0, math.floor(first[0])), min(columns, math.ceil(last[0])))
        down = slice(max(0, math.floor(first[1])), min(rows, math.ceil(last[1])))
        if across.start >= across.stop or down.start >= down.stop:
            return False
        x, y = self.middles()
        inside = _inside(edges, x[across][None, :], y[down][:, None])
        part = down, across
        higher = inside & (self.scale[part] < np.float32(scale))
        self.scale[part][higher] = np.float32(scale)
        self.seconds[part] += np.where(inside, np.float32(seconds), np.float32(0))
        self.version += int(higher.any())
        return bool(higher.any())

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x of each column's and y of each row's middle; cells at the slide's end are smaller."""
        rows, columns = self.scale.shape
        return _middles(columns, self.cell, self.size.width), _middles(rows, self.cell, self.size.height)

    def bounds(self) -> tuple[float, ...]:
        """Device pixels per level-0 pixel at which one class ends and the next begins."""
        return ZOOMS if self.objective is None else tuple(power / self.objective for power in POWERS)

    def classes(self) -> NDArray[np.uint8]:
        """Of each cell: 0 not seen, 1 … 4 the class of its highest power, 5 not seen and known to hold tissue."""
        edges = np.asarray(self.bounds(), np.float32) * np.float32(1 - 1e-5)  # 20× typed is not quite 20× shown
        found = np.searchsorted(edges, self.scale, side="right").astype(np.uint8) + np.uint8(1)
        found[self.scale == 0] = 0
        if self.tissue is not None:
            found[(found == 0) & self.tissue] = 5
        return found

    def seen(self, scale: float) -> NDArray[np.bool_]:
        """Which cells were seen at `scale` or more."""
        return np.asarray(self.scale >= np.float32(scale * (1 - 1e-5)), np.bool_) & (self.scale > 0)

    def share(self, scale: float) -> float | None:
        """The part (0 … 1) of the tissue, or of the slide while tissue is not known, seen at `scale` or more; None for a slide
        without tissue."""
        seen = self.seen(scale)
        if self.tissue is None:
            return float(seen.mean())
        count = int(self.tissue.sum())
        return float((seen & self.tissue).sum() / count) if count else None

    def summary(self) -> str:
        """One line for the reader, at the second class's lower end."""
        scale = self.bounds()[1]
        share = self.share(scale)
        if share is None:
            return "No tissue was found on this slide"
        what = "the slide" if self.tissue is None else "tissue"
        power = f"{100 * scale:g} % zoom" if self.objective is None else f"{POWERS[1]:g}×"
        return f"{_percent(share)} of {what} seen at ≥ {power}"


@dataclass(slots=True)
class Attention:
    """Says how much of the time between two looks at a camera counts as looking."""

    _last: tuple[float, float, float, float, float] | None = None
    _rested: float = 0.0

    def seconds(self, now: float, camera: Camera) -> float:
        """`now` in seconds. 0.0 at the first look, while the view moves faster than the eye, and after a long rest."""
        state = (now, camera.x, camera.y, camera.scale, camera.angle)
        last, self._last = self._last, state
        if last is None or not 0 < (passed := now - last[0]) <= GAP_S:
            self._rested = 0.0
            return 0.0
        away = math.hypot(camera.x - last[1], camera.y - last[2]) * camera.scale
        reach = math.hypot(camera.width, camera.height) / 2
        away += abs(math.log(camera.scale / last[3])) * reach
        away += abs(math.radians(math.remainder(camera.angle - last[4], 360.0))) * reach
        self._rested = self._rested + passed if away == 0 else 0.0
        return passed if away / passed <= SLOW_PX_S and self._rested <= REST_S else 0.0

    def forget(self) -> None:
        """Nobody looks now."""
        self._last = None


def screen_outline(camera: Camera) -> tuple[tuple[float, float], ...]:
    """The pane's own corners in level-0 pixels: the true polygon where the slide is turned."""
    edges = ((0.0, 0.0), (camera.width, 0.0), (camera.width, camera.height), (0.0, camera.height))
    return tuple(camera.from_screen(u, v) for u, v in edges)


def _inside(edges: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each (x, y) lies in a convex polygon, whichever way round it is given: on one side of all its edges."""
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in zip(edges, np.roll(edges, -1, 0), strict=True)]
    left = np.logical_and.reduce([side >= 0 for side in sides])
    right = np.logical_and.reduce([side <= 0 for side in sides])
    return np.asarray(left | right, np.bool_)


def _middles(count: int, cell: int, length: int) -> NDArray[np.float64]:
    starts = np.arange(count, dtype=np.float64) * cell
    return (starts + np.minimum(starts + cell, length)) / 2


def _percent(share: float) -> str:
    """Never 100 % before all, never 0 % after the first."""
    if 0 < share < 0.01:
        return "< 1 %"
    return f"{min(round(100 * share), 100 if share == 1 else 99)} %"
