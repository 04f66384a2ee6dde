"""Marks as the graphics of DICOM and back.

Two-dimensional places are in pixels of the total pixel matrix, 0\\0 being the top left corner of its top left pixel, which is
Hilum's own frame of reference. So have it PS3.3 C.10.5.1.2 (MATRIX) and highdicom; C.37.1.2 itself only points to C.10.4, which
numbers whole pixels. The words are those of C.37.1.2.1: POINT, POLYLINE, POLYGON, RECTANGLE, ELLIPSE, and SR's MULTIPOINT and
CIRCLE (C.18.6.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import ELLIPSE_POINTS, Annotation, Kind, Plane, ellipse
from viewers.annotations.found import Notes
from viewers.annotations.geojson import FARTHEST, is_rectangle
from viewers.figures import counted

Places = NDArray[np.float64]
"""(n, 2): column, row."""
_UPRIGHT = 1e-3
"""Pixels by which the axes of an ellipse read from single precision may lean."""


def parts(marks: Sequence[Annotation], notes: Notes) -> list[Annotation]:
    """Marks with one graphic each: points singly, areas of several parts part by part. Holes stay, for the area's measure."""
    found: list[Annotation] = []
    holed = holes = 0
    for mark in marks:
        pieces = shapely.get_parts(mark.geometry)
        if len(pieces) > 1 and mark.kind is Kind.POINTS:
            notes.note("1 mark of several points is written as single points.", "{count} marks of points are written singly.")
        elif len(pieces) > 1:
            notes.note("1 area of several parts is written part by part.", "{count} areas are written part by part.")
        if inner := int(shapely.get_num_interior_rings(pieces).sum()):
            holed, holes = holed + 1, holes + inner
        found += [mark] if len(pieces) == 1 else [
            replace(mark, geometry=piece if mark.has_area else shapely.MultiPoint([piece]), id=f"{mark.id} {number}")
            for number, piece in enumerate(pieces, 1)
        ]  # fmt: skip
    if holed:
        which = "1 area loses" if holed == 1 else f"{counted(holed)} areas lose"
        what = "1 hole" if holes == 1 else f"{counted(holes)} holes"
        notes.note(
            f"{which} {what}, which DICOM cannot hold: the outer outlines are written, the measured areas exclude the holes."
        )
    return found


def say_what_is_lost(marks: Sequence[Annotation], notes: Notes, in_groups: bool) -> None:
    """What DICOM has no place for: names where marks are in groups, who made them where each stands for itself."""
    for mark in marks:
        if in_groups and mark.name:
            notes.note("The name of 1 mark is not written.", "The names of {count} marks are not written.")
        if not in_groups and mark.object_type != "annotation":
            notes.note("That a program made 1 mark is not written.", "That a program made {count} marks is not written.")
        if mark.measurements or mark.rest:
            notes.note(
                "What another program wrote beside 1 mark is not written.",
                "What other programs wrote beside {count} marks is not written.",
            )
        if mark.locked:
            notes.note("That 1 mark is locked is not written.", "That {count} marks are locked is not written.")
        if mark.plane != Plane():
            notes.note("The plane of 1 mark is not written.", "The planes of {count} marks are not written.")


def graphic(mark: Annotation) -> tuple[str, Places]:
    """Type and places of a mark with one part; a polygon's outer outline without its first place again at the end."""
    whole = mark.geometry
    if mark.kind is Kind.POINTS:
        return "POINT", shapely.get_coordinates(whole)
    if mark.kind in (Kind.LINE, Kind.POLYLINE):
        return "POLYLINE", shapely.get_coordinates(whole)
    if mark.kind is Kind.RECTANGLE and is_rectangle(whole):
        x0, y0, x1, y1 = whole.bounds
        return "RECTANGLE", np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)
    if mark.kind is Kind.ELLIPSE:
        return "ELLIPSE", _axes(*whole.bounds)
    outline = shapely.get_exterior_ring(whole if whole.geom_type == "Polygon" else shapely.get_geometry(whole, 0))
    places = shapely.get_coordinates(outline)[:-1]
    while len(places) > 3 and (places[0] == places[-1]).all():  # a last place given twice
        places = places[:-1]
    return "POLYGON", places


def _axes(x0: float, y0: float, x1: float, y1: float) -> Places:
    """Ends of the major axis, then of the minor one."""
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across, down = [(x0, y), (x1, y)], [(x, y0), (x, y1)]
    return np.array(across + down if x1 - x0 >= y1 - y0 else down + across, np.float64)


def shape(type: str, places: Places) -> tuple[BaseGeometry, Kind]:
    """The shape of one graphic. Raises ValueError with what is wrong with it."""
    if not len(places):
        raise ValueError("holds no place")
    if not (np.isfinite(places).all() and (np.abs(places) <= FARTHEST).all()):
        raise ValueError("holds a coordinate that is no place on a slide")
    fixed = {"RECTANGLE": 4, "ELLIPSE": 4, "CIRCLE": 2, "POINT": 1}.get(type)
    if fixed is not None and len(places) != fixed:
        raise ValueError(f"is a {type.lower()} of {len(places)} places, not {fixed}")
    if type in ("POINT", "MULTIPOINT"):
        return shapely.MultiPoint(places), Kind.POINTS
    if type == "POLYLINE" or (type == "POLYGON" and len(places) < 3):
        return _line(places)
    if type in ("POLYGON", "RECTANGLE"):
        outline = shapely.polygons(shapely.linearrings(places))
        return outline, Kind.RECTANGLE if is_rectangle(outline) else Kind.POLYGON
    if type == "CIRCLE":
        (x, y), radius = places[0], float(np.hypot(*(places[1] - places[0])))
        return _ellipse(np.array([(x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)]))
    if type == "ELLIPSE":
        return _ellipse(places)
    raise ValueError(f"is of no known graphic type ({type[:16] or 'none'})")


def _line(places: Places) -> tuple[BaseGeometry, Kind]:
    if len(places) < 2 or (places == places[0]).all():
        return shapely.MultiPoint(places[:1]), Kind.POINTS
    return shapely.LineString(places), Kind.LINE if len(places) == 2 else Kind.POLYLINE


def _ellipse(places: Places) -> tuple[BaseGeometry, Kind]:
    """Upright it is an ellipse; one that leans is the polygon that stands for it."""
    leans = np.abs(np.array([places[1] - places[0], places[3] - places[2]])).min(axis=1).max()
    (x0, y0), (x1, y1) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    if leans <= _UPRIGHT and x1 > x0 and y1 > y0:
        return ellipse((x0, y0), (x1, y1)), Kind.ELLIPSE
    turn = 2 * math.pi * np.arange(ELLIPSE_POINTS)[:, None] / ELLIPSE_POINTS
    half_major, half_minor = (places[1] - places[0]) / 2, (places[3] - places[2]) / 2
    outline = places.mean(axis=0) + np.cos(turn) * half_major + np.sin(turn) * half_minor
    return shapely.polygons(shapely.linearrings(outline)), Kind.POLYGON
