"""Marks in the XML of ASAP (its `xmlrepository`): read only, in level-0 pixels. The group a mark belongs to is its class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Annotation, Kind
from viewers.annotations.classes import Colour
from viewers.annotations.found import Gathering, clean
from viewers.annotations.geojson import FARTHEST, is_rectangle
from viewers.errors import SourceError, reading

_CHUNK = 2**20
_COLOUR = re.compile(r"#([0-9A-Fa-f]{6})")
_LARGEST = 2**31
_SPLINE_STEPS = 10
"""Places on a spline between two of its points."""


class _Refused(Exception):
    """The rest of a sentence that begins with the file's name."""


def read(file: BinaryIO, gathering: Gathering) -> None:
    """Raises SourceError, also for a DOCTYPE or an entity: ASAP writes none."""
    path = gathering.path
    parsed = _Parsed()
    total = 0
    try:
        while data := _chunk(file, gathering):
            total += len(data)
            if total > _LARGEST:
                raise _Refused("is larger than 2 GB: split it into several files")
            parsed.parser.Parse(data, False)
        parsed.parser.Parse(b"", True)
        if not parsed.is_asap:
            raise _Refused("is XML, but not of ASAP: choose another file")
        colours = parsed.group_colours
        for number, (attributes, places) in enumerate(parsed.annotations, 1):
            _take(number, attributes, places, colours, gathering)
    except expat.ExpatError as error:
        raise SourceError(path, f"{path.name} is not valid XML near line {error.lineno:,}: export it again.") from error
    except _Refused as error:
        raise SourceError(path, f"{path.name} {error}.") from error


def _chunk(file: BinaryIO, gathering: Gathering) -> bytes:
    with reading(gathering.path):
        return file.read(_CHUNK)


class _Parsed:
    """Attributes and places of every annotation, in the order of the file."""

    def __init__(self) -> None:
        self.annotations: list[tuple[dict[str, str], list[tuple[int, float, float]]]] = []
        self.group_colours: dict[str, Colour | None] = {}
        self.is_asap = False
        self._depth = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise _Refused("has a DOCTYPE, which a file of ASAP never has: it may be hostile, export it again")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > 50:
            raise _Refused("is nested too deeply: export it again")
        if self._depth == 1:
            self.is_asap = tag == "ASAP_Annotations"
        elif tag == "Annotation":
            self.annotations.append((attributes, []))
        elif tag == "Group":
            self.group_colours[attributes.get("Name", "")] = _colour(attributes)
        elif tag == "Coordinate" and self.annotations:
            places = self.annotations[-1][1]
            try:
                order = int(float(attributes.get("Order", len(places))))
                places.append((order, float(attributes["X"]), float(attributes["Y"])))
            except (KeyError, ValueError, OverflowError):
                place = len(self.annotations)
                raise _Refused(f"has a coordinate that is not a number in annotation {place}: export it again") from None

    def _end(self, _: str) -> None:
        self._depth -= 1


def _take(
    number: int, attributes: dict[str, str], given: list[tuple[int, float, float]], colours: dict[str, Colour | None],
    gathering: Gathering,
) -> None:  # fmt: skip
    places = np.array([(x, y) for _, x, y in sorted(given, key=lambda one: one[0])], np.float64).reshape(-1, 2)
    if not np.isfinite(places).all() or (np.abs(places) > FARTHEST).any():
        raise _Refused(f"has a coordinate that is no place on a slide in annotation {number}: export it again")
    if not len(places):
        gathering.note("1 annotation without a place is left out.", "{count} annotations without a place are left out.")
        return
    group = attributes.get("PartOfGroup", "None")
    class_name = "" if group in ("None", "") else gathering.class_named(group, colours.get(group) or _colour(attributes))
    name = clean(attributes.get("Name", ""))
    for shape, kind in _shapes(attributes.get("Type", ""), places, gathering):
        gathering.add(Annotation(shape, kind, class_name=class_name, name=name))


def _shapes(type_: str, places: NDArray[np.float64], gathering: Gathering) -> Iterator[tuple[BaseGeometry, Kind]]:
    if type_ in ("Dot", "PointSet") or len(places) == 1:
        yield shapely.MultiPoint(places), Kind.POINTS
    elif type_ == "Measurement" or len(places) == 2:
        yield shapely.linestrings(places), Kind.LINE if len(places) == 2 else Kind.POLYLINE
    else:
        if type_ == "Spline":
            gathering.note("1 spline is drawn as an outline.", "{count} splines are drawn as outlines.")
            places = _spline(places)
        elif type_ not in ("Polygon", "Rectangle"):
            gathering.note("1 annotation of no known type is an area.", "{count} annotations of no known type are areas.")
        shape = shapely.polygons(shapely.linearrings(places))
        yield shape, Kind.RECTANGLE if is_rectangle(shape) else Kind.POLYGON


def _spline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A closed Catmull-Rom curve through `points`."""
    before, after, next_ = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(_SPLINE_STEPS) / _SPLINE_STEPS)[:, None, None]
    curve = points + t / 2 * (
        after - before + t * (2 * before - 5 * points + 4 * after - next_ + t * (3 * (points - after) + next_ - before))
    )
    return np.asarray(np.swapaxes(curve, 0, 1).reshape(-1, 2), np.float64)


def _colour(attributes: dict[str, str]) -> Colour | None:
    found = _COLOUR.fullmatch(attributes.get("Color", ""))
    return (int(found[1][:2], 16), int(found[1][2:4], 16), int(found[1][4:], 16)) if found else None
