"""The measurements of a study as rows for a table: those of the picture in front first. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from viewers.annotations.annotation import Annotation
from viewers.errors import SourceError
from viewers.film_marks.calibration import calibration_of
from viewers.film_marks.exported import Valued
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import beside, key_of, tool_of
from viewers.film_marks.measuring import Measured, at_once, measured

NOT_OPEN = "open the picture for its values"


@dataclass(frozen=True, slots=True)
class Picture:
    """An open film with its marks. `readable`: it stands in a pane, so that its pixels may be asked for."""

    path: Path
    film: Film
    marks: tuple[Annotation, ...]
    readable: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One mark of the study. `place` says where: "image 12", or the picture's name where it is not the one in front."""

    path: Path
    valued: Valued
    place: str


Known = dict[str, tuple[Annotation, Annotation | None, Measured]]
"""By a mark's id: as it was, the calibration that held, and what it measured."""


def rows(pictures: Sequence[Picture], front: Path, known: Known, go_on: Callable[[], bool]) -> tuple[Row, ...]:
    """Reads pixels where marks are new. `known` remembers; `go_on` False ends it early. A mark that several pictures show, a
    series and one of its images, is one row: of the one in front, else of one whose pixels may be read."""
    found: dict[str, Row] = {}
    for picture in sorted(pictures, key=lambda one: (one.path != front, not one.readable)):
        for one in _valued(picture, known, go_on):
            found.setdefault(one.mark.id, Row(picture.path, one, _place(picture, one.number, picture.path == front)))
    return tuple(found.values())


def forget_closed(known: Known, held: Sequence[Mapping[str, Annotation]]) -> None:
    """What was measured of marks that none of the open films has any more."""
    for id in [id for id in known if not any(id in marks for marks in held)]:
        del known[id]


def _valued(picture: Picture, known: Known, go_on: Callable[[], bool]) -> list[Valued]:
    numbers = picture.film.numbers
    there = [(numbers[key_of(one)], one) for one in picture.marks if tool_of(one) is not None and key_of(one) in numbers]
    found = []
    for number, mark in sorted(there, key=lambda pair: pair[0]):
        if not go_on():
            break
        line = calibration_of(picture.marks, beside(mark).instance)
        before = known.get(mark.id)
        if before is None or before[0] is not mark or before[1] is not line:
            value, whole = _measured(picture, mark, number, line)
            if whole:
                known[mark.id] = mark, line, value
        else:
            value = before[2]
        found.append(Valued(mark, number, value))
    return found


def _measured(picture: Picture, mark: Annotation, number: int, line: Annotation | None) -> tuple[Measured, bool]:
    """What it measures, and whether that is all there is to know."""
    value, whole = at_once(mark, picture.film, line)
    if whole:
        return value, True
    if not picture.readable:
        return Measured(value.readings, (NOT_OPEN,), None, value.spacing), False
    try:
        return measured(mark, picture.film, number, line), True
    except SourceError as error:
        return Measured(value.readings, (str(error),), None, value.spacing), False


def _place(picture: Picture, number: int, front: bool) -> str:
    image = f"image {number + 1}" if picture.film.source.frames > 1 else ""
    if front:
        return image or "here"
    return ", ".join(word for word in (picture.path.name, image) if word)
