"""Standardised uptake values of PET by body weight, only where the header holds everything they need.

SUVbw [g/ml] = activity [Bq/ml] · weight [g] / dose [Bq], the dose decayed to the time the activity is given for. The rules for
which time that is are those of the "vendor-neutral pseudo-code for SUV calculation" of RSNA's QIBA FDG-PET/CT committee, after
PS3.3 C.8.9.1 (Units, DecayCorrection) and C.8.9.2 (radiopharmaceutical).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from viewers.quantities import Scaled
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UNIT = "g/ml SUVbw"
_UNITS = {
    "BQML": "Bq/ml",
    "GML": "g/ml",
    "CNTS": "counts",
    "CM2ML": "cm²/ml",
    "PCNT": "%",
    "CPS": "counts/s",
    "MLMINML": "ml/min/ml",
}
_LONGEST = timedelta(hours=24)


def pet_unit(dataset: Dataset) -> str:
    """The unit of the modality values of a PET image, "" for other images."""
    return _UNITS.get(values.code(dataset, "Units"), "") if values.code(dataset, "Modality") == "PT" else ""


def suv_of(dataset: Dataset) -> tuple[Scaled | None, str]:
    """The factor from modality values to SUVbw; else None and the sentence why there is no SUV, "" for other images."""
    units = values.code(dataset, "Units")
    if values.code(dataset, "Modality") != "PT" or not units:
        return None, ""
    if units == "GML":
        kind = values.code(dataset, "SUVType") or "BW"
        return (Scaled(1.0, UNIT), "") if kind == "BW" else (None, f"The values are SUV of another kind ({kind}).")
    if units != "BQML":
        return None, f"No SUV: the values are in {_UNITS.get(units) or units}, not in Bq/ml."
    lacking = _lacking(dataset)
    if lacking:
        return None, f"No SUV, values are Bq/ml: {lacking}."
    weight, dose = values.number(dataset, "PatientWeight") or 0.0, _decayed(dataset)
    if dose is None:
        return None, "No SUV, values are Bq/ml: the times of injection and scan do not fit together."
    return Scaled(weight * 1000.0 / dose, UNIT), ""


def _lacking(dataset: Dataset) -> str:
    corrected = values.texts(dataset, "CorrectedImage")
    drug = values.item(dataset, "RadiopharmaceuticalInformationSequence")
    weight, dose = values.number(dataset, "PatientWeight"), values.number(drug, "RadionuclideTotalDose")
    half_life = values.number(drug, "RadionuclideHalfLife")
    tests = (
        ("DECY" in corrected and "ATTN" in corrected, "not corrected for decay and attenuation"),
        (values.code(dataset, "DecayCorrection") in ("START", "ADMIN"), "DecayCorrection is neither START nor ADMIN"),
        (weight is not None and 0.1 <= weight <= 700, "no PatientWeight in kg"),
        (dose is not None and dose > 1e3, "no RadionuclideTotalDose in Bq"),
        (half_life is not None and half_life > 0, "no RadionuclideHalfLife"),
    )
    return next((word for good, word in tests if not good), "")


def _decayed(dataset: Dataset) -> float | None:
    """The injected dose in Bq, decayed to the reference time; None where the times are absent or cannot be."""
    drug = values.item(dataset, "RadiopharmaceuticalInformationSequence")
    dose, half_life = values.number(drug, "RadionuclideTotalDose"), values.number(drug, "RadionuclideHalfLife")
    if dose is None or half_life is None:
        return None
    if values.code(dataset, "DecayCorrection") == "ADMIN":
        return dose
    scan = _moment(values.text(dataset, "SeriesDate"), values.text(dataset, "SeriesTime"))
    acquired = _moment(values.text(dataset, "AcquisitionDate"), values.text(dataset, "AcquisitionTime"))
    if scan is None or (acquired is not None and scan > acquired):
        return None  # SeriesTime was changed after the scan, so the reference time is not known
    stated = values.text(drug, "RadiopharmaceuticalStartDateTime")
    start = _moment(stated[:8], stated[8:]) if stated else None
    if start is None:
        start = _moment(values.text(dataset, "SeriesDate"), values.text(drug, "RadiopharmaceuticalStartTime"))
        if start is not None and start > scan:
            start -= timedelta(days=1)  # over midnight: the header names a time without a day
    if start is None or not timedelta(0) <= scan - start <= _LONGEST:
        return None
    return float(dose * 2.0 ** (-(scan - start).total_seconds() / half_life))


def _moment(date: str, time: str) -> datetime | None:
    """DA and TM, or the parts of DT without its zone, as a moment."""
    day, hour = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", date), re.match(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?", time)
    if day is None or hour is None:
        return None
    try:
        whole = datetime(*(int(part) for part in day.groups()), *(int(part or 0) for part in hour.groups()[:3]))  # type: ignore[arg-type]
    except ValueError:
        return None
    return whole + timedelta(seconds=float(hour[4] or 0))
