"""The magic wand: the area of like colour around the hand, as an outline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Point
from viewers.annotations.tools import Brush, Hand
from viewers.runs import runs

SIDE = 149
"""Screen pixels of the square it looks at."""
SENSITIVITY = 2.0
"""How many standard deviations of the square's smoothed colours, halved, still count as like."""

Look = Callable[[Point, int], tuple[NDArray[np.uint8], Callable[[BaseGeometry], BaseGeometry]] | None]
"""(level-0 place, side) → what the screen shows there, uint8 (side, side, 3), and from its pixels to level 0; None: nothing."""


class Wand(Brush):
    """A brush whose mark is the connected area of like colour."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def under(self, hand: Hand, last: Point | None) -> BaseGeometry | None:  # noqa: ARG002
        seen = self._look(hand.place, SIDE)
        if seen is None:
            return None
        pixels, to_slide = seen
        shape = outline(alike(pixels))
        return None if shape is None else to_slide(shape)


def alike(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The connected pixels around the middle whose smoothed colour is near the middle's, bool (h, w)."""
    smooth = _smoothed(pixels.astype(np.float32))
    middle = smooth[pixels.shape[0] // 2, pixels.shape[1] // 2]
    far = np.sqrt(((smooth - middle) ** 2).sum(axis=-1))
    near = far <= max(4.0, SENSITIVITY * 0.5 * float(np.sqrt(smooth.reshape(-1, 3).var(axis=0).sum())))
    return connected(near)


def connected(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a mask that hangs together with its middle by edges."""
    found = np.zeros_like(mask)
    found[mask.shape[0] // 2, mask.shape[1] // 2] = mask[mask.shape[0] // 2, mask.shape[1] // 2]
    while True:
        grown = found.copy()
        grown[1:] |= found[:-1]
        grown[:-1] |= found[1:]
        grown[:, 1:] |= found[:, :-1]
        grown[:, :-1] |= found[:, 1:]
        grown &= mask
        if (grown == found).all():
            return found
        found = grown


def outline(mask: NDArray[np.bool_]) -> BaseGeometry | None:
    """The outline of a mask in its own pixels, holes of a few pixels closed; None for an empty one."""
    if not mask.any():
        return None
    rows, starts, ends = runs(mask)
    whole = shapely.union_all(shapely.box(starts, rows, ends, rows + 1))
    return shapely.simplify(whole.buffer(1.5, quad_segs=3).buffer(-1.5, quad_segs=3), 0.5)


def _smoothed(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """A box filter of 5 × 5."""
    for axis in (0, 1):
        padded = np.pad(pixels, [(2, 2) if one == axis else (0, 0) for one in range(3)], mode="edge")
        sums = np.cumsum(padded, axis=axis, dtype=np.float64)
        first = np.take(sums, [4], axis=axis)
        rest = np.take(sums, range(5, sums.shape[axis]), axis=axis) - np.take(sums, range(sums.shape[axis] - 5), axis=axis)
        pixels = (np.concatenate([first, rest], axis=axis) / 5).astype(np.float32)
    return pixels
