"""Marks in GeoJSON (RFC 7946) as QuPath 0.2 to 0.7 writes them: in level-0 pixels, with QuPath's own members.

What Hilum has no field for is kept as JSON in `Annotation.rest`: `feature`, `geometry`, `properties`, `classification` and
`measurements` hold the unknown members found there, `parent` the id of the mark whose child it is.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Annotation, Kind, Plane, ellipse, new_id
from viewers.annotations.classes import Colour
from viewers.annotations.found import Gathering, clean
from viewers.annotations.json_pieces import Pieces
from viewers.errors import SourceError

FARTHEST = 1e9
"""Level-0 pixels from the origin."""
DEEPEST = 60
"""Children of children."""
_OLD_TYPES = {
    "PathTileObject": "tile", "PathCellObject": "cell", "TMACoreObject": "tmaCore", "tma_core": "tmaCore",
    "PathDetectionObject": "detection", "PathRootObject": "root", "PathAnnotationObject": "annotation", "unknown": "annotation",
}  # fmt: skip
Json = dict[str, Any]


def read(pieces: Pieces, gathering: Gathering) -> None:
    """A FeatureCollection, a Feature, a geometry, or an array of them. Raises SourceError; what is gathered then is void."""
    for number, feature in enumerate(_features(pieces, gathering), 1):
        try:
            _take(feature, gathering)
        except (ValueError, TypeError, OverflowError, KeyError, shapely.GEOSException) as error:
            what = str(error) if type(error) is ValueError else "holds a value that cannot be read"
            name = gathering.path.name
            raise SourceError(gathering.path, f"{name}: feature {number} {what}: export the file again.") from error


def _features(pieces: Pieces, gathering: Gathering) -> Iterator[object]:
    if pieces.peek() == "[":
        yield from pieces.items()
        pieces.end()
        return
    members: Json = {}
    for key in pieces.members():
        pieces.take(":")
        if key == "features" and pieces.peek() == "[":
            yield from pieces.items()
            members[key] = None
        else:
            members[key] = pieces.value()
    pieces.end()
    if "features" not in members:
        if not members.keys() & {"geometry", "coordinates", "geometries"}:
            raise SourceError(
                gathering.path, f"{gathering.path.name} is JSON, but holds no GeoJSON features: choose another file."
            )
        yield members
    elif unknown := [key for key in members if key not in ("type", "features")]:
        gathering.note(f"The collection's own members are not kept: {clean(', '.join(unknown))[:80]}.")


def _take(feature: object, gathering: Gathering, parent: str = "", depth: int = 0) -> None:
    """One feature and its children. Raises ValueError with what is wrong with it."""
    if not isinstance(feature, dict):
        raise ValueError("is not an object")
    if depth > DEEPEST:
        raise ValueError(f"has more than {DEEPEST} levels of children")
    if "geometry" not in feature and feature.keys() & {"coordinates", "geometries"}:
        feature = {"type": "Feature", "geometry": feature}
    properties = feature.pop("properties", None)
    properties = properties if isinstance(properties, dict) else {}
    children = _children(properties)
    if "geometry" not in feature:
        raise ValueError("has no geometry")
    geometry: Any = feature.pop("geometry")
    shapes = [] if geometry is None else list(_shapes(geometry, gathering))
    marks = [gathering.add(mark) for mark in _marks(feature, geometry, properties, shapes, gathering, parent)]
    for child in children:
        _take(child, gathering, marks[0].id if marks else parent, depth + 1)


def _children(properties: Json) -> list[object]:
    key = "childObjects" if "childObjects" in properties else "children"
    return properties.pop(key) if isinstance(properties.get(key), list) else []


def _marks(
    feature: Json, geometry: Json, properties: Json, shapes: list[tuple[BaseGeometry, Kind]], gathering: Gathering, parent: str
) -> Iterator[Annotation]:
    """One for each shape; the first bears the feature's id."""
    if not shapes:
        gathering.note("1 feature without a shape is left out.", "{count} features without a shape are left out.")
        return
    if len(shapes) > 1:
        gathering.note(
            "1 collection of shapes is split into its parts.", "{count} collections of shapes are split into their parts."
        )
    rest: Json = {"parent": parent} if parent else {}
    id, old_type = _id(feature)
    plane = _plane(geometry)
    object_type = _object_type(properties, old_type)
    class_name = _classification(properties, gathering, rest)
    measurements = _measurements(properties, rest)
    name = properties.pop("name", None)
    locked = properties.pop("isLocked", None) is True
    for key in ("type", "coordinates", "isEllipse", "geometries"):
        geometry.pop(key, None)
    feature.pop("type", None)
    rest |= {key: value for key, value in (("feature", feature), ("geometry", geometry), ("properties", properties)) if value}
    kept = json.dumps(rest, separators=(",", ":")) if rest else ""
    for number, (shape, kind) in enumerate(shapes):
        yield Annotation(
            shape, kind, id if number == 0 else new_id(), class_name, "" if name is None else clean(str(name)), locked,
            object_type, measurements, plane, kept,
        )  # fmt: skip


def _id(feature: Json) -> tuple[str, str]:
    """The id, new where there is none, and the type that QuPath 0.2 wrote in its place."""
    id = feature.pop("id", None)
    if isinstance(id, str) and id in _OLD_TYPES:
        return new_id(), id
    if isinstance(id, (str, int)) and not isinstance(id, bool) and clean(str(id)):
        return clean(str(id))[:200], ""
    return new_id(), ""


def _object_type(properties: Json, old: str) -> str:
    for key in ("objectType", "object_type", "type"):
        if isinstance(properties.get(key), str):
            found = clean(properties.pop(key))
            return sys.intern(_OLD_TYPES.get(found, found) or "annotation")
    return _OLD_TYPES.get(old, "annotation")


def _classification(properties: Json, gathering: Gathering, rest: Json) -> str:
    given = properties.pop("classification", None)
    if isinstance(given, str):
        return gathering.class_named(given)
    if not isinstance(given, dict):
        return ""
    names, name = given.pop("names", None), given.pop("name", None)
    if isinstance(names, list) and names and name is None:
        name = ": ".join(str(one) for one in names)
    colour = _colour(given.pop("color", given.pop("colorRGB", None)))
    if given:
        rest["classification"] = given
    return gathering.class_named(str(name), colour) if name is not None else ""


def _colour(given: object) -> Colour | None:
    """Of [red, green, blue], [red, green, blue, alpha] or one signed integer 0xAARRGGBB."""
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, int):
        return (given >> 16 & 255, given >> 8 & 255, given & 255)
    if isinstance(given, list) and len(given) in (3, 4) and all(isinstance(one, (int, float)) for one in given):
        red, green, blue = (min(255, max(0, int(one))) if math.isfinite(one) else 0 for one in given[:3])
        return red, green, blue
    return None


def _measurements(properties: Json, rest: Json) -> Mapping[str, float]:
    """An object, or an array of {name, value} as before QuPath 0.4; what is no number goes to `rest`."""
    given = properties.pop("measurements", None)
    if isinstance(given, list):
        given = {str(one["name"]): one.get("value") for one in given if isinstance(one, dict) and "name" in one}
    if not isinstance(given, dict):
        return {}
    found: dict[str, float] = {}
    for name, value in given.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number or value in ("NaN", "Infinity", "-Infinity"):
            found[sys.intern(name)] = float(value)
        else:
            rest.setdefault("measurements", {})[name] = value
    return found


def _plane(geometry: Json) -> Plane:
    given = geometry.pop("plane", None)
    if not isinstance(given, dict):
        return Plane()
    numbers = {key: value for key, value in given.items() if key in ("c", "z", "t") and isinstance(value, int)}
    return Plane(**numbers)


def _shapes(geometry: Json, gathering: Gathering) -> Iterator[tuple[BaseGeometry, Kind]]:
    """None for an empty geometry. Raises ValueError."""
    if not isinstance(geometry, dict):
        raise ValueError("has a geometry that is not an object")
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for one in geometry["geometries"]:
            yield from _shapes(one, gathering)
        return
    given = geometry.get("coordinates")
    if not isinstance(given, list):
        raise ValueError("has a geometry without coordinates")
    if not given:
        return
    if kind in ("Point", "MultiPoint"):
        yield shapely.MultiPoint(_places([given] if kind == "Point" else given, gathering)), Kind.POINTS
    elif kind == "LineString":
        places = _places(given, gathering)
        yield _line(places), Kind.LINE if len(places) == 2 else Kind.POLYLINE
    elif kind == "MultiLineString":
        yield shapely.MultiLineString([_line(_places(one, gathering)) for one in given]), Kind.POLYLINE
    elif kind == "Polygon":
        yield _area(given, geometry.get("isEllipse") is True, gathering)
    elif kind == "MultiPolygon":
        yield shapely.MultiPolygon([_polygon(one, gathering) for one in given if one]), Kind.POLYGON
    else:
        raise ValueError(f"has a geometry of the unknown type {clean(str(kind))[:40]!r}")


def _area(rings: list[Any], round_: bool, gathering: Gathering) -> tuple[BaseGeometry, Kind]:
    """QuPath's ellipse is the one inscribed in the outline's bounds; an upright outline of four corners is a rectangle."""
    shape = _polygon(rings, gathering)
    if round_:
        x0, y0, x1, y1 = shape.bounds
        whole = math.pi / 4 * (x1 - x0) * (y1 - y0)
        if whole > 0:
            return (shape if abs(shape.area / whole - 1) < 0.02 else ellipse((x0, y0), (x1, y1))), Kind.ELLIPSE
    return shape, Kind.RECTANGLE if is_rectangle(shape) else Kind.POLYGON


def is_rectangle(shape: BaseGeometry) -> bool:
    """Whether a polygon has four corners and upright sides."""
    if shapely.get_num_coordinates(shape) != 5 or shapely.get_num_interior_rings(shape):
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = shapely.get_coordinates(shape)[:4].tolist()
    across = ay == by and bx == cx and cy == dy and dx == ax
    down = ax == bx and by == cy and cx == dx and dy == ay
    return bool((across or down) and ax != cx and ay != cy)


def _polygon(rings: list[Any], gathering: Gathering) -> BaseGeometry:
    outer, *inner = (shapely.linearrings(_closed(_places(one, gathering), gathering)) for one in rings)
    return shapely.polygons(outer, inner or None)


def _closed(places: NDArray[np.float64], gathering: Gathering) -> NDArray[np.float64]:
    """As a ring of four places or more; one of fewer corners has no area and is mended with those that cross themselves."""
    if len(places) < 2 or (places[0] != places[-1]).any():
        gathering.note("1 outline was not closed and is closed now.", "{count} outlines were not closed and are closed now.")
        places = np.concatenate([places, places[:1]])
    return places if len(places) > 3 else np.concatenate([places, np.repeat(places[-1:], 4 - len(places), axis=0)])


def _line(places: NDArray[np.float64]) -> BaseGeometry:
    if len(places) < 2:
        raise ValueError("has a line of one place")
    return shapely.linestrings(places)


def _places(given: list[Any], gathering: Gathering) -> NDArray[np.float64]:
    """(n, 2) float64, level-0 pixels. Raises ValueError."""
    try:
        places = np.array(given, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError("has coordinates that are not numbers") from error
    if places.ndim != 2 or places.shape[0] < 1 or places.shape[1] < 2:
        raise ValueError("has coordinates that are not pairs of x and y")
    if not np.isfinite(places).all():
        raise ValueError("has a coordinate that is not a number")
    if np.abs(places).max() > FARTHEST:
        raise ValueError("has a coordinate beyond 1 000 000 000 pixels")
    if places.shape[1] > 2:
        gathering.note("The third coordinate of 1 shape is left out.", "The third coordinates of {count} shapes are left out.")
        places = np.ascontiguousarray(places[:, :2])
    return places
