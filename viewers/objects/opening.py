"""The one door to objects of others: by their SOP class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewers.errors import SourceError
from viewers.objects import contours, keys, presentation, report, segmentation
from viewers.objects.contents import Unusable
from viewers.objects.said import Said
from viewers.sources import values
from viewers.sources.attached import CONTOURS, KEYS, PRESENTATIONS, REPORTS, SEGMENTATIONS
from viewers.sources.dicom_facts import facts_of
from viewers.sources.header import dataset_of, header_of, sop_class_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def opened(path: Path) -> Said:
    """Reads all of it but the pixels of segmentations. Raises SourceError."""
    kind = sop_class_of(path)
    try:
        if kind in SEGMENTATIONS:
            header = header_of(path)
            return _said(path, header.dataset, segmentation.read(header))
        dataset = dataset_of(path)
        if kind in KEYS:
            return _said(path, dataset, keys.read(dataset))
        if kind in REPORTS:
            return _said(path, dataset, report.read(dataset))
        if kind in PRESENTATIONS:
            return _said(path, dataset, presentation.read(dataset))
        if kind in CONTOURS:
            return _said(path, dataset, contours.read(dataset))
    except Unusable as error:
        raise SourceError(path, f"{path.name} {error}.") from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise SourceError(path, f"{path.name} is damaged: ask for it again from where it came.") from error
    raise SourceError(path, f"{path.name} is no report, presentation state, segmentation or key image list.")


def _said(path: Path, dataset: Dataset, found: dict[str, Any]) -> Said:
    facts = facts_of(dataset)
    said = Said(
        path, uid=values.uid(dataset, "SOPInstanceUID"), patient_key=facts.patient_key, study_key=facts.study_key, **found
    )
    return said if said.layers else replace(said, layers=tuple(dict.fromkeys(one.layer for one in said.graphics if one.layer)))
