"""What a DICOM header calls its patient, study and series, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewers.plain_text import one_line
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST = 80
"""Letters kept of one value."""


@dataclass(frozen=True, slots=True)
class Who:
    """Free text, one line each, "" where the header says nothing. For a reader's eyes alone: never for a path, a prompt, a log
    or an export; the first four are shown only when the reader asks."""

    name: str = ""
    """PatientName, "Family, Given"."""
    id: str = ""
    birth_date: str = ""
    """As written, "19620413"."""
    accession: str = ""
    study: str = ""
    """StudyDescription."""
    series: str = ""
    """SeriesDescription, else ProtocolName."""
    series_number: int | None = None


def who_of(dataset: Dataset) -> Who:
    def line(keyword: str) -> str:
        return one_line(values.text(dataset, keyword), MOST)

    return Who(
        name=person(values.text(dataset, "PatientName")),
        id=line("PatientID"),
        birth_date=line("PatientBirthDate"),
        accession=line("AccessionNumber"),
        study=line("StudyDescription"),
        series=line("SeriesDescription") or line("ProtocolName"),
        series_number=values.integer(dataset, "SeriesNumber"),
    )


def person(value: str) -> str:
    """A person name (PS3.5 6.2.1) as it is read: "Family, Given Middle", groups of another script behind it after " = "."""
    groups = []
    for group in value.split("=")[:3]:
        family, _, rest = one_line(group, MOST).partition("^")
        given = " ".join(rest.replace("^", " ").split())
        groups.append(", ".join(part for part in (family.strip(), given) if part))
    return " = ".join(group for group in groups if group)
