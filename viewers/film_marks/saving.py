"""The one door for files of measurements on films: a table, a presentation state or a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from viewers.annotations.found import Notes
from viewers.film_marks import presentation, report, table
from viewers.film_marks.exported import Valued
from viewers.film_marks.film import Film
from viewers.film_marks.presentation import Shown
from viewers.writing import taking_name

Form = Literal["csv", "presentation", "report"]


def save_table(path: Path, sheets: Sequence[table.Sheet]) -> tuple[str, ...]:
    """Raises SourceError; a file that was there before is then untouched."""
    with taking_name(path) as file:
        file.write(table.text(sheets).encode("utf-8", "replace"))
    return ()


def save_dicom(
    path: Path, film: Film, marks: Sequence[Valued], shown: Shown, form: Literal["presentation", "report"]
) -> tuple[str, ...]:
    """The notes say what the file could not hold. Raises SourceError; a file that was there before is then untouched."""
    notes = Notes()
    with taking_name(path) as file:
        if form == "presentation":
            made = presentation.dataset(path, film, marks, shown, notes)
        else:
            made = report.dataset(path, film, marks, notes)
        made.save_as(file, enforce_file_format=True)
    notes.note("The patient's and study's data of the image are in the file, as DICOM demands.")
    return notes.sentences()
