"""A Comprehensive 3D SR after TID 1500 (PS3.16) for a few regions: each with its class as finding, and its measures."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers.annotations import codes, dicom_shapes, dicom_slide
from viewers.annotations.annotation import Annotation
from viewers.annotations.dicom_ann_write import concept
from viewers.annotations.found import Notes
from viewers.annotations.measure import Columns, measured_all
from viewers.errors import SourceError
from viewers.figures import counted
from viewers.geometry import Spacing

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_REGIONS = 1000
_DEVICE = "device"


def dataset(path: Path, marks: Sequence[Annotation], slide: Dataset, spacing: Spacing | None, notes: Notes) -> Dataset:
    """The instance to be written at `path`. Raises SourceError for no region or more than `MOST_REGIONS`."""
    from highdicom import sr

    if not marks:
        raise SourceError(path, f"{path.name} is not written: DICOM holds no empty report. Draw a mark first, or use .geojson.")
    pieces = dicom_shapes.parts(marks, notes)
    if len(pieces) > MOST_REGIONS:
        raise SourceError(
            path,
            f"{path.name} is not written: {counted(len(pieces))} regions are more than the {counted(MOST_REGIONS)} a report is "
            "made for; write DICOM annotations (ANN) instead.",
        )
    dicom_shapes.say_what_is_lost(marks, notes, in_groups=False)
    _say_names(pieces, notes)
    columns = measured_all(pieces, spacing)
    source = sr.SourceImageForRegion(slide.SOPClassUID, slide.SOPInstanceUID)
    groups = [_group(mark, number, columns, source, notes) for number, mark in enumerate(pieces)]
    report = sr.MeasurementReport(sr.ObservationContext(observer()), concept(codes.MICROSCOPY), groups)
    with dicom_slide.making(path):
        made: Dataset = sr.Comprehensive3DSR([slide], report, is_complete=True, **dicom_slide.equipment())
    return made


def _group(mark: Annotation, number: int, columns: Columns, source: Any, notes: Notes) -> Any:
    from highdicom import sr

    code, category = codes.of_class(mark.class_name)
    type, places = _graphic(mark)
    if (np.abs(places.astype(np.float32) - places) > 1e-4).any():
        notes.note(
            "1 region is rounded: a report holds places in single precision.",
            "{count} regions are rounded: a report holds places in single precision.",
        )
    if type == "POLYLINE" and not mark.has_area and columns.unit != "µm" and (places[0] == places[-1]).all():
        notes.note(
            "1 line that ends where it begins may be read as an area: without a spacing nothing tells them apart.",
            "{count} lines that end where they begin may be read as areas: without a spacing nothing tells them apart.",
        )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(tracking_uid(mark.id), mark.name or f"{code.meaning} {number + 1}"),
        sr.ImageRegion(type, places, source),
        finding_type=concept(code), finding_category=concept(category), measurements=_measurements(number, columns),
    )  # fmt: skip


def _graphic(mark: Annotation) -> tuple[str, dicom_shapes.Places]:
    """SR has no rectangle and no polygon in two dimensions: a line that ends where it begins (PS3.3 C.18.6.1.2)."""
    type, places = dicom_shapes.graphic(mark)
    if type in ("POLYGON", "RECTANGLE"):
        return "POLYLINE", np.concatenate([places, places[:1]])
    return type, places


def _measurements(number: int, columns: Columns) -> list[Any] | None:
    from highdicom import sr

    if columns.unit != "µm":
        return None
    measured = (
        (codes.AREA, columns.areas[number], codes.SQUARE_MICROMETRE),
        (codes.PERIMETER, columns.perimeters[number], codes.MICROMETRE),
        (codes.LENGTH, columns.lengths[number], codes.MICROMETRE),
    )
    return [sr.Measurement(concept(name), float(value), concept(unit)) for name, value, unit in measured if np.isfinite(value)]


def observer() -> Any:
    """Hilum as the device that observed."""
    from highdicom import sr
    from pydicom.sr.codedict import codes as dictionary

    device = sr.DeviceObserverIdentifyingAttributes(
        dicom_slide.derived_uid(_DEVICE), dicom_slide.MAKER, dicom_slide.MAKER, dicom_slide.MAKER
    )
    return sr.ObserverContext(dictionary.DCM.Device, device)


def tracking_uid(id: str) -> str:
    """The mark's own id as a tracking UID (PS3.5 B.2), so that it is the same in every report; derived where it is no UUID."""
    try:
        return f"2.25.{uuid.UUID(id).int}"
    except ValueError:
        return dicom_slide.derived_uid(f"mark {id}")


def _say_names(marks: Sequence[Annotation], notes: Notes) -> None:
    for name in dict.fromkeys(mark.class_name for mark in marks):
        again = codes.class_of(codes.of_class(name)[0])
        if again != name:
            notes.note(f"Class {name} is written by its code and is read again as {again}.")
