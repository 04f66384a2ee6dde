"""The size of a pixel by a line that the reader drew over something of known length."""

from __future__ import annotations

import math
from collections.abc import Iterable

from viewers.annotations.annotation import Annotation
from viewers.film_marks.film_mark import FilmTool, beside, strokes, tool_of
from viewers.film_marks.strokes import length
from viewers.geometry import Provenance, Spacing

LONGEST_MM = 10_000.0


def known_length(text: str) -> float | None:
    """Millimetres as typed: "25", "25 mm", "2.5 cm", a comma for the point; None for anything else, for 0 and for over 10 m."""
    words = text.strip().lower().replace(",", ".").replace("mm", " mm").replace("cm", " cm").split()
    if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("mm", "cm")):
        return None
    try:
        value = float(words[0]) * (10.0 if words[-1] == "cm" else 1.0)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value <= LONGEST_MM else None


def calibration_of(marks: Iterable[Annotation], instance: str) -> Annotation | None:
    """The newest calibration line on any frame of an instance."""
    found = None
    for mark in marks:
        if tool_of(mark) is FilmTool.CALIBRATION and beside(mark).instance == instance and beside(mark).known_mm:
            found = mark
    return found


def calibrated(line: Annotation, stated: Spacing | None) -> Spacing | None:
    """The spacing at which `line` is as long as the reader said. The shape of a pixel stays as stated, square where it is not.

    None where the line has no length.
    """
    measured = sum(length(stroke, stated) for stroke in strokes(line.geometry))
    if not measured > 0:
        return None
    factor = beside(line).known_mm / measured
    across, down = (stated.x_mm, stated.y_mm) if stated is not None else (1.0, 1.0)
    try:
        return Spacing(across * factor, down * factor, Provenance.BY_HAND)
    except ValueError:
        return None
