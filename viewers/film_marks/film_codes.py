"""The codes that measurements on films bear in DICOM (PS3.16), with units in UCUM."""

from __future__ import annotations

from viewers.annotations import codes
from viewers.annotations.codes import SCHEME, Code
from viewers.film_marks.reading import Reading

ANGLE = Code("1483009", "SCT", "Angle")
COBB = Code("285285000", "SCT", "Cobb angle")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
SUV_BW = Code("126401", "DCM", "SUVbw")
VALUE = Code("PIXELVALUE", SCHEME, "Modality value of pixels")
RATIO = Code("CTR", SCHEME, "Cardiothoracic ratio")
HEART = Code("HEARTWIDTH", SCHEME, "Transverse cardiac diameter")
THORAX = Code("THORAXWIDTH", SCHEME, "Transverse inner thoracic diameter")
SPACING = Code("SPACINGFROM", SCHEME, "Where the size of a pixel comes from")
_NAMES = {
    "Length": codes.LENGTH, "Angle": ANGLE, "Cobb angle": COBB, "Area": codes.AREA,
    "Cardiothoracic ratio": RATIO, "Heart": HEART, "Thorax": THORAX,
}  # fmt: skip
DERIVATIONS = {
    "Mean": Code("373098007", "SCT", "Mean"),
    "SD": Code("386136009", "SCT", "Standard Deviation"),
    "Minimum": Code("255605001", "SCT", "Minimum"),
    "Maximum": Code("56851009", "SCT", "Maximum"),
}
_UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm²": Code("mm2", "UCUM", "square millimeter"),
    "°": Code("deg", "UCUM", "degree"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px²": Code("{square pixels}", "UCUM", "square pixels"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "Bq/ml": Code("Bq/ml", "UCUM", "Becquerels/milliliter"),
    "g/ml SUVbw": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
    "": Code("1", "UCUM", "no units"),
}
_LONGEST_UNIT = 14
PROCEDURES = {
    "CT": Code("77477000", "SCT", "Computed tomography"),
    "MR": Code("113091000", "SCT", "Magnetic resonance imaging"),
    "US": Code("16310003", "SCT", "Ultrasonography"),
    "MG": Code("71651007", "SCT", "Mammography"),
    "PT": Code("82918005", "SCT", "Positron emission tomography"),
}
RADIOGRAPHY = Code("168537006", "SCT", "Plain radiography")
IMAGING = Code("363679005", "SCT", "Imaging")
_PROJECTIONS = ("CR", "DX", "DR", "RG", "PX", "IO")


def procedure(modality: str) -> Code:
    return PROCEDURES.get(modality, RADIOGRAPHY if modality in _PROJECTIONS else IMAGING)


def name_of(reading: Reading) -> Code:
    """What was measured; statistics of pixels are told apart by their derivation."""
    by_unit = {"HU": ATTENUATION, "g/ml SUVbw": SUV_BW}
    return _NAMES.get(reading.name) or by_unit.get(reading.unit, VALUE)


def unit_of(reading: Reading) -> Code:
    """In UCUM; a unit it does not know stands in braces, which counts as no unit (UCUM § 6)."""
    known = _UNITS.get(reading.unit)
    if known is not None:
        return known
    clean = "".join(one for one in reading.unit if one.isascii() and one.isprintable() and one not in "{}\\")
    if not clean or len(clean) > _LONGEST_UNIT:
        return _UNITS[""]
    return Code(f"{{{clean}}}", "UCUM", clean)
