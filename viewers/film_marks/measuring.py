"""What a mark on a film measures: its readings, and what has to be said beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.annotations.annotation import Annotation, Kind
from viewers.figures import counted
from viewers.film_marks import reading, roi, strokes
from viewers.film_marks.calibration import calibrated
from viewers.film_marks.film import Film, Place
from viewers.film_marks.film_mark import FilmTool, beside, tool_of
from viewers.film_marks.film_mark import strokes as strokes_of
from viewers.film_marks.reading import SQUARE, Reading
from viewers.geometry import Spacing
from viewers.sources import GrayscaleSource
from viewers.sources.slice_plane import place_words

PARALLEL = 3.0
"""Degrees that the two strokes of a cardiothoracic ratio may differ before it is said."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`main` leads: what a table's one column shows. `notes` are what a reader must know to trust the values."""

    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()
    place: Place | None = None
    """Of a probe, in the patient."""
    spacing: Spacing | None = None
    """The one all lengths and areas are in."""

    @property
    def main(self) -> Reading | None:
        return self.readings[0] if self.readings else None

    def named(self, name: str) -> Reading | None:
        return next((one for one in self.readings if one.name == name), None)


def measured(mark: Annotation, film: Film, number: int, line: Annotation | None = None) -> Measured:
    """`number` is the frame it lies on, `line` the calibration that holds there. Reads pixels for areas and probes: not for the
    GUI thread. Raises SourceError where they cannot be read."""
    if tool_of(mark) is FilmTool.PROBE:
        return _probe(film, number, shapely.get_coordinates(mark.geometry)[0])
    known, whole = at_once(mark, film, line)
    return known if whole else _area(mark, film, number, known)


def at_once(mark: Annotation, film: Film, line: Annotation | None = None) -> tuple[Measured, bool]:
    """What needs no pixels, so that it can follow the hand, and whether that is all there is."""
    tool = tool_of(mark)
    if tool is FilmTool.PROBE:
        return Measured(), False
    if tool is FilmTool.CALIBRATION and beside(mark).known_mm:
        return Measured((Reading("Known length", beside(mark).known_mm, "mm", "given by the reader"),)), True
    spacing = spacing_of(mark, film, line)
    if mark.has_area:
        return Measured((surface(mark, spacing),), (), None, spacing), False
    return straight(tool, strokes_of(mark.geometry), spacing), True


def spacing_of(mark: Annotation, film: Film, line: Annotation | None) -> Spacing | None:
    """The size of a pixel where a mark lies: by the reader's calibration, else as stated."""
    places = shapely.get_coordinates(mark.geometry)
    by_hand = None
    if line is not None:
        along = shapely.get_coordinates(line.geometry)
        by_hand = calibrated(line, film.spacing(along)) if film.calibrates(along, places) else None
    return by_hand or film.spacing(places)


def straight(tool: FilmTool | None, lines: list[NDArray[np.float64]], spacing: Spacing | None) -> Measured:
    """Of straight strokes, whose corners are (n, 2) pixels each; needs no pixels, so that it can follow the hand."""
    assumed = "" if spacing is not None else SQUARE
    if tool in (FilmTool.LENGTH, FilmTool.CALIBRATION) and lines:
        return Measured((reading.length("Length", strokes.length(lines[0], spacing), spacing),), (), None, spacing)
    if tool is FilmTool.ANGLE and lines and len(lines[0]) == 3:
        return Measured((Reading("Angle", strokes.angle(lines[0], spacing), "°", assumed),), (), None, spacing)
    if tool is FilmTool.COBB and len(lines) == 2:
        return Measured((Reading("Cobb angle", strokes.cobb(lines[0], lines[1], spacing), "°", assumed),), (), None, spacing)
    if tool is FilmTool.RATIO and lines:
        return _ratio(lines, spacing)
    return Measured(spacing=spacing)


def _ratio(lines: list[NDArray[np.float64]], spacing: Spacing | None) -> Measured:
    """The first stroke is the heart at its widest, the second the inner thorax at its widest."""
    widths = [strokes.length(one, spacing) for one in lines]
    found = [reading.length(name, width, spacing) for name, width in zip(("Heart", "Thorax"), widths, strict=False)]
    if len(widths) < 2 or not widths[1] > 0:
        return Measured(tuple(found), (), None, spacing)
    notes = []
    apart = strokes.between(lines[0], lines[1], spacing)
    if apart > PARALLEL:
        notes.append(f"strokes {apart:.0f}° apart, not parallel")
    if widths[0] > widths[1]:
        notes.append("heart wider than thorax: were the strokes drawn heart first?")
    ratio = Reading("Cardiothoracic ratio", widths[0] / widths[1], "", "" if spacing is not None else SQUARE, 2)
    return Measured((ratio, *found), tuple(notes), None, spacing)


def _probe(film: Film, number: int, at: NDArray[np.float64]) -> Measured:
    x, y = float(at[0]), float(at[1])
    place, found = film.place(number, x, y), film.value_at(number, x, y)
    size = film.source.size
    if not (0 <= x < size.width and 0 <= y < size.height):
        return Measured((), ("outside the picture",))
    notes = [f"column {math.floor(x) + 1}, row {math.floor(y) + 1}"]
    if place is not None:
        notes.insert(0, place_words(place))
    if found is None:
        grey = isinstance(film.source, GrayscaleSource)
        return Measured((), ("padding, no value" if grey else "colour, no value", *notes), place)
    return Measured((Reading("Value", *found),), tuple(notes), place)


def surface(mark: Annotation, spacing: Spacing | None) -> Reading:
    """The area inside the outline itself, not of the pixels counted."""
    step = spacing.x_mm * spacing.y_mm if spacing is not None else 1.0
    if mark.kind is Kind.ELLIPSE:
        _, _, across, down = roi.axes(mark.geometry)
        return reading.area("Area", math.pi * across * down * step, spacing)
    return reading.area("Area", mark.geometry.area * step, spacing)


def _area(mark: Annotation, film: Film, number: int, known: Measured) -> Measured:
    """The area that is `known`, and what its pixels hold."""
    tally, unit, padding = roi.Tally(), "", 0
    for region, mask in roi.covered(mark.geometry, mark.kind, film.source.size):
        read = film.values(number, region)
        if read is None:
            return known
        found, unit, padded = read
        tally.add(found[mask])
        padding += padded
    if not tally.seen:
        return replace(known, notes=("holds the centre of no pixel",))
    statistics = tally.statistics
    left_out = tally.seen - (statistics.pixels if statistics is not None else 0)
    notes = [f"{counted(left_out)} pixels of padding left out"] if left_out and padding else []
    if statistics is None:
        return replace(known, notes=tuple(notes))
    if _reaches_out(mark, film):
        notes.append("reaches beyond the picture: values are of the part inside")
    readings = (
        Reading("Mean", statistics.mean, unit),
        Reading("SD", statistics.sd, unit),
        Reading("Minimum", statistics.least, unit),
        Reading("Maximum", statistics.most, unit),
        *known.readings,
        Reading("Pixels", statistics.pixels),
    )
    return replace(known, readings=readings, notes=tuple(notes))


def _reaches_out(mark: Annotation, film: Film) -> bool:
    x0, y0, x1, y1 = mark.geometry.bounds
    size = film.source.size
    return bool(x0 < 0 or y0 < 0 or x1 > size.width or y1 > size.height)
