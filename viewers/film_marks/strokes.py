"""Lengths, angles and ratios of straight strokes, with pixels that need not be square.

Everything is worked out in steps of one unit: mm where the spacing is known, pixels taken as square where it is not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Spacing

Places = NDArray[np.float64]
STEEP = 60.0
"""Degrees from the rows beyond which a stroke is no end plate that lies across the picture."""


def steps(places: Places, spacing: Spacing | None) -> Places:
    """Places (n, 2) in pixels as places in mm, or unchanged where no spacing is known."""
    return places * ((spacing.x_mm, spacing.y_mm) if spacing is not None else (1.0, 1.0))


def length(places: Places, spacing: Spacing | None) -> float:
    """Along all corners (n, 2)."""
    return float(np.linalg.norm(np.diff(steps(places, spacing), axis=0), axis=1).sum())


def angle(places: Places, spacing: Spacing | None) -> float:
    """Degrees, 0 … 180, between the sides that meet at the second of three places."""
    first, vertex, last = steps(places, spacing)
    a, b = first - vertex, last - vertex
    return math.degrees(abs(math.atan2(a[0] * b[1] - a[1] * b[0], float(a @ b))))


def between(one: Places, other: Places, spacing: Spacing | None) -> float:
    """Degrees between two strokes, whichever way each was drawn: 0 … 90, so that parallel strokes have 0."""
    apart = abs(_tilt(one, spacing) - _tilt(other, spacing))
    return min(apart, 180.0 - apart)


def cobb(one: Places, other: Places, spacing: Spacing | None) -> float:
    """Cobb's angle in degrees: how far two end plates are tilted against each other.

    Both are read from picture-left to picture-right. Where neither is steeper than `STEEP` the angle may pass 90°, as severe
    curves do; where one is, the smaller angle between the two lines counts.
    """
    tilts = _tilt(one, spacing), _tilt(other, spacing)
    if max(abs(tilts[0]), abs(tilts[1])) <= STEEP:
        return abs(tilts[0] - tilts[1])
    return between(one, other, spacing)


def _tilt(places: Places, spacing: Spacing | None) -> float:
    """Degrees by which a stroke, read from left to right, falls against the rows: above -90 … 90."""
    across, down = steps(places, spacing)[-1] - steps(places, spacing)[0]
    if across < 0 or (across == 0 and down < 0):
        across, down = -across, -down
    return math.degrees(math.atan2(down, across))
