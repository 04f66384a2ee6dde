"""Measurements as a table in CSV (RFC 4180, UTF-8): one row for each mark, then one for each class."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence

from viewers.annotations.annotation import Annotation
from viewers.annotations.found import Progress, unheard
from viewers.annotations.measure import Columns, Inside, counts, inside, measured_all
from viewers.geometry import Spacing

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STEP = 1000


def texts(marks: Sequence[Annotation], spacing: Spacing | None, progress: Progress = unheard) -> Iterator[str]:
    """The table in parts. Every header names its unit; an empty cell is what a mark does not have.

    An area of kind annotation also says how many marks of each class lie inside it ("n Tumor"), and how many that is per mm²
    where the spacing is known.
    """
    columns = measured_all(marks, spacing)
    held = {one.id: one for one in inside(marks, columns)}
    classes = list(dict.fromkeys(name for one in held.values() for name in one.counts))
    other = list(dict.fromkeys(name for one in marks for name in one.measurements))
    yield rows_text([[*_header(columns.unit), *(cell_text(name) for name in [*other, *_inside_header(classes, columns.unit)])]])
    for start in range(0, len(marks), _STEP):
        progress(start / len(marks))
        yield rows_text(
            [
                [*_mark(marks[number], number, columns, other), *_inside(marks[number], held, classes, columns.unit)]
                for number in range(start, min(len(marks), start + _STEP))
            ]
        )
    blank = [""] * (len(other) + len(_inside_header(classes, columns.unit)))
    yield rows_text(
        [
            ["class", "", "", "", cell_text(one.name), "", "", "", "", "", cell_number(one.area), "", str(one.count), *blank]
            for one in counts(marks, columns)
        ]
    )
    progress(1.0)


def _header(unit: str) -> list[str]:
    return [
        "row", "id", "type", "shape", "class", "name", "centroid x (px)", "centroid y (px)", "points",
        f"length ({unit})", f"area ({unit}²)", f"perimeter ({unit})", "count",
    ]  # fmt: skip


def _inside_header(classes: Sequence[str], unit: str) -> list[str]:
    titles = [name or "(unclassified)" for name in classes]
    return [f"n {one}" for one in titles] + ([f"{one} per mm²" for one in titles] if unit == "µm" else [])


def _inside(mark: Annotation, held: Mapping[str, Inside], classes: Sequence[str], unit: str) -> list[str]:
    found = held.get(mark.id)
    if found is None:
        return [""] * len(_inside_header(classes, unit))
    numbers = [str(found.counts.get(name, 0)) for name in classes]
    return numbers + ([cell_number(found.per_mm2.get(name, 0.0)) for name in classes] if unit == "µm" else [])


def _mark(mark: Annotation, number: int, columns: Columns, other: Sequence[str]) -> list[str]:
    x, y = columns.centroids[number].tolist()
    points = int(columns.points[number])
    measured = (columns.lengths[number], columns.areas[number], columns.perimeters[number])
    return [
        "mark", cell_text(mark.id), cell_text(mark.object_type), str(mark.kind), cell_text(mark.class_name), cell_text(mark.name),
        cell_number(x), cell_number(y), str(points) if points else "", *(cell_number(float(one)) for one in measured), "1",
        *(cell_number(mark.measurements[name]) if name in mark.measurements else "" for name in other),
    ]  # fmt: skip


def cell_number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""


def cell_text(value: str) -> str:
    """A spreadsheet takes a cell that starts like a formula as one; an apostrophe before it keeps it text."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def rows_text(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
