"""Where the slice of one series cuts the slice of another of the same frame of reference. No Qt."""

from __future__ import annotations

import numpy as np

from viewers.geometry import Size
from viewers.sources.slice_plane import SlicePlane

Segment = tuple[tuple[float, float], tuple[float, float]]
"""Both ends in level-0 pixels."""
_PARALLEL = 0.985
"""Cosine of about 10°: nearly parallel slices cut each other anywhere, which tells nothing."""


def line_on(plane: SlicePlane, other: SlicePlane, other_size: Size) -> Segment | None:
    """The part of the slice `other` (of so many pixels) that lies in `plane`, in pixels of that; it may reach beyond its picture.

    None where they do not meet, are nearly parallel, or are of different or unknown frames of reference.
    """
    if not plane.frame_of_reference or plane.frame_of_reference != other.frame_of_reference:
        return None
    normal = plane.normal
    if abs(float(normal @ other.normal)) > _PARALLEL:
        return None
    wide, high = other_size.width, other_size.height
    corners = [other.place(x, y) for x, y in ((0, 0), (wide, 0), (wide, high), (0, high))]
    away = [float(normal @ (corner - plane.origin)) for corner in corners]
    ends = []
    for number in range(4):
        a, b = away[number], away[(number + 1) % 4]
        if (a < 0) != (b < 0):
            ends.append(corners[number] + (corners[(number + 1) % 4] - corners[number]) * (a / (a - b)))
    if len(ends) != 2 or float(np.linalg.norm(ends[0] - ends[1])) < 1e-6:
        return None
    return plane.pixel(ends[0]), plane.pixel(ends[1])
