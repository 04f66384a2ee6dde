"""Coded facts and opaque keys out of a DICOM header, and where a slice lies in the patient."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.sources import values
from viewers.sources.facts import Facts
from viewers.sources.lossiness import lossy_words
from viewers.sources.slice_plane import SIDES, axes_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_VIEWS = {
    "399348003": "AP", "R-10206": "AP", "272479007": "PA", "R-10214": "PA", "R-40888": "PA",
    "399198007": "RL", "R-10232": "RL", "399173006": "LL", "R-10236": "LL", "399067008": "LATERAL", "R-102CD": "LATERAL",
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO", "399260004": "ML", "R-10224": "ML",
    "399352003": "LM", "R-10228": "LM", "399099002": "LMO", "R-10230": "LMO", "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO", "441555000": "ISO", "R-40AAA": "ISO",
    "399265009": "XCC", "R-102CF": "XCC", "399192008": "XCCL", "R-1024A": "XCCL", "399101009": "XCCM", "R-1024B": "XCCM",
}  # fmt: skip
"""SNOMED CT and SNOMED-RT codes of views (PS3.16 CID 4010 and 4014) as ViewPosition writes them (PS3.3 C.8.11.5, C.8.1.1)."""
_PARTS = {"51185008": "CHEST", "T-D3000": "CHEST", "76752008": "BREAST", "T-04000": "BREAST"}
"""Anatomic regions (PS3.16 CID 4009) as BodyPartExamined writes them."""


def facts_of(dataset: Dataset) -> Facts:
    patient, study = values.text(dataset, "PatientID"), values.uid(dataset, "StudyInstanceUID")
    right, bottom = edges(dataset)
    return Facts(
        sop_class=values.uid(dataset, "SOPClassUID"),
        view=_view(dataset),
        body_part=_body_part(dataset),
        laterality=_laterality(dataset),
        study_date=_date(values.text(dataset, "StudyDate")),
        study_time=_time(values.text(dataset, "StudyTime")),
        patient_key=_key("patient", values.text(dataset, "IssuerOfPatientID"), patient) if patient else "",
        study_key=_key("study", study) if study else "",
        series_key=_key("series", found) if (found := values.uid(dataset, "SeriesInstanceUID")) else "",
        instance=values.integer(dataset, "InstanceNumber"),
        right_edge=right,
        bottom_edge=bottom,
        plane=_plane(axes_of(dataset)),
        frame_key=_key("frame", found) if (found := values.uid(dataset, "FrameOfReferenceUID")) else "",
        birth_key=_key("birth", patient, born) if (born := _date(values.text(dataset, "PatientBirthDate"))) else "",
        sex=values.code(dataset, "PatientSex"),
        name_key=_key("name", patient, name) if (name := _family_name(dataset)) else "",
        lossy=lossy_words(dataset),
    )


def edges(dataset: Dataset, frame: int = 0) -> tuple[str, str]:
    """Orientation letters at the right and the bottom edge of a frame; "" where the header does not tell."""
    axes = axes_of(dataset, frame)
    if axes is not None:
        return direction_letters(axes[0]), direction_letters(axes[1])
    stated = values.texts(dataset, "PatientOrientation")
    if len(stated) == 2 and all(re.fullmatch(r"[LRAPHF]{1,3}", one) for one in stated):
        return stated[0], stated[1]
    return "", ""


def direction_letters(direction: NDArray[np.float64]) -> str:
    """The patient's directions along a vector, the strongest first; parts below 0.3 (about 17°) are left out."""
    order = np.argsort(-np.abs(direction))
    return "".join(SIDES[axis][0 if direction[axis] > 0 else 1] for axis in order if abs(direction[axis]) > 0.3)


def _plane(axes: NDArray[np.float64] | None) -> str:
    """By the direction of the normal; within about 25° of an axis of the patient it counts as that axis'."""
    if axes is None:
        return ""
    normal = np.abs(np.cross(axes[0], axes[1]))
    return ("SAGITTAL", "CORONAL", "AXIAL")[int(normal.argmax())] if normal.max() > 0.9 else "OBLIQUE"


def _family_name(dataset: Dataset) -> str:
    """The first component (PS3.5 6.2.1), in small letters and without accents, blanks and signs."""
    first = values.text(dataset, "PatientName").split("=")[0].split("^")[0]
    return "".join(letter for letter in unicodedata.normalize("NFKD", first).casefold() if letter.isalpha())


def _view(dataset: Dataset) -> str:
    stated = values.code(dataset, "ViewPosition")
    return stated or _VIEWS.get(values.text(values.item(dataset, "ViewCodeSequence"), "CodeValue"), "")


def _body_part(dataset: Dataset) -> str:
    stated = values.code(dataset, "BodyPartExamined")
    return stated or _PARTS.get(values.text(values.item(dataset, "AnatomicRegionSequence"), "CodeValue"), "")


def _laterality(dataset: Dataset) -> str:
    """The image's own before its series'; of a frame's anatomy the first (C.7.6.16.2.8)."""
    anatomy = values.group(dataset, 0, "FrameAnatomySequence")
    for part, keyword in ((dataset, "ImageLaterality"), (anatomy, "FrameLaterality"), (dataset, "Laterality")):
        stated = values.code(part, keyword)
        if stated in ("L", "R", "B", "U"):
            return stated
    return ""


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _date(value: str) -> str:
    found = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", value)
    return "-".join(found.groups()) if found else ""


def _time(value: str) -> str:
    found = re.match(r"(\d{2}):?(\d{2})?:?(\d{2})?", value)
    return ":".join(part or "00" for part in found.groups()) if found else ""
