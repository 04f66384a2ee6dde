"""Circles, ellipses and smooth curves of DICOM as lines of corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 72
Points = NDArray[np.float64]


def circle(points: Points) -> Points:
    """From the centre and a point on the circle (PS3.3 C.10.5.1.2): (72, n)."""
    centre, arm = points[0], points[1] - points[0]
    if points.shape[1] == 2:
        other = np.array([-arm[1], arm[0]])
        return _turned(centre, arm, other)
    raise ValueError("has a circle in three dimensions")


def ellipse(points: Points) -> Points:
    """From the ends of its major, then of its minor axis: (72, n)."""
    centre = (points[0] + points[1]) / 2
    return _turned(centre, points[1] - centre, points[3] - (points[2] + points[3]) / 2)


def smooth(points: Points) -> Points:
    """A curve through all points, closed where they are, by splines over the length of the chords."""
    from scipy.interpolate import CubicSpline

    keep = np.concatenate([[True], (np.diff(points, axis=0) != 0).any(axis=1)])
    points = points[keep]
    if len(points) < 3:
        return points
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    closed = bool((points[0] == points[-1]).all())
    curve = CubicSpline(along, points, bc_type="periodic" if closed else "natural")
    found: Points = curve(np.linspace(0, along[-1], min(20_000, 12 * len(points))))
    return found


def _turned(centre: Points, one: Points, other: Points) -> Points:
    turns = np.linspace(0, 2 * np.pi, _STEPS, endpoint=False)[:, None]
    return centre + np.cos(turns) * one + np.sin(turns) * other
