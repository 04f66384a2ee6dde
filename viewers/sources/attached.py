"""DICOM objects that belong to images and show nothing by themselves (PS3.4 B.5), by SOP class."""

from __future__ import annotations

from pathlib import Path

from viewers.errors import SourceError

_STORAGE = "1.2.840.10008.5.1.4.1.1"
REPORTS = {f"{_STORAGE}.88.{number}" for number in (11, 22, 33, 34, 35, 40, 50, 65, 67, 68, 69, 70, 71, 72, 73, 75, 76)}
KEYS = {f"{_STORAGE}.88.59"}
PRESENTATIONS = {f"{_STORAGE}.11.{number}" for number in (1, 2, 3, 8)}
SEGMENTATIONS = {f"{_STORAGE}.66.4", f"{_STORAGE}.66.7"}
CONTOURS = {f"{_STORAGE}.481.3"}
ATTACHED = REPORTS | KEYS | PRESENTATIONS | SEGMENTATIONS | CONTOURS


class Attached(SourceError):
    """A file that is no picture but says something about pictures: it is shown with them."""


def attached(path: Path, sop_class: str) -> Attached:
    from pydicom.uid import UID

    kind = UID(sop_class).name.removesuffix(" Storage")
    return Attached(
        path, f"{path.name} is no picture ({kind}) but says something about pictures: open those, it is shown on them."
    )
