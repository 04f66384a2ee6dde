"""Files that something else tells of, a directory or the first bytes in an archive: their values, and what belongs together."""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from viewers.sources import Kind, values
from viewers.sources.coded import BIG_ENDIAN, UID
from viewers.sources.dicom_facts import facts_of
from viewers.sources.folder import STACKS, Item
from viewers.sources.meta import WHOLE_SLIDE
from viewers.sources.who import who_of
from viewers.tags.text import encodings_of, worded
from viewers.tags.walking import Element, VrOf, Walk

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KEPT = {
    0x00100010: "PatientName", 0x00100020: "PatientID", 0x00100021: "IssuerOfPatientID",
    0x00100030: "PatientBirthDate", 0x00100040: "PatientSex",
    0x00080020: "StudyDate", 0x00080030: "StudyTime", 0x00081030: "StudyDescription", 0x0020000D: "StudyInstanceUID",
    0x00080050: "AccessionNumber", 0x00080060: "Modality", 0x0020000E: "SeriesInstanceUID", 0x00200011: "SeriesNumber",
    0x0008103E: "SeriesDescription", 0x00180015: "BodyPartExamined", 0x00185101: "ViewPosition", 0x00200013: "InstanceNumber",
    0x00200060: "Laterality", 0x00200062: "ImageLaterality", 0x00280008: "NumberOfFrames", 0x00280010: "Rows",
    0x00280011: "Columns", 0x00041510: "SOPClassUID", 0x00041511: "SOPInstanceUID", 0x00181030: "ProtocolName",
}  # fmt: skip
_CHARSET = 0x00080005
_LAST = 0x00280011
"""The last of the tags that are kept; nothing after it is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """One file the medium lists, and what its records say of it, from the patient down."""

    kind: str
    """Type of the record: "IMAGE", "SR DOCUMENT"…"""
    parts: tuple[str, ...]
    """Referenced File ID."""
    values: Mapping[str, str]


def values_of(data: bytes, start: int, syntax: str) -> tuple[dict[str, str], bool]:
    """The values kept of a data set whose first bytes, of a Part 10 file, are `data`; whether all of them were reached."""
    little = syntax != BIG_ENDIAN
    file = io.BytesIO(data)
    walk = Walk(file, start, len(data), explicit=syntax != UID, little=little, vr_of=VrOf())
    charset: tuple[str, ...] = ()
    found: dict[str, str] = {}
    for element in walk:
        if element.depth:
            continue
        if element.tag > _LAST:
            return found, True
        if element.tag == _CHARSET:
            charset = encodings_of(text_of(file, element, ()))[0]
        elif element.tag in KEPT:
            found[KEPT[element.tag]] = value_of(file, element, charset, little)
    return found, False


def items_of(images: Mapping[Path, Listed]) -> Iterator[Item]:
    """Files of one series and one size go together, from whichever folders; other images stand alone."""
    groups: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for path, one in images.items():
        said = one.values
        stack = said.get("Modality", "") in STACKS and int(values.integer(_set(said), "NumberOfFrames") or 1) == 1
        slide = said.get("SOPClassUID") == WHOLE_SLIDE
        together = (stack or slide) and said.get("SeriesInstanceUID")
        key = (said["SeriesInstanceUID"], said.get("Rows", ""), said.get("Columns", "")) if together else (str(path),)
        groups[key].append(path)
    for paths in groups.values():
        said = images[paths[0]].values
        paths.sort(key=lambda path: (values.integer(_set(images[path].values), "InstanceNumber") or 0, path))
        modality = values.code(_set(said), "Modality")
        slide = said.get("SOPClassUID") == WHOLE_SLIDE
        frames = (values.integer(_set(said), "NumberOfFrames") or 1) > 1
        kind: Kind = "slide" if slide else "series" if len(paths) > 1 or frames else "radiograph"
        dataset = _set(said)
        facts, who = (None, None) if slide else (facts_of(dataset), who_of(dataset))
        yield Item(paths[0], kind, tuple(paths), "SM" if slide else modality, facts, who, unread=True)


def _set(said: Mapping[str, str]) -> Dataset:
    """As much of a data set as single values are read by."""
    return cast("Dataset", said)


def text_of(file: BinaryIO, element: Element, charset: tuple[str, ...]) -> str:
    file.seek(element.offset)
    return worded(element.vr, file.read(min(element.present, 1024)), charset, True)


def number_of(file: BinaryIO, element: Element, little: bool) -> int:
    file.seek(element.offset)
    data, order = file.read(min(element.present, 4)), "<" if little else ">"
    if len(data) == 2:
        return int(struct.unpack(order + "H", data)[0])
    return int(struct.unpack(order + "I", data)[0]) if len(data) == 4 else 0


def value_of(file: BinaryIO, element: Element, charset: tuple[str, ...], little: bool) -> str:
    """A value that is kept, as text."""
    return str(number_of(file, element, little)) if element.vr == "US" else text_of(file, element, charset)
