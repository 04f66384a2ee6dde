"""Measurements on films as a table in CSV (RFC 4180, UTF-8): one row for each value, with its unit and its word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from viewers.annotations.table import cell_number, cell_text, rows_text
from viewers.film_marks.exported import Valued
from viewers.film_marks.film_mark import tool_of
from viewers.film_marks.wording import TITLES

HEADER = (
    "picture", "image", "mark", "measurement", "text", "quantity", "value", "unit", "spacing", "notes",
    "x (px)", "y (px)", "patient x (mm)", "patient y (mm)", "patient z (mm)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """The marks of one picture; `name` is its file's or folder's."""

    name: str
    marks: tuple[Valued, ...]


def text(sheets: Iterable[Sheet]) -> str:
    """The whole table. A mark without a value has one row all the same; images are counted from 1."""
    rows = [list(HEADER)]
    for sheet in sheets:
        for one in sheet.marks:
            rows += _rows(sheet.name, one)
    return rows_text(rows)


def _rows(name: str, one: Valued) -> list[list[str]]:
    tool = tool_of(one.mark)
    x0, y0, x1, y1 = one.mark.geometry.bounds
    start = [
        cell_text(name), str(one.number + 1), cell_text(one.mark.id), TITLES[tool] if tool is not None else "",
        cell_text(one.mark.name),
    ]  # fmt: skip
    place = [cell_number(value) for value in one.found.place] if one.found.place is not None else ["", "", ""]
    end = [cell_text("; ".join(one.found.notes)), cell_number((x0 + x1) / 2), cell_number((y0 + y1) / 2), *place]
    values = [[one.name, cell_number(one.value), cell_text(one.unit), one.word.strip("()")] for one in one.found.readings]
    return [[*start, *value, *end] for value in values or [["", "", "", ""]]]
