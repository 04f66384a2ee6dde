"""Marks in DICOM files: which of the two kinds a file is, and which one is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from viewers.annotations import dicom_ann, dicom_ann_write, dicom_slide, dicom_sr, dicom_sr_write
from viewers.annotations.annotation import Annotation
from viewers.annotations.classes import AnnotationClass
from viewers.annotations.dicom_ann import Refused
from viewers.annotations.found import Gathering, Notes, Progress
from viewers.errors import SourceError
from viewers.geometry import Spacing
from viewers.sources import header, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Form = Literal["ann", "sr"]
"""Microscopy Bulk Simple Annotations for any number of marks; a Comprehensive 3D SR after TID 1500 for a few."""
_ANN = "1.2.840.10008.5.1.4.1.1.91.1"
_SR = ("1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.22")
"""Comprehensive 3D, Comprehensive, Enhanced."""


def read(path: Path, reference: Path | None, gathering: Gathering, progress: Progress) -> None:
    """Raises SourceError, also for a DICOM file of another kind. `reference` is the file of the slide's level 0."""
    dataset = header.dataset_of(path)
    slide = dicom_slide.beside(reference, _instances(dataset)) if reference is not None else None
    kind = values.uid(dataset, "SOPClassUID")
    try:
        if kind != _ANN and kind not in _SR:
            raise Refused(f"is DICOM ({_named(kind)}) but holds no marks: choose a file of annotations or measurements")
        if not dataset.original_encoding[1]:
            raise Refused("is in big-endian byte order, which DICOM has given up: export it again")
        if kind == _ANN:
            dicom_ann.read(dataset, slide, gathering, progress)
        else:
            dicom_sr.read(dataset, slide, gathering)
    except Refused as error:
        raise SourceError(path, f"{path.name} {error}.") from error
    if slide is not None and not slide.fits:
        gathering.note("The marks were made on a DICOM image that is not among this slide's: check that they fit.")
    progress(1.0)


def write(
    path: Path, file: BinaryIO, marks: Sequence[Annotation], classes: Sequence[AnnotationClass], form: Form,
    reference: Path | None, identity: str, spacing: Spacing | None, progress: Progress,
) -> tuple[str, ...]:  # fmt: skip
    """The notes say what DICOM could not hold. Raises SourceError, and what `progress` raises."""
    notes = Notes()
    slide = dicom_slide.referred(reference, identity, notes)
    if form == "ann":
        made = dicom_ann_write.dataset(path, marks, classes, slide, spacing, notes, progress)
    else:
        made = dicom_sr_write.dataset(path, marks, slide, spacing, notes)
    made.save_as(file, enforce_file_format=True)
    return notes.sentences()


def _instances(dataset: Dataset) -> set[str]:
    """The images the marks refer to, by the groups' own reference or the document's evidence."""
    found = {values.uid(one, "ReferencedSOPInstanceUID") for one in values.items(dataset, "ReferencedImageSequence")}
    for study in values.items(dataset, "CurrentRequestedProcedureEvidenceSequence"):
        for series in values.items(study, "ReferencedSeriesSequence"):
            found |= {values.uid(one, "ReferencedSOPInstanceUID") for one in values.items(series, "ReferencedSOPSequence")}
    return found - {""}


def _named(kind: str) -> str:
    from pydicom.uid import UID

    name = UID(kind).name if kind else ""
    return name if name and name != kind else "of an unknown kind"
