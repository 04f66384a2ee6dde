"""GeoJSON tiles with measurements, as QuPath and WSInfer write them: each tile a rectangle, each measurement a map.

QuPath's `measurements` are an object since 0.4, an array of {name, value} before; NaN and infinities may be strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from viewers.errors import SourceError, reading
from viewers.figures import counted
from viewers.maps import MOST_CLASSES, MOST_PATCHES, Ground, ValueMap, clean
from viewers.maps.patches import Lattice, mapped, must_fit
from viewers.maps.tables import PROBABILITY

MOST_BYTES = 400_000_000
"""Larger files take tens of times their size in memory."""


def opened(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """One map for each measurement. Raises SourceError."""
    boxes: list[tuple[float, float, float, float]] = []
    measured: dict[str, list[float]] = {}
    skipped = 0
    for feature in _features(path):
        box = _rectangle(feature.get("geometry"))
        values = dict(_measurements(feature.get("properties")))
        if box is None or not values:
            skipped += 1
            continue
        for name, value in values.items():
            if name not in measured and len(measured) < MOST_CLASSES:
                measured[name] = []
            if name in measured:
                column = measured[name]
                column.extend([math.nan] * (len(boxes) - len(column)))
                column.append(value)
        boxes.append(box)
        if len(boxes) > MOST_PATCHES:
            raise SourceError(path, f"{path.name} has more than {MOST_PATCHES:,} tiles: use larger ones.")
    if not boxes:
        raise SourceError(path, f"{path.name} holds no rectangle with measurements: it has no map of tiles to show.")
    places = np.array(boxes, np.float64)
    must_fit(path, places, ground.size)
    lattice, maps = Lattice.under(places), []
    for name, column in measured.items():
        filled = np.array(column + [math.nan] * (len(boxes) - len(column)), np.float64)
        unit = "probability" if name.startswith(PROBABILITY) else "measurement"
        maps.append(mapped(path, clean(name.removeprefix(PROBABILITY)), unit, places, filled, lattice))
    word = "object is" if skipped == 1 else "objects are"
    note = (f"{counted(skipped)} {word} no rectangle with measurements and left out.",) if skipped else ()
    return tuple(replace(one, notes=(*one.notes, *note)) for one in maps)


def _features(path: Path) -> Iterator[dict[str, Any]]:
    with reading(path):
        size = path.stat().st_size
    if size > MOST_BYTES:
        raise SourceError(path, f"{path.name} is {size // 10**6} MB of JSON: hand the map over as CSV or HDF5 instead.")
    try:
        with reading(path), path.open(encoding="utf-8-sig") as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise SourceError(path, f"{path.name} is no complete JSON file: write it again.") from error
    if isinstance(found, dict):
        found = found.get("features") if found.get("type") == "FeatureCollection" else [found]
    if not isinstance(found, list):
        raise SourceError(path, f"{path.name} is JSON but holds no features: it is no GeoJSON.")
    return (one for one in found if isinstance(one, dict))


def _rectangle(geometry: object) -> tuple[float, float, float, float] | None:
    """(left, top, width, height) of a polygon that is an upright rectangle; None for any other."""
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon" or geometry.get("isEllipse"):
        return None
    rings = geometry.get("coordinates")
    if not isinstance(rings, list) or len(rings) != 1 or not isinstance(rings[0], list) or not 4 <= len(rings[0]) <= 5:
        return None
    corners = [(_number(one[0]), _number(one[1])) for one in rings[0] if isinstance(one, list) and len(one) >= 2]
    if len(corners) != len(rings[0]):
        return None
    xs, ys = {x for x, _ in corners}, {y for _, y in corners}
    if len(xs) != 2 or len(ys) != 2 or len(set(corners)) != 4 or not all(map(math.isfinite, xs | ys)):
        return None
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _measurements(properties: object) -> Iterable[tuple[str, float]]:
    given = properties.get("measurements") if isinstance(properties, dict) else None
    if isinstance(given, dict):
        return [(str(name)[:200], _number(value)) for name, value in given.items()]
    if isinstance(given, list):
        return [(str(one.get("name"))[:200], _number(one.get("value"))) for one in given if isinstance(one, dict)]
    return []


def _number(value: object) -> float:
    """NaN for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
