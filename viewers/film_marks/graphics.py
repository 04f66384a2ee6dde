"""A mark's shape as DICOM draws it: graphic types that presentation states and structured reports share."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.annotations.annotation import Annotation, Kind
from viewers.film_marks import roi
from viewers.film_marks.film_mark import strokes
from viewers.geometry import Size

Places = NDArray[np.float64]


def graphics(mark: Annotation) -> list[tuple[str, Places]]:
    """Type and places (n, 2) in pixels of each part (PS3.3 C.10.5.1.2, C.18.6.1.2).

    An ellipse is its longer axis' ends, then its shorter's; a circle its centre and a place on it; rectangles and freehand areas
    are lines that end where they begin.
    """
    if mark.kind is Kind.ELLIPSE:
        x, y, across, down = roi.axes(mark.geometry)
        if across == down:
            return [("CIRCLE", np.array([(x, y), (x + across, y)]))]
        wide, high = [(x - across, y), (x + across, y)], [(x, y - down), (x, y + down)]
        return [("ELLIPSE", np.array([*wide, *high] if across > down else [*high, *wide]))]
    if mark.kind is Kind.POINTS:
        return [("POINT", shapely.get_coordinates(mark.geometry)[:1])]
    if mark.has_area:
        return [("POLYLINE", shapely.get_coordinates(ring)) for ring in shapely.get_rings(shapely.get_parts(mark.geometry))]
    return [("POLYLINE", line) for line in strokes(mark.geometry)]


def inside(places: Places, size: Size) -> Places:
    """Places moved to the picture's edge where they lie beyond it: both kinds of file hold none outside."""
    return np.clip(places, 0.0, (size.width, size.height))
