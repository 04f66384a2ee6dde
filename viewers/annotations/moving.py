"""Which mark is meant by a place, and marks moved whole or by one of their corners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shapely

from viewers.annotations import annotation
from viewers.annotations.annotation import Annotation, Kind, Point
from viewers.annotations.index import Snapshot

MOST_HANDLES = 400
"""Corners beyond which a shape is changed by the brush, not corner by corner."""


def hit(snapshot: Snapshot, place: Point, reach: float, shown: Callable[[Annotation], bool]) -> Annotation | None:
    """The mark at `place`, of several the smallest, of equals the newest; lines and points within `reach` level-0 pixels.

    `shown` says whether a mark is.
    """
    x, y = place
    spot = shapely.Point(place)
    best: tuple[float, int, Annotation] | None = None
    for number, one in enumerate(snapshot.meeting((x - reach, y - reach, x + reach, y + reach))):
        if not shown(one):
            continue
        inside = one.has_area and one.geometry.contains(spot)
        if inside or one.geometry.distance(spot) <= reach:
            size = one.geometry.area if one.has_area else 0.0
            if best is None or (size, -number) <= (best[0], best[1]):
                best = size, -number, one
    return None if best is None else best[2]


def handles(one: Annotation) -> list[Point]:
    """Corners by which it can be changed: of rectangles and ellipses those of their bounds, none for very many or for holes."""
    if one.locked:
        return []
    if one.kind in (Kind.RECTANGLE, Kind.ELLIPSE):
        x0, y0, x1, y1 = one.geometry.bounds
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    shape = one.geometry
    if shape.geom_type == "MultiPolygon" or (shape.geom_type == "Polygon" and len(shape.interiors)):
        return []
    places = shapely.get_coordinates(shape)
    places = places[:-1] if shape.geom_type == "Polygon" else places
    return [(float(x), float(y)) for x, y in places] if len(places) <= MOST_HANDLES else []


def with_handle(one: Annotation, number: int, place: Point) -> Annotation:
    """One corner taken to `place`. Raises ValueError where nothing would be left of the shape."""
    corners = handles(one)
    if one.kind in (Kind.RECTANGLE, Kind.ELLIPSE):
        make = annotation.rectangle if one.kind == Kind.RECTANGLE else annotation.ellipse
        return replace(one, geometry=make(corners[(number + 2) % 4], place))
    corners[number] = place
    if one.kind == Kind.POINTS:
        return replace(one, geometry=annotation.points(corners))
    return replace(one, geometry=annotation.polygon(corners) if one.has_area else annotation.line(corners))


def moved(one: Annotation, across: float, down: float) -> Annotation:
    return replace(one, geometry=shapely.transform(one.geometry, lambda places: places + np.array([across, down])))
