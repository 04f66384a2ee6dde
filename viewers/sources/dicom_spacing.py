"""Millimetres per pixel of a DICOM image, never without the word that says what they mean (PS3.3 10.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewers.geometry import Provenance, Spacing
from viewers.sources import values
from viewers.sources.ultrasound import region_spacing

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PROJECTION = {"CR", "DX", "DR", "MG", "PX", "IO", "RF", "XA", "RG", "RTIMAGE"}


def spacing_of(dataset: Dataset, frame: int = 0) -> tuple[Spacing | None, tuple[str, ...]]:
    """The spacing and notes on values that were not usable. None: only pixels may be shown."""
    measures = values.group(dataset, frame, "PixelMeasuresSequence")
    notes: list[str] = []
    plane = _pair(measures, "PixelSpacing", notes) or _pair(dataset, "PixelSpacing", notes)
    detector = _pair(dataset, "ImagerPixelSpacing", notes)
    modality = values.code(dataset, "Modality")
    if modality == "US" or values.items(dataset, "SequenceOfUltrasoundRegions"):
        region = _ultrasound(dataset)
        if region:
            return region, tuple(notes)
    if modality not in _PROJECTION and detector is None:
        return (_spacing(plane, Provenance.PATIENT) if plane else None), tuple(notes)
    return _projected(dataset, plane, detector, notes), tuple(notes)


def _projected(
    dataset: Dataset, plane: tuple[float, float] | None, detector: tuple[float, float] | None, notes: list[str]
) -> Spacing | None:
    """A projection image: PixelSpacing counts as calibrated only where it says so or differs from the detector's."""
    calibrated = values.text(dataset, "PixelSpacingCalibrationType") or values.text(dataset, "PixelSpacingCalibrationDescription")
    if plane and detector and any(d < p * 0.999 for p, d in zip(plane, detector, strict=True)):
        notes.append("Spacing at the detector is smaller than in the patient, which is impossible: lengths are not shown.")
        return None
    if plane and (calibrated or (detector and not _same(plane, detector))):
        return _spacing(plane, Provenance.CALIBRATED)
    if detector is None:
        return _spacing(plane, Provenance.DETECTOR) if plane else None
    factor = _magnification(dataset)
    if factor is None:
        return _spacing(detector, Provenance.DETECTOR)
    return _spacing((detector[0] / factor, detector[1] / factor), Provenance.MAGNIFIED)


def _magnification(dataset: Dataset) -> float | None:
    """EstimatedRadiographicMagnificationFactor, or distance source–detector over source–patient."""
    factor = values.number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor is None:
        detector = values.number(dataset, "DistanceSourceToDetector")
        patient = values.number(dataset, "DistanceSourceToPatient")
        factor = detector / patient if detector and patient and patient > 0 else None
    return factor if factor is not None and 1.0 <= factor <= 20.0 else None


def _ultrasound(dataset: Dataset) -> Spacing | None:
    """The size of a pixel in the regions with lengths, where all of them agree; else `spacing_over` tells them apart."""
    found = {region_spacing(region) for region in values.items(dataset, "SequenceOfUltrasoundRegions")} - {None}
    return found.pop() if len(found) == 1 else None


def _pair(dataset: Dataset | None, keyword: str, notes: list[str]) -> tuple[float, float] | None:
    """(row spacing, column spacing), both above 0."""
    stated = values.texts(dataset, keyword)
    found = values.numbers(dataset, keyword)
    if len(found) == 2 and found[0] > 0 and found[1] > 0:
        return found[0], found[1]
    if any(stated):
        notes.append(f"{keyword} is not two numbers above 0 and is not used: lengths are in pixels.")
    return None


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= 1e-3 * max(a, b) for a, b in zip(one, other, strict=True))


def _spacing(pair: tuple[float, float], provenance: Provenance) -> Spacing:
    """DICOM gives the distance between rows (y) first."""
    return Spacing(pair[1], pair[0], provenance)
