"""The final tables, made from the item files alone: results.csv and results.parquet with the same rows and columns.

They hold no time and no date, so that a run that was broken and resumed gives the same bytes as an unbroken one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

Cell = str | int | float | None
Row = dict[str, Cell]

FIRST = (
    "item",
    "status",
    "reason",
    "kind",
    "modality",
    "width",
    "height",
    "frames",
    "frame",
    "sha256",
    "record",
    "remark",
    "use",
)
NUMBERS = re.compile(r"label\..*\.(contrast|probability)|heatmap\.\d+\.(max|x|y)")
COUNTS = frozenset({"width", "height", "frames", "frame", "embed.dimensions"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def columns(rows: Sequence[Row]) -> list[str]:
    """`FIRST`, then what the tasks added, by task, in order of first appearance."""
    more = dict.fromkeys(name for row in rows for name in row if name not in FIRST)
    return [*FIRST, *sorted(more, key=lambda name: ("label", "draft", "heatmap", "embed").index(name.partition(".")[0]))]


def csv_text(rows: Sequence[Row]) -> str:
    """RFC 4180 with line feeds. A text cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    names = columns(rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([escaped(name) for name in names])
    writer.writerows([escaped(row.get(name)) for name in names] for row in rows)
    return buffer.getvalue()


def escaped(cell: Cell) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def parquet_bytes(rows: Sequence[Row]) -> bytes:
    """The rows as they are (nothing is escaped): int64, float64 or string, null where a row has no value."""
    import pyarrow
    import pyarrow.parquet

    fields = [(name, _kind(name, pyarrow)) for name in columns(rows)]
    table = pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(fields))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _kind(name: str, pyarrow: Any) -> Any:
    if name in COUNTS:
        return pyarrow.int64()
    return pyarrow.float64() if NUMBERS.fullmatch(name) else pyarrow.string()
