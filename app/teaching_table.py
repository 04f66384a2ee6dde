"""The table that an adapter is taught from: a CSV with the columns image, prompt, text, patient and split, the first row naming
them. `prompt` may be empty or missing (a report is asked for), `split` may be missing (patients are held out by their hash)."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.questions import Picture
from viewers.errors import SourceError

if TYPE_CHECKING:
    from inference.adapters.lessons import Lesson

HELD_OUT = 0.1
"""Share of the patients that are held out where the table has no column split."""
NEEDED = ("image", "text", "patient")
KNOWN = (*NEEDED, "prompt", "split")
SHOWN = 5
"""Complaints that are shown; the others are counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """`line` as a text editor counts it, the last of a row that takes several;
    `split` "train", "test" or "" where the table does not say."""

    line: int
    image: Path
    prompt: str
    text: str
    patient: str
    split: str


def read(path: Path) -> tuple[Lesson, ...]:
    """The lessons of a table; images are named from the table's folder on. Raises SourceError, which names what is wrong line by
    line: a column or a file that is missing, an empty text or patient, a picture and prompt or a picture that stands there twice
    for two patients, a patient who is both learnt from and held out."""
    from inference.adapters.lessons import Lesson

    rows = list(_rows(path))
    wrong = [*_wrong(rows), *_leaks(rows)]
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise SourceError(path, f"{path} cannot be taught from: {'; '.join(wrong[:SHOWN])}{more}")
    return tuple(
        Lesson(f"line {row.line}", str(row.image), row.patient, row.prompt, row.text, row.split == "test") for row in split(rows)
    )


def split(rows: Sequence[Row]) -> list[Row]:
    """With every row's split: as the table says, else "test" for the tenth of the patients whose hash is lowest, and for the one
    with the lowest of all where that is nobody. Who is held out does not change when other patients are added."""
    if any(row.split for row in rows):
        return list(rows)
    place = {row.patient: int(hashlib.sha256(row.patient.encode()).hexdigest()[:16], 16) / 2**64 for row in rows}
    limit = max(HELD_OUT, min(place.values(), default=0.0) + 1e-12)
    return [replace(row, split="test" if place[row.patient] < limit else "train") for row in rows]


def picture(model: str) -> Callable[[str], Picture]:
    """What gives the picture of a lesson as an engine with the drafter `model` would get it; raises SourceError."""
    from app.analysis import model_picture
    from app.spacings import open_source
    from inference.catalogue import facts
    from viewers.geometry import Region

    windows = facts(model).ct_windows

    def read(image: str) -> Picture:
        with closing(open_source(Path(image))) as source:
            return model_picture(source, Region.whole(source.size), ct_windows=windows)

    return read


def _rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            if missing := [name for name in NEEDED if name not in names]:
                raise SourceError(
                    path, f"{path} has no column {missing[0]}; its first row names the columns image, prompt, text, patient and "
                    "split, with commas between"
                )  # fmt: skip
            reader.fieldnames = names
            for cells in reader:
                yield _row(path.parent, reader.line_num, cells)
    except OSError as error:
        raise SourceError(path, f"{path} cannot be read ({error.strerror}); check the path and its rights") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(path, f"{path} is no CSV in UTF-8 ({error}); save it as one") from error


def _row(folder: Path, line: int, cells: Mapping[str, str | None]) -> Row:
    image, prompt, text, patient, split = (
        (cells.get(name) or "").strip() for name in ("image", "prompt", "text", "patient", "split")
    )
    return Row(line, folder / image if image else Path(), prompt, text, patient, split.lower())


def _wrong(rows: Sequence[Row]) -> Iterator[str]:
    asked: dict[tuple[Path, str], int] = {}
    splits = any(row.split for row in rows)
    for row in rows:
        if row.image == Path() or not row.image.exists():
            yield f"line {row.line}: the picture {row.image if row.image != Path() else '(empty)'} is not there"
        for name in ("text", "patient"):
            if not getattr(row, name):
                yield f"line {row.line}: {name} is empty"
        if splits and row.split not in ("train", "test"):
            yield f"line {row.line}: split is {row.split!r}, not train or test"
        first = asked.setdefault((row.image.resolve(), row.prompt), row.line)
        if first != row.line:
            yield f"line {row.line}: the same picture and prompt as line {first}"


def _leaks(rows: Sequence[Row]) -> Iterator[str]:
    """Patients on both sides, and pictures that two patients have, by the bytes of their files."""
    from inference import checksums

    side: dict[str, Row] = {}
    owner: dict[str, Row] = {}
    for row in rows:
        first = side.setdefault(row.patient, row)
        if first.split != row.split:
            yield f"line {row.line}: the patient {row.patient} is learnt from and held out, see line {first.line}"
        if row.image.is_file():
            known = owner.setdefault(checksums.of_file(row.image), row)
            if known.patient != row.patient:
                yield f"line {row.line}: the same picture as line {known.line}, of another patient"
