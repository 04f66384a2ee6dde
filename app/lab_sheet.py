"""The rows of a laboratory sheet as a model copied them, looked at by our own arithmetic, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from app.batch.table import escaped
from app.ranges import Verdict, compared
from app.reports.sentences import plain
from inference import forms, schema
from inference.answers import Draft
from inference.errors import ModelFailed

NO_ROW = "No row was read: the page shows no table that the model could copy, or none of results."
CUT = "The page was not read to its end: rows are missing. Select a part of the table and read it again."
_NUMBER = re.compile(r"[+-][0-9]+(?:[.,][0-9]+)?")
_SAYS: Mapping[str, tuple[Verdict, ...]] = {
    "L": ("below",), "LL": ("below",), "H": ("above",), "HH": ("above",), "N": ("within",), "A": ("below", "above"),
    "AA": ("below", "above"),
}  # fmt: skip
"""Where a value lies by its printed flag (HL7 v2 table 0078). "<" and ">" tell of the instrument, not of the range."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it is printed; "" where the page says nothing. `flag` is one of HL7 v2 table 0078."""

    test: str
    value: str
    unit: str
    reference: str
    flag: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A row, where its value lies in its own range, and what is to be looked at twice, "" where nothing is."""

    row: Row
    verdict: Verdict
    remark: str


def rows_of(draft: Draft) -> tuple[Row, ...]:
    """The rows of an answer in the form of resources/schemas/lab.json. Raises ModelFailed for any other text."""
    found = forms.fitting(draft.text, schema.load(forms.LAB))
    return tuple(Row(**{name: plain(text).strip() for name, text in one.items()}) for one in found["rows"])


def judged(rows: Sequence[Row]) -> tuple[Judged, ...]:
    """Each row by what it says itself; tests that stand there with different values say so."""
    values: dict[str, set[str]] = {}
    for row in rows:
        values.setdefault(row.test.casefold(), set()).add(f"{row.value} {row.unit}")
    return tuple(_judged(row, row.test != "" and len(values[row.test.casefold()]) > 1) for row in rows)


def _judged(row: Row, twice: bool) -> Judged:
    found = compared(row.value, row.reference, row.unit)
    remarks = [f"not compared: {found.why}"] if found.why else []
    known = _SAYS.get(row.flag)
    if found.verdict in ("below", "above"):
        remarks.append(f"{found.verdict} its printed range")
    if known and not found.why and found.verdict not in known:
        remarks.append(f"the flag {row.flag} does not go with value and range")
    if twice:
        remarks.append("stands more than once, with different values")
    if not row.test:
        remarks.append("no test is named")
    return Judged(row, found.verdict, "; ".join(remarks))


def summed(rows: Sequence[Judged]) -> str:
    """How many rows lie where, in one line."""
    if not rows:
        return NO_ROW
    counts = Counter(one.verdict for one in rows)
    places = [f"{counts[verdict]} {verdict}" for verdict in ("below", "above", "within", "not compared") if counts[verdict]]
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''}: {', '.join(places)}"


def csv_text(names: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """RFC 4180 with line feeds. What a spreadsheet would take for a formula gets an apostrophe in front; numbers do not."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(cell) for cell in line] for line in lines)
    return buffer.getvalue()


def sheet_csv(rows: Sequence[Judged]) -> str:
    """The rows as they are printed, with our verdict and remark behind them."""
    names = [*(one.name for one in fields(Row)), "range check", "remark"]
    return csv_text(names, [(*astuple(one.row), one.verdict, one.remark) for one in rows])


def any_table(text: str, form: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]] | None:
    """Columns and lines of an answer in a form of the reader's own, where it holds exactly one list of flat objects; else None.
    Raises ModelFailed and SchemaRefused."""
    found = forms.fitting(text, forms.parsed(form))
    lists = [one for one in found.values() if isinstance(one, list)] if isinstance(found, dict) else []
    if len(lists) != 1 or not all(isinstance(one, dict) for one in lists[0]):
        return None
    names = tuple(dict.fromkeys(name for one in lists[0] for name in one))
    lines = [tuple(one.get(name) for name in names) for one in lists[0]]
    return None if any(isinstance(cell, dict | list) for line in lines for cell in line) else (names, lines)


def must_say_something(draft: Draft) -> None:
    """Raises ModelFailed where nothing came at all."""
    if not draft.text.strip():
        raise ModelFailed(f"the model {draft.receipt.model} wrote nothing; read the page again")


def harmless(cell: str) -> str:
    """A cell as a spreadsheet may have it: never a formula, without control characters."""
    cell = " ".join(plain(cell).split())
    return cell if _NUMBER.fullmatch(cell) else str(escaped(cell))


def _cell(cell: Any) -> Any:
    return harmless(cell) if isinstance(cell, str) else cell
