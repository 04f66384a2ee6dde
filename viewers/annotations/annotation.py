"""One mark on a slide as a value, and the making of its shape.

The frame of reference is the slide's level 0: x to picture-right, y down, in pixels, which may be broken.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import shapely
from shapely.geometry.base import BaseGeometry

Point = tuple[float, float]
ELLIPSE_POINTS = 100
"""Vertices of the polygon that stands for an ellipse; its area is 0.07 % below the ellipse's."""
_NONE: Mapping[str, float] = MappingProxyType({})


def new_id() -> str:
    return str(uuid.uuid4())


class Kind(StrEnum):
    """What it was drawn as. A polygon may have holes and parts; an ellipse is the one inscribed in its bounds."""

    POINTS = "points"
    LINE = "line"
    POLYLINE = "polyline"
    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"


@dataclass(frozen=True, slots=True)
class Plane:
    """Channel (-1: all), depth and time a mark belongs to, each counted from 0."""

    c: int = -1
    z: int = 0
    t: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """`class_name` "" is unclassified. `object_type` is QuPath's word: annotation, detection, tile, cell, …

    `measurements` are what other programs wrote beside it, by name; `rest` is the JSON of anything else they wrote, kept to be
    written out again.
    """

    geometry: BaseGeometry
    kind: Kind
    id: str = field(default_factory=new_id)
    class_name: str = ""
    name: str = ""
    locked: bool = False
    object_type: str = "annotation"
    measurements: Mapping[str, float] = field(default_factory=lambda: _NONE)
    plane: Plane = Plane()
    rest: str = ""

    @property
    def has_area(self) -> bool:
        return self.kind in (Kind.RECTANGLE, Kind.ELLIPSE, Kind.POLYGON)


def points(places: Sequence[Point]) -> BaseGeometry:
    return shapely.MultiPoint(places)


def line(places: Sequence[Point]) -> BaseGeometry:
    """Raises ValueError for fewer than two different places."""
    if len(set(places)) < 2:
        raise ValueError("a line needs two different places")
    return shapely.LineString(places)


def rectangle(a: Point, b: Point) -> BaseGeometry:
    """Upright, between two opposite corners. Raises ValueError when it has no area."""
    return _with_area(shapely.box(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])))


def ellipse(a: Point, b: Point) -> BaseGeometry:
    """Inscribed in the upright rectangle between two opposite corners. Raises ValueError when it has no area."""
    x, y, across, down = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, abs(a[0] - b[0]) / 2, abs(a[1] - b[1]) / 2
    turns = (2 * math.pi * number / ELLIPSE_POINTS for number in range(ELLIPSE_POINTS))
    return _with_area(shapely.Polygon([(x + across * math.cos(turn), y + down * math.sin(turn)) for turn in turns]))


def polygon(places: Sequence[Point]) -> BaseGeometry:
    """Closed by itself; where its outline crosses itself every part counts. Raises ValueError when it has no area."""
    if len(set(places)) < 3:
        raise ValueError("an area needs three different places")
    return areas(shapely.Polygon(places))


def areas(geometry: BaseGeometry) -> BaseGeometry:
    """Its areas alone, valid: a polygon or a multi-polygon. Raises ValueError when nothing is left."""
    mended = geometry if geometry.is_valid else shapely.make_valid(geometry, method="structure")
    parts = [one for one in shapely.get_parts(shapely.get_parts(mended)) if one.geom_type == "Polygon" and one.area > 0]
    if not parts:
        raise ValueError("an area needs more than a line")
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _with_area(shape: BaseGeometry) -> BaseGeometry:
    if not shape.area > 0:
        raise ValueError("an area needs width and height")
    return shape
