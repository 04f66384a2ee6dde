"""Objects that cannot be de-identified by their attributes, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Collection

from viewers.deidentify.options import Option

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_REPORTS = _STORAGE + "88."
_ENCAPSULATED = _STORAGE + "104."
_RAW = _STORAGE + "66"
_DIRECTORY = "1.2.840.10008.1.3.10"
_WHOLE_SLIDE = _STORAGE + "77.1.6"
_FLAVOURS = ("LABEL", "OVERVIEW", "LOCALIZER")
"""Pictures of a whole glass, on which the label with the name may be seen."""


def refusal(sop_class: str, image_type: Collection[str], options: Collection[Option]) -> str:
    """Why an object must not be written; "" when it may. The words begin after the file's name."""
    if sop_class == _DIRECTORY:
        return "is the index of a disc and names patients: leave it out, its images are what counts"
    if not sop_class.startswith(_STORAGE):
        return "is of a kind that DICOM does not define, so nobody knows what stands in it: leave it out"
    if sop_class.startswith(_ENCAPSULATED):
        return "holds a document (PDF, CDA or a model) whose text cannot be cleaned: leave it out"
    if sop_class == _RAW:
        return "holds raw data that only its maker can read: leave it out"
    if sop_class.startswith(_REPORTS) and Option.STRUCTURED not in options:
        return "is a report: choose Clean Structured Content to keep its codes and numbers, or leave it out"
    if sop_class == _WHOLE_SLIDE and (found := [one for one in _FLAVOURS if one in image_type]):
        return f"is the {found[0].lower()} picture of a slide, which may show the patient's name: leave it out"
    return ""
