"""The few header values by which files are told apart, grouped and ordered, without parsing the rest."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from viewers.sources.elements import Elements

TAGS: Mapping[str, tuple[int, str]] = {
    "SOPClassUID": (0x00080016, "UI"), "SOPInstanceUID": (0x00080018, "UI"), "ImageType": (0x00080008, "CS"),
    "AcquisitionDate": (0x00080022, "DA"), "AcquisitionTime": (0x00080032, "TM"), "ContentTime": (0x00080033, "TM"),
    "Modality": (0x00080060, "CS"), "SliceThickness": (0x00180050, "DS"), "EchoTime": (0x00180081, "DS"),
    "EchoNumbers": (0x00180086, "IS"), "SpacingBetweenSlices": (0x00180088, "DS"), "TriggerTime": (0x00181060, "DS"),
    "GantryDetectorTilt": (0x00181120, "DS"), "StudyInstanceUID": (0x0020000D, "UI"), "SeriesInstanceUID": (0x0020000E, "UI"),
    "AcquisitionNumber": (0x00200012, "IS"), "InstanceNumber": (0x00200013, "IS"),
    "ImagePositionPatient": (0x00200032, "DS"), "ImageOrientationPatient": (0x00200037, "DS"),
    "FrameOfReferenceUID": (0x00200052, "UI"), "TemporalPositionIdentifier": (0x00200100, "IS"),
    "SamplesPerPixel": (0x00280002, "US"), "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"), "NumberOfFrames": (0x00280008, "IS"), "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"), "PixelSpacing": (0x00280030, "DS"), "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"), "HighBit": (0x00280102, "US"), "LossyImageCompression": (0x00282110, "CS"),
    "PatientOrientation": (0x00200020, "CS"), "PixelRepresentation": (0x00280103, "US"), "DiffusionBValue": (0x00189087, "FD"),
    "NominalPercentageOfCardiacPhase": (0x00209241, "FL"), "FrameReferenceTime": (0x00541300, "DS"),
}  # fmt: skip
"""Keyword, tag, and the VR it has where the file states none (PS3.6)."""
GROUPS: Mapping[str, int] = {
    "SharedFunctionalGroupsSequence": 0x52009229, "PerFrameFunctionalGroupsSequence": 0x52009230,
}  # fmt: skip
MOST = 1024
"""Bytes of one value; what is longer is no such value."""
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}


class Brief:
    """What `viewers.sources.values` asks of a data set, for the keywords of TAGS alone."""

    def __init__(self, texts: Mapping[str, list[str]]) -> None:
        self.texts = texts

    def get(self, keyword: str) -> Any:
        """The values as texts, None when absent or empty."""
        return self.texts.get(keyword)


def brief_of(elements: Elements, data: bytes) -> dict[str, list[str]]:
    """The values of TAGS that are there, as texts."""
    found, places, order = {}, elements.places, "<" if elements.little else ">"
    for keyword, (tag, usual) in TAGS.items():
        place = places.get(tag)
        if place is None:
            continue
        stated, _, value, end = place
        if not 0 < end - value <= MOST:
            continue
        kind = _NUMBERS.get(stated.decode("latin-1") or usual)
        if kind is None:
            texts = [one.strip(" \0") for one in data[value:end].decode("latin-1").split("\\")]
        else:
            count = (end - value) // struct.calcsize(kind)
            texts = [str(one) for one in struct.unpack_from(f"{order}{count}{kind}", data, value)]
        if any(texts):
            found[keyword] = texts
    return found
