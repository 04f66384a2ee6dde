"""A measurement as the lines beside its mark, and as one line for a table."""

from __future__ import annotations

from viewers.annotations.annotation import Annotation
from viewers.film_marks.film_mark import FilmTool, tool_of
from viewers.film_marks.measuring import Measured

TITLES = {
    FilmTool.LENGTH: "Length",
    FilmTool.ANGLE: "Angle",
    FilmTool.COBB: "Cobb angle",
    FilmTool.ELLIPSE: "Ellipse",
    FilmTool.RECTANGLE: "Rectangle",
    FilmTool.FREEHAND: "Freehand",
    FilmTool.PROBE: "Probe",
    FilmTool.RATIO: "Cardiothoracic ratio",
    FilmTool.ARROW: "Arrow",
    FilmTool.CALIBRATION: "Calibration",
}
HINTS = {
    FilmTool.LENGTH: "drag from end to end, or click both; Shift keeps to rows or columns",
    FilmTool.ANGLE: "click an end, the vertex, the other end",
    FilmTool.COBB: "one stroke along each end plate",
    FilmTool.ELLIPSE: "drag from corner to corner; Shift makes a circle",
    FilmTool.RECTANGLE: "drag from corner to corner; Shift makes a square",
    FilmTool.FREEHAND: "drag around the area, or click its corners and press Enter",
    FilmTool.PROBE: "click a pixel",
    FilmTool.RATIO: "first the heart at its widest, then the inner thorax at its widest; Shift keeps the second parallel",
    FilmTool.ARROW: "drag from what you mean to where its text stands",
    FilmTool.CALIBRATION: "drag along something of known length, then type it",
}
"""What to do with the tool in the hand."""


def lines(mark: Annotation, found: Measured) -> tuple[str, ...]:
    """What stands beside a mark on the picture; the reader's own words first."""
    tool = tool_of(mark)
    words = [mark.name] if mark.name else []
    mean, sd = found.named("Mean"), found.named("SD")
    if mean is not None and sd is not None:
        least, most = found.named("Minimum"), found.named("Maximum")
        unit = f" {mean.unit}" if mean.unit else ""
        words.append(f"mean {mean.figure}   SD {sd.figure.removesuffix(unit)}")
        if least is not None and most is not None:
            words.append(f"min {least.figure.removesuffix(unit)}   max {most.figure}")
        area = found.named("Area")
        words += [str(area)] if area is not None else []
    elif tool is FilmTool.RATIO:
        ratio = found.named("Cardiothoracic ratio")
        words += [f"CTR {ratio}"] if ratio is not None else []
        words += [f"{one.name.lower()} {one}" for one in found.readings if one.name in ("Heart", "Thorax")]
    elif tool is FilmTool.COBB:
        words += [f"Cobb {one}" for one in found.readings]
    elif tool is FilmTool.CALIBRATION:
        words += [f"{one.figure}, calibrated by the reader" for one in found.readings]
    else:
        words += [str(one) for one in found.readings]
    return (*words, *found.notes)


def value_words(mark: Annotation, found: Measured) -> str:
    """The leading value with its word; of areas the mean and the area."""
    main = found.main
    if main is None:
        return mark.name if tool_of(mark) is FilmTool.ARROW else "; ".join(found.notes)
    if main.name == "Mean":
        return f"mean {main}, {found.named('Area')}"
    return str(main)
