"""GeoJSON as QuPath reads it, with every digit of the coordinates and all that came from other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shapely

from viewers.annotations.annotation import Annotation, Kind, Plane
from viewers.annotations.classes import AnnotationClass, unseen
from viewers.annotations.found import Progress, drawn_as, unheard

_STEP = 1000
"""Marks between two calls of `progress`."""


def texts(marks: Sequence[Annotation], classes: Sequence[AnnotationClass], progress: Progress = unheard) -> Iterator[str]:
    """A FeatureCollection in parts. A mark that was the child of another one that is still there is written inside it."""
    colours = {one.name: one.colour for one in classes}
    kept = [json.loads(one.rest) if one.rest else {} for one in marks]
    numbers = {one.id: number for number, one in enumerate(marks)}
    children: dict[int, list[int]] = {}
    for number, rest in enumerate(kept):
        parent = numbers.get(str(rest.get("parent", "")), number)
        if parent < number:
            children.setdefault(parent, []).append(number)
    inside = {number for found in children.values() for number in found}
    named: dict[str, str] = {}

    def feature(number: int) -> str:
        mark = marks[number]
        below = ",".join(feature(child) for child in children.get(number, ()))
        if mark.class_name not in named:
            named[mark.class_name] = _classification(mark.class_name, colours)
        return _feature(mark, kept[number], named[mark.class_name], below)

    yield '{"type":"FeatureCollection","features":['
    first = True
    for number in range(len(marks)):
        if number % _STEP == 0:
            progress(number / len(marks))
        if number not in inside:
            yield ("\n" if first else ",\n") + feature(number)
            first = False
    progress(1.0)
    yield "\n]}\n"


def _feature(mark: Annotation, rest: dict[str, Any], classification: str, children: str) -> str:
    members = [f'"type":"Feature","id":{_text(mark.id)},"geometry":{_geometry(mark, rest)}']
    members += _members(rest.get("feature"))
    properties = [f'"objectType":{_text(mark.object_type)}']
    if mark.name:
        properties.append(f'"name":{_text(mark.name)}')
    if classification:
        more = "".join(f",{one}" for one in _members(rest.get("classification")))
        properties.append(f'"classification":{{{classification}{more}}}')
    if mark.locked:
        properties.append('"isLocked":true')
    measurements = [f"{_text(name)}:{_number(value)}" for name, value in mark.measurements.items()]
    measurements += _members(rest.get("measurements"))
    if measurements:
        properties.append(f'"measurements":{{{",".join(measurements)}}}')
    properties += _members(rest.get("properties"))
    if children:
        properties.append(f'"childObjects":[{children}]')
    return f'{{{",".join(members)},"properties":{{{",".join(properties)}}}}}'


def _geometry(mark: Annotation, rest: dict[str, Any]) -> str:
    shape = mark.geometry
    if mark.kind is Kind.POINTS and shapely.get_num_geometries(shape) == 1:
        shape = shapely.get_geometry(shape, 0)
    drawn = drawn_as(mark.geometry, rest) if "drawn" in rest else ""
    members = [(drawn or str(shapely.to_geojson(shape))).rstrip("}")]
    if mark.plane != Plane():
        members.append(f'"plane":{{"c":{mark.plane.c},"z":{mark.plane.z},"t":{mark.plane.t}}}')
    if mark.kind is Kind.ELLIPSE or (drawn and rest["drawn"].get("isEllipse")):
        members.append('"isEllipse":true')
    return ",".join(members + _members(rest.get("geometry"))) + "}"


def _classification(name: str, colours: Mapping[str, tuple[int, int, int]]) -> str:
    """Members of QuPath's object; it refuses one without a colour. "A: B" is its derived class B of A."""
    if not name:
        return ""
    colour = json.dumps(list(colours.get(name) or unseen(name).colour))
    parts = name.split(": ")
    key = f'"names":{json.dumps(parts)}' if len(parts) > 1 else f'"name":{_text(name)}'
    return f'{key},"color":{colour}'


def _members(given: object) -> list[str]:
    return [f"{_text(key)}:{json.dumps(_plain(value))}" for key, value in given.items()] if isinstance(given, dict) else []


def _plain(value: object) -> object:
    """With the words QuPath writes for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return _word(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else f'"{_word(value)}"'


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: str) -> str:
    return json.dumps(value)
