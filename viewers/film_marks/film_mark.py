"""A mark on a film as a value: an `Annotation` that says its tool, its frame, and where its text stands."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from viewers.annotations import annotation
from viewers.annotations.annotation import Annotation, Kind, Plane, Point

LONGEST_TEXT = 200
"""Characters of a reader's own words on a film."""


class FilmTool(StrEnum):
    """What a mark measures; kept as its `object_type`."""

    LENGTH = "length"
    ANGLE = "angle"
    COBB = "cobb"
    ELLIPSE = "ellipse roi"
    RECTANGLE = "rectangle roi"
    FREEHAND = "freehand roi"
    PROBE = "probe"
    RATIO = "cardiothoracic"
    ARROW = "arrow"
    CALIBRATION = "calibration"


PLACES = {FilmTool.LENGTH: 2, FilmTool.ANGLE: 3, FilmTool.COBB: 4, FilmTool.RATIO: 4, FilmTool.ARROW: 2, FilmTool.CALIBRATION: 2}
"""How many places each tool of straight strokes takes. An angle's second is its vertex; Cobb and ratio are two strokes of two."""
_KINDS = {
    FilmTool.ELLIPSE: Kind.ELLIPSE, FilmTool.RECTANGLE: Kind.RECTANGLE, FilmTool.FREEHAND: Kind.POLYGON,
    FilmTool.PROBE: Kind.POINTS, FilmTool.LENGTH: Kind.LINE, FilmTool.ARROW: Kind.LINE, FilmTool.CALIBRATION: Kind.LINE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameKey:
    """One frame, wherever its file lies: a digest that stands for the SOP instance, and the frame in it, counted from 0."""

    instance: str
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """What a film's mark carries beside its shape. `label` is the middle of its text, None where it has not been moved."""

    instance: str = ""
    label: Point | None = None
    known_mm: float = 0.0
    """The length a calibration line stands for."""


def film_mark(tool: FilmTool, geometry: BaseGeometry, key: FrameKey, name: str = "", known_mm: float = 0.0) -> Annotation:
    """`name` is the reader's own text."""
    return Annotation(
        geometry,
        kind_of(tool),
        name=name[:LONGEST_TEXT],
        object_type=str(tool),
        plane=Plane(z=key.frame),
        rest=_written(Beside(key.instance, None, known_mm)),
    )


def kind_of(tool: FilmTool) -> Kind:
    """The shape it is kept as; angles and pairs of strokes are polylines."""
    return _KINDS.get(tool, Kind.POLYLINE)


def tool_of(mark: Annotation) -> FilmTool | None:
    """None where it was not made on a film."""
    try:
        return FilmTool(mark.object_type)
    except ValueError:
        return None


def key_of(mark: Annotation) -> FrameKey:
    return FrameKey(beside(mark).instance, mark.plane.z)


def beside(mark: Annotation) -> Beside:
    return _read(mark.rest)


def with_label(mark: Annotation, place: Point | None) -> Annotation:
    """Its text at another place; None: beside the mark again."""
    return replace(mark, rest=_written(replace(beside(mark), label=place)))


def with_text(mark: Annotation, text: str) -> Annotation:
    """The reader's own words."""
    return replace(mark, name=text.strip()[:LONGEST_TEXT])


def shaped(tool: FilmTool, places: Sequence[Point]) -> BaseGeometry:
    """Straight strokes through `places`: one line, or two of two places each. Raises ValueError for a stroke without length."""
    if tool in (FilmTool.COBB, FilmTool.RATIO):
        pairs = (places[:2], places[2:])
        return shapely.MultiLineString([annotation.line(pair) for pair in pairs if len(pair) == 2])
    if len(places) == 3 and (places[0] == places[1] or places[1] == places[2]):
        raise ValueError("an angle needs two sides")
    return annotation.line(places)


def strokes(geometry: BaseGeometry) -> list[NDArray[np.float64]]:
    """The corners of each line of a shape, (n, 2) each."""
    return [shapely.get_coordinates(part) for part in shapely.get_parts(geometry)]


@lru_cache(maxsize=8192)
def _read(rest: str) -> Beside:
    """Whatever a file holds: what is not as it should be counts as absent."""
    try:
        found = json.loads(rest) if rest else {}
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        return Beside()
    label, known = found.get("label"), found.get("known_mm", 0.0)
    there = isinstance(label, list) and len(label) == 2 and all(_is_number(one) for one in label)
    return Beside(
        str(found.get("instance", "")),
        (float(label[0]), float(label[1])) if there and isinstance(label, list) else None,
        float(known) if _is_number(known) and known > 0 else 0.0,
    )


def _written(one: Beside) -> str:
    value: dict[str, object] = {"instance": one.instance}
    if one.label is not None:
        value["label"] = list(one.label)
    if one.known_mm:
        value["known_mm"] = one.known_mm
    return json.dumps(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
