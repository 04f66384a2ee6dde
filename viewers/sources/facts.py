"""What a header says that a model or a hanging rule needs, without anyone's identity."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Coded header values and opaque keys of a DICOM image. "" stands for what the header does not say.

    Free text is left out: only values of the code-string kind (PS3.5 6.2) pass. The keys are SHA-256 digests, cut to 16
    hexadecimal digits: equal keys mean the same patient, study or series; they show no name, number or UID.
    """

    sop_class: str = ""
    """SOP Class UID."""
    view: str = ""
    """ViewPosition: "PA", "AP", "LL"…"""
    body_part: str = ""
    """BodyPartExamined: "CHEST"…"""
    laterality: str = ""
    """"L", "R", "B" or "U", the patient's side."""
    study_date: str = ""
    """ISO date, "2024-05-17"."""
    study_time: str = ""
    """ISO time, "13:05:00"."""
    patient_key: str = ""
    study_key: str = ""
    series_key: str = ""
    instance: int | None = None
    """InstanceNumber."""
    right_edge: str = ""
    """Orientation letters at the picture's right edge, such as "L"; the left edge is the opposite."""
    bottom_edge: str = ""
    """Orientation letters at the picture's bottom edge, such as "F"."""
    plane: str = ""
    """"AXIAL", "CORONAL", "SAGITTAL" or "OBLIQUE", from ImageOrientationPatient."""
    frame_key: str = ""
    """Equal keys mean the same frame of reference: places in mm agree."""
    birth_key: str = ""
    sex: str = ""
    """PatientSex: "F", "M" or "O"."""
    name_key: str = ""
    """Of the family name. It and the birth date only ever tell patients apart whose numbers happen to be the same."""
    lossy: str = ""
    """Methods and ratios of compression with loss as the header states them: "JPEG 10 : 1"."""
