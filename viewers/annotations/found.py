"""What a file of marks holds, gathered while it is read: marks, their classes, and what was not as it should be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Annotation, Kind, areas, new_id
from viewers.annotations.classes import AnnotationClass, Colour, unseen
from viewers.errors import SourceError
from viewers.figures import counted
from viewers.geometry import Size

MOST_MARKS = 5_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

Progress = Callable[[float], None]
"""Gets the share that is done, 0 … 1. It may raise `Stopped`: then nothing is loaded and no file is changed."""


class Stopped(Exception):
    """The reader stopped the loading or saving."""


def unheard(_: float) -> None:
    """A `Progress` nobody listens to."""


@dataclass(frozen=True, slots=True)
class Found:
    """`notes` are sentences for the reader: what was mended, split or left out."""

    marks: tuple[Annotation, ...]
    classes: tuple[AnnotationClass, ...]
    notes: tuple[str, ...]


class Notes:
    """What happened to marks, counted, as sentences for the reader."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], int] = {}

    def note(self, one: str, many: str = "") -> None:
        """Something that happened to one mark; `many`, with {count}, is said when it happened to several."""
        self._times[one, many] = self._times.get((one, many), 0) + 1

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            many.format(count=counted(times)) if times > 1 and many else one for (one, many), times in self._times.items()
        )


class Gathering:
    """Marks with unique ids and valid areas, classes with one colour each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks: list[Annotation] = []
        self._ids: set[str] = set()
        self._colours: dict[str, Colour | None] = {}
        self._named: dict[str, str] = {}
        self._notes = Notes()

    def add(self, mark: Annotation) -> Annotation:
        """The mark as it is taken: with an id of its own. Raises SourceError beyond the limit."""
        if len(self._marks) >= MOST_MARKS:
            raise SourceError(
                self.path, f"{self.path.name} holds more than {counted(MOST_MARKS)} marks: split it into several files."
            )
        if not mark.id or mark.id in self._ids:
            self.note("1 mark had the id of another and got a new one.", "{count} marks had the ids of others and got new ones.")
            mark = replace(mark, id=new_id())
        self._ids.add(mark.id)
        self._marks.append(mark)
        return mark

    def class_named(self, raw: str, colour: Colour | None = None) -> str:
        """The class's name as it can be shown. The first colour a file states for a class is the one that counts."""
        name = self._named.get(raw)
        if name is None:
            name = self._named[raw] = clean(raw)[:80].strip()
            if name != raw:
                self.note(
                    "The name of 1 class was shortened or cleaned.", "The names of {count} classes were shortened or cleaned."
                )
        if not name:
            return ""
        known = self._colours.get(name)
        if known is None:
            self._colours[name] = colour
        elif colour is not None and colour != known:
            self.note(f"Class {name} has more than one colour; the first is used.")
        return name

    def note(self, one: str, many: str = "") -> None:
        """Something that happened to one mark; `many`, with {count}, is said when it happened to several."""
        self._notes.note(one, many)

    def found(self, size: Size) -> Found:
        """All of it, `size` being the slide's level 0."""
        self._mend()
        self._look_outside(size)
        classes = tuple(
            unseen(name) if colour is None else replace(unseen(name), colour=colour) for name, colour in self._colours.items()
        )
        return Found(tuple(self._marks), classes, self._notes.sentences())

    def _mend(self) -> None:
        """Areas that cross themselves become valid; how they were drawn is kept in `rest` for as long as they stay so."""
        numbers = [number for number, mark in enumerate(self._marks) if mark.has_area]
        shapes = np.array([self._marks[number].geometry for number in numbers], object)
        for number in np.asarray(numbers, np.intp)[~np.asarray(shapely.is_valid(shapes), np.bool_)]:
            mark = self._marks[int(number)]
            try:
                shape, kind = areas(mark.geometry), Kind.POLYGON
                self.note(
                    "1 outline crosses itself: every part it encloses counts as its area.",
                    "{count} outlines cross themselves: every part they enclose counts as their area.",
                )
            except ValueError:
                shape, kind = _without_area(mark.geometry)
                self.note(
                    "1 outline encloses no area and is kept as a line.", "{count} outlines enclose no area and are kept as lines."
                )
            self._marks[int(number)] = replace(mark, geometry=shape, kind=kind, rest=_with_drawn(mark, shape))

    def _look_outside(self, size: Size) -> None:
        if not self._marks:
            return
        bounds = shapely.bounds(np.array([mark.geometry for mark in self._marks], object)).reshape(-1, 4)
        outside = (bounds[:, 0] > size.width) | (bounds[:, 1] > size.height) | (bounds[:, 2] < 0) | (bounds[:, 3] < 0)
        if count := int(outside.sum()):
            which = "1 mark lies" if count == 1 else f"{counted(count)} marks lie"
            picture = f"{counted(size.width)} × {counted(size.height)} pixels"
            self.note(f"{which} outside the slide's {picture}: check that the file belongs to this slide.")


def drawn_as(geometry: BaseGeometry, rest: dict[str, object]) -> str:
    """GeoJSON of the shape as it was drawn before it was mended, "" when it was not or has been changed since."""
    drawn = rest.get("drawn")
    if isinstance(drawn, dict) and drawn.get("mended") == _print_of(geometry):
        return str(drawn.get("geometry", ""))
    return ""


def clean(text: str) -> str:
    """One line without control characters and half letters, trimmed."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _CONTROL.sub(" ", whole).strip()


def _with_drawn(mark: Annotation, mended: BaseGeometry) -> str:
    rest = json.loads(mark.rest) if mark.rest else {}
    kind = {"isEllipse": True} if mark.kind is Kind.ELLIPSE else {}
    rest["drawn"] = {"geometry": shapely.to_geojson(mark.geometry), "mended": _print_of(mended), **kind}
    return json.dumps(rest, separators=(",", ":"))


def _print_of(geometry: BaseGeometry) -> str:
    return sha256(shapely.to_wkb(geometry)).hexdigest()[:16]


def _without_area(geometry: BaseGeometry) -> tuple[BaseGeometry, Kind]:
    places = shapely.get_coordinates(geometry)
    distinct = places[np.r_[True, np.any(places[1:] != places[:-1], axis=1)]]
    if len(distinct) < 2:
        return shapely.MultiPoint(distinct), Kind.POINTS
    return shapely.LineString(distinct), Kind.POLYLINE
