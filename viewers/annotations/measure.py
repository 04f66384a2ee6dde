"""Lengths, areas and counts of marks, in µm where the slide's spacing is known and in pixels where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.annotations.annotation import Annotation, Kind, Point
from viewers.geometry import Spacing

Floats = NDArray[np.float64]
_TURNS = 40
"""Steps of the arithmetic-geometric mean; each doubles the right digits, also for the thinnest ellipse."""


@dataclass(frozen=True, slots=True)
class Measures:
    """`unit` is "µm" or "px". What a kind does not have is NaN (a line's area). `centroid` is in level-0 pixels."""

    unit: str
    points: int
    length: float
    area: float
    perimeter: float
    centroid: Point


@dataclass(frozen=True, slots=True)
class Columns:
    """The same for many marks: (n,) each, `centroids` (n, 2) in level-0 pixels."""

    unit: str
    points: NDArray[np.intp]
    lengths: Floats
    areas: Floats
    perimeters: Floats
    centroids: Floats


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many marks bear a class, and the area of those that have one, in `Columns.unit` squared."""

    name: str
    count: int
    area: float


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies inside one area: by class, the marks whose centroid does, and their number per mm² (NaN without a spacing)."""

    id: str
    counts: dict[str, int]
    per_mm2: dict[str, float]


def measured(mark: Annotation, spacing: Spacing | None) -> Measures:
    """Exact for a spacing that differs along x and y; an ellipse by its axes, not by the polygon that stands for it."""
    found = measured_all([mark], spacing)
    x, y = found.centroids[0].tolist()
    return Measures(
        found.unit, int(found.points[0]), float(found.lengths[0]), float(found.areas[0]), float(found.perimeters[0]), (x, y)
    )


def measured_all(marks: Sequence[Annotation], spacing: Spacing | None) -> Columns:
    """`measured` for many at once."""
    across, down = (spacing.x_mm * 1000, spacing.y_mm * 1000) if spacing else (1.0, 1.0)
    shapes = np.empty(len(marks), object)
    shapes[:] = [one.geometry for one in marks]
    round_, solid = _are(marks, Kind.ELLIPSE), np.array([one.has_area for one in marks], np.bool_)
    dots = _are(marks, Kind.POINTS)
    scaled = shapes if across == down else shapely.transform(shapes, lambda places: places * (across, down))
    outlines = np.asarray(shapely.length(scaled), np.float64) * (across if across == down else 1.0)
    areas = np.asarray(shapely.area(shapes), np.float64) * (across * down)
    centroids = shapely.get_coordinates(shapely.centroid(shapes)).reshape(-1, 2)
    if round_.any():
        x0, y0, x1, y1 = shapely.bounds(shapes[round_]).reshape(-1, 4).T
        a, b = (x1 - x0) / 2 * across, (y1 - y0) / 2 * down
        areas[round_], outlines[round_] = math.pi * a * b, ellipse_perimeter(a, b)
        centroids[round_] = np.stack([(x0 + x1) / 2, (y0 + y1) / 2], 1)
    return Columns(
        "µm" if spacing else "px",
        np.where(dots, np.asarray(shapely.get_num_coordinates(shapes)), 0).astype(np.intp),
        np.where(solid | dots, np.nan, outlines), np.where(solid, areas, np.nan), np.where(solid, outlines, np.nan), centroids,
    )  # fmt: skip


def ellipse_perimeter(a: Floats, b: Floats) -> Floats:
    """4 a E(e) for the semi-axes a and b, by the arithmetic-geometric mean (Abramowitz and Stegun 17.6)."""
    longer, shorter = np.maximum(a, b), np.minimum(a, b)
    mean, other = np.ones_like(longer), shorter / longer
    total, weight = (1 - other**2) / 2, 1.0
    for _ in range(_TURNS):
        mean, other, half = (mean + other) / 2, np.sqrt(mean * other), (mean - other) / 2
        total = total + weight * half**2
        weight *= 2
        if not half.any() or np.abs(half).max() < 1e-17:
            break
    return np.asarray(4 * longer * math.pi / (2 * mean) * (1 - total), np.float64)


def counts(marks: Sequence[Annotation], columns: Columns) -> tuple[ClassCount, ...]:
    """Of every class, "" for the unclassified, in the order in which they first appear. `columns` are measured of `marks`."""
    numbers: dict[str, list[int]] = {}
    for number, mark in enumerate(marks):
        numbers.setdefault(mark.class_name, []).append(number)
    return tuple(ClassCount(name, len(found), float(np.nansum(columns.areas[found]))) for name, found in numbers.items())


def inside(marks: Sequence[Annotation], columns: Columns) -> tuple[Inside, ...]:
    """For every mark of kind annotation that has an area: the other marks whose centroid lies in it or on its edge."""
    holders = [number for number, one in enumerate(marks) if one.has_area and one.object_type == "annotation"]
    if not holders:
        return ()
    tree = shapely.STRtree(shapely.points(columns.centroids))
    shapes = np.empty(len(holders), object)
    shapes[:] = [marks[number].geometry for number in holders]
    shapely.prepare(shapes)
    which, held = tree.query(shapes, predicate="intersects")
    found: list[dict[str, int]] = [{} for _ in holders]
    for holder, number in zip(which.tolist(), held.tolist(), strict=True):
        if holders[holder] != number:
            name = marks[number].class_name
            found[holder][name] = found[holder].get(name, 0) + 1
    per_mm2 = [columns.areas[number] / 1e6 if columns.unit == "µm" else math.nan for number in holders]
    return tuple(
        Inside(marks[number].id, one, {name: float(count / area) if area else math.nan for name, count in one.items()})
        for number, one, area in zip(holders, found, per_mm2, strict=True)
    )


def live_text(measures: Measures) -> str:
    """What stands beside a mark while it is drawn: "123.4 µm", "1.23 mm", "0.45 mm²", "3 points"."""
    if not math.isnan(measures.area):
        return area_text(measures.area, measures.unit)
    if not math.isnan(measures.length):
        return length_text(measures.length, measures.unit)
    return "1 point" if measures.points == 1 else f"{measures.points} points"


def length_text(length: float, unit: str) -> str:
    """`length` in `unit`, "µm" or "px"; in mm from 1 mm on."""
    return f"{length / 1000:.2f} mm" if unit == "µm" and length >= 999.95 else f"{length:.1f} {unit}"


def area_text(area: float, unit: str) -> str:
    """`area` in `unit` squared; in mm² from 0.01 mm² on, with three figures."""
    if unit != "µm" or area < 9_999.5:
        return f"{area:.0f} {unit}²"
    return f"{area / 1e6:.3g} mm²" if area < 1e8 else f"{area / 1e6:.0f} mm²"


def _are(marks: Sequence[Annotation], kind: Kind) -> NDArray[np.bool_]:
    return np.array([one.kind is kind for one in marks], np.bool_)
