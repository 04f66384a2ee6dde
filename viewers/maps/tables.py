"""CSV tables of patches with the columns WSInfer writes: minx, miny, width, height, prob_<class>…"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError, reading
from viewers.maps import MOST_CLASSES, MOST_PATCHES, MOST_VALUES, Ground, ValueMap, clean
from viewers.maps.patches import Lattice, mapped, must_fit

if TYPE_CHECKING:
    from pyarrow import RecordBatch

PLACES = ("minx", "miny", "width", "height")
PROBABILITY, OTHER = "prob_", "value_"
"""How a column of probabilities begins, and in our own tables one of other values."""
_LONGEST_HEADER = 65_536


def opened(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """One map for each column prob_…, or for each further column where none is called so. Raises SourceError."""
    columns, separator = _header(path)
    wanted = _classes(path, columns)
    table = _read(path, separator, columns, [*PLACES, *wanted])
    boxes = np.stack([table[name] for name in PLACES], axis=1)
    must_fit(path, boxes, ground.size)
    lattice = Lattice.under(boxes)
    maps = []
    for column in wanted:
        likely = column.startswith(PROBABILITY)
        name, unit = clean(column.removeprefix(PROBABILITY).removeprefix(OTHER)), "probability" if likely else "value"
        maps.append(mapped(path, name, unit, boxes, table[column], lattice))
    return tuple(maps)


def _header(path: Path) -> tuple[list[str], str]:
    """The names of the columns and what stands between them."""
    with reading(path), path.open("rb") as file:
        raw = file.readline(_LONGEST_HEADER)
    try:
        line = raw.decode("utf-8-sig").rstrip("\r\n")
        separator = max(",;\t", key=line.count)
        columns = next(csv.reader([line], delimiter=separator))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise SourceError(path, f"{path.name}: the first line is no header of a CSV table; save it as UTF-8.") from error
    return [column.strip() for column in columns], separator


def _classes(path: Path, columns: list[str]) -> list[str]:
    missing = [name for name in PLACES if name not in columns]
    if missing:
        raise SourceError(
            path, f"{path.name} lacks the column {', '.join(missing)}: a table of patches has minx, miny, width, height, prob_…"
        )
    if len(set(columns)) < len(columns):
        raise SourceError(path, f"{path.name} has two columns of one name: rename one of them.")
    others = [name for name in columns if name and name not in PLACES]
    wanted = [name for name in others if name.startswith(PROBABILITY)] or others
    if not wanted:
        raise SourceError(path, f"{path.name} has places but no column of values: add one, prob_tumor for example.")
    if len(wanted) > MOST_CLASSES:
        raise SourceError(path, f"{path.name} has {len(wanted)} columns of values: leave at most {MOST_CLASSES}.")
    return wanted


def _read(path: Path, separator: str, columns: list[str], wanted: list[str]) -> dict[str, NDArray[np.float64]]:
    """float64 (n,) by column, in pieces of a megabyte so that a file that is no table does not fill the memory."""
    import pyarrow
    from pyarrow import csv as arrow

    forms = arrow.ConvertOptions(
        column_types={name: pyarrow.float64() for name in wanted},
        include_columns=wanted,
        null_values=["", "NA", "N/A", "NaN", "nan", "-nan", "null", "None"],
    )
    read = arrow.ReadOptions(use_threads=False, column_names=columns, skip_rows=1)
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in wanted}
    total = 0
    try:
        with reading(path), path.open("rb") as file:
            stream = arrow.open_csv(file, read, arrow.ParseOptions(delimiter=separator), forms)
            for piece in stream:
                total += piece.num_rows
                if total > MOST_PATCHES or total * len(wanted) > MOST_VALUES:
                    raise SourceError(
                        path,
                        f"{path.name} has more rows than the {MOST_PATCHES:,} that are read: use larger patches.",
                    )
                _add(piece, parts)
    except pyarrow.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise SourceError(path, f"{path.name} holds no patch: it has a header only.") from error
        raise SourceError(path, f"{path.name}: {_reason(str(error))}; make the file anew.") from error
    if total == 0:
        raise SourceError(path, f"{path.name} holds no patch: it has a header only.")
    return {name: np.concatenate(pieces) for name, pieces in parts.items()}


def _add(piece: RecordBatch, parts: dict[str, list[NDArray[np.float64]]]) -> None:
    for name, pieces in parts.items():
        pieces.append(piece.column(name).to_numpy(zero_copy_only=False).astype(np.float64))


def _reason(text: str) -> str:
    """Why a table cannot be read, without a word of what stands in it."""
    if "Expected" in text and "columns" in text:
        return "a row has more or fewer fields than the header"
    if "conversion error" in text:
        return "a field that should be a number is none"
    return "it is no table with one patch a row"
