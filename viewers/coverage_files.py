"""Coverage as files: a table of cells, outlines by class, a picture. No Qt."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.coverage import POWERS, ZOOMS, Coverage
from viewers.runs import runs

FORMS = {".csv": "Table of cells (*.csv)", ".geojson": "Outlines (*.geojson)", ".png": "Picture (*.png)"}
COLOURS: tuple[tuple[int, int, int, int], ...] = (
    (0, 0, 0, 0),
    (253, 231, 37, 64),
    (94, 201, 98, 64),
    (33, 145, 140, 64),
    (59, 82, 139, 56),
    (70, 74, 80, 130),
)
"""Straight RGBA of each class of `Coverage.classes`: steps of viridis, told apart without colour vision; grey: unseen tissue."""
_LEAST_PNG = 1024


def names(objective: float | None) -> tuple[str, ...]:
    """Of each class of `Coverage.classes`."""
    a, b, c = (f"{power:g}×" for power in POWERS) if objective is not None else (f"{100 * zoom:g} %" for zoom in ZOOMS)
    return "not seen", f"< {a}", f"{a} – {b}", f"{b} – {c}", f"≥ {c}", "tissue not seen"


def coloured(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 RGBA (rows, columns, 4), straight alpha."""
    return np.asarray(COLOURS, np.uint8)[classes]


def to_csv(coverage: Coverage) -> bytes:
    """A line for each cell that was seen or holds tissue, in level-0 pixels; `power` is empty for a slide without spacing."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("x", "y", "width", "height", "scale", "power", "seconds", "tissue"))
    known = coverage.tissue is not None
    tissue = coverage.tissue if coverage.tissue is not None else np.zeros(coverage.scale.shape, np.bool_)
    cell, size = coverage.cell, coverage.size
    for row, column in zip(*np.nonzero((coverage.scale > 0) | tissue), strict=True):
        x, y = int(column) * cell, int(row) * cell
        scale = float(coverage.scale[row, column])
        power = "" if coverage.objective is None else f"{scale * coverage.objective:.4g}"
        width, height = min(cell, size.width - x), min(cell, size.height - y)
        seconds = f"{float(coverage.seconds[row, column]):.2f}"
        writer.writerow((x, y, width, height, f"{scale:.4g}", power, seconds, int(tissue[row, column]) if known else ""))
    return text.getvalue().encode()


def to_geojson(coverage: Coverage) -> bytes:
    """One feature for each class that occurs, level-0 pixels, as QuPath reads it (objectType, classification, measurements)."""
    classes, features = coverage.classes(), []
    for number, name in enumerate(names(coverage.objective)):
        cells = classes == number
        if number == 0 or not cells.any():
            continue
        seconds = coverage.seconds[cells]
        features.append(
            {
                "type": "Feature",
                "id": str(uuid.uuid4()),
                "geometry": shapely.geometry.mapping(_outline(coverage, cells)),
                "properties": _properties(name, number, int(cells.sum()), float(seconds.sum())),
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def to_png(coverage: Coverage) -> bytes:
    """The classes in colour, each cell a square of whole pixels, transparent where nothing is to say."""
    from PIL import Image

    pixels = coloured(coverage.classes())
    times = max(1, round(_LEAST_PNG / max(pixels.shape[:2])))
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(times, 0).repeat(times, 1)).save(buffer, "PNG")
    return buffer.getvalue()


WRITERS = {".csv": to_csv, ".geojson": to_geojson, ".png": to_png}


def _properties(name: str, number: int, cells: int, seconds: float) -> dict[str, Any]:
    label = name if number == 5 else f"Seen at {name}"
    return {
        "objectType": "annotation",
        "name": label,
        "classification": {"name": label, "color": list(COLOURS[number][:3])},
        "measurements": {"Cells": cells, "Seconds per cell, mean": round(seconds / cells, 3)},
        "isLocked": True,
    }


def _outline(coverage: Coverage, cells: NDArray[np.bool_]) -> shapely.geometry.base.BaseGeometry:
    """Runs of cells row by row, united."""
    rows, starts, ends = runs(cells)
    cell, size = coverage.cell, coverage.size
    right, bottom = np.minimum(ends * cell, size.width), np.minimum((rows + 1) * cell, size.height)
    return shapely.union_all(shapely.box(starts * cell, rows * cell, right, bottom))
