"""What is to be sent: DICOM files as they are; pictures of a slide's label stay here unless they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.pacs.errors import Refused
from app.pacs.tray import Expected, checked
from viewers.errors import SourceError
from viewers.sources import values
from viewers.sources.header import WHOLE_SLIDE, syntax_of
from viewers.sources.meta import marked
from viewers.sources.opening import beginning

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

HIDDEN = frozenset({"LABEL", "OVERVIEW"})
"""Of ImageType (PS3.3 C.8.12.4.1.1): pictures of the whole glass, which may show who the patient is."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One file that can be sent."""

    path: Path
    sop_class: str
    sop_uid: str
    syntax: str
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one file; `words` is why not, or what the archive remarked."""

    path: Path
    good: bool
    words: str = ""


def look(paths: Iterable[Path], *, labels: bool = False) -> tuple[list[Outgoing], list[Sent]]:
    """What of these files and folders is sent, and what stays here with the reason. Reads files: not for the GUI thread."""
    going, staying = list[Outgoing](), list[Sent]()
    for path in _files(paths):
        try:
            one = _looked(path, labels)
        except (SourceError, Refused) as why:
            staying.append(Sent(path, False, str(why)))
        else:
            going.append(one)
    return going, staying


def _files(paths: Iterable[Path]) -> Sequence[Path]:
    """Files in their order; of a folder those in it, hidden ones left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _looked(path: Path, labels: bool) -> Outgoing:
    if not marked(beginning(path)):
        raise Refused("is no DICOM file with preamble and DICM mark; only those can be sent")
    dataset = checked(path, Expected())
    if not labels and _shows_label(dataset):
        raise Refused("shows the slide's label or the whole glass; it is sent only when that is asked for")
    sop_class, sop_uid = (values.uid(dataset, keyword) for keyword in ("SOPClassUID", "SOPInstanceUID"))
    return Outgoing(path, sop_class, sop_uid, syntax_of(path) or "1.2.840.10008.1.2", path.stat().st_size)


def _shows_label(dataset: Dataset) -> bool:
    if values.uid(dataset, "SOPClassUID") != WHOLE_SLIDE:
        return False
    return values.code(dataset, "SpecimenLabelInImage") == "YES" or bool(HIDDEN & set(values.texts(dataset, "ImageType")))
