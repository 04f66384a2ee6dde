"""The codes that classes and measurements bear in DICOM (PS3.16): SNOMED CT where there is one, Hilum's own scheme elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

SCHEME = "99HILUM"
"""Private (PS3.16 8.2): the code value is derived from the class's name, the meaning is the name."""
LONGEST = 64
"""Characters of a Long String (LO, PS3.5 6.2)."""
UNCLASSIFIED = "UNCLASSIFIED"
_NOT_IN_LO = re.compile(r"[\x00-\x1f\x7f\\]+")


@dataclass(frozen=True, slots=True)
class Code:
    value: str
    scheme: str
    meaning: str

    def same(self, other: Code) -> bool:
        """Whether both mean the same: a meaning is a code's word in one language, not its identity (PS3.3 8.3)."""
        return (self.value, self.scheme) == (other.value, other.scheme)


AREA = Code("42798000", "SCT", "Area")
LENGTH = Code("410668003", "SCT", "Length")
PERIMETER = Code("131191004", "SCT", "Perimeter")
SQUARE_MICROMETRE = Code("um2", "UCUM", "square micrometer")
MICROMETRE = Code("um", "UCUM", "micrometer")
MICROSCOPY = Code("104157003", "SCT", "Light microscopy")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMICAL = Code("91723000", "SCT", "Anatomical Structure")
SPATIAL = Code("309825002", "SCT", "Spatial and Relational Concept")
UNKNOWN = Code("261665006", "SCT", "Unknown")

_NEOPLASM = Code("108369006", "SCT", "Neoplasm")
_NECROSIS = Code("6574001", "SCT", "Necrosis")
_CONNECTIVE = Code("21793004", "SCT", "Connective tissue")
_NUCLEUS = Code("84640000", "SCT", "Nucleus")
_KNOWN = {
    "Tumor": (_NEOPLASM, ABNORMAL), "Tumour": (_NEOPLASM, ABNORMAL), "Neoplasm": (_NEOPLASM, ABNORMAL),
    "Necrosis": (_NECROSIS, ABNORMAL), "Stroma": (_CONNECTIVE, TISSUE), "Connective tissue": (_CONNECTIVE, TISSUE),
    "Nucleus": (_NUCLEUS, ANATOMICAL), "Nuclei": (_NUCLEUS, ANATOMICAL), "Tissue": (TISSUE, TISSUE),
}  # fmt: skip
"""Class → its code and the code's category (CID 7150); the first name of a code is the one it is read as."""


def of_class(name: str) -> tuple[Code, Code]:
    """Code and category of a class; "" is the unclassified."""
    if known := _KNOWN.get(name):
        return known
    if not name:
        return Code(UNCLASSIFIED, SCHEME, "Unclassified"), SPATIAL
    return Code(sha256(name.encode("utf-8", "replace")).hexdigest()[:12].upper(), SCHEME, long_string(name)), SPATIAL


def class_of(code: Code) -> str:
    """The class a code stands for: Hilum's name where it has one, the code's meaning elsewhere."""
    if (code.value, code.scheme) == (UNCLASSIFIED, SCHEME):
        return ""
    return next((name for name, (known, _) in _KNOWN.items() if known.same(code)), code.meaning)


def long_string(text: str) -> str:
    """`text` as a Long String holds it: no backslash or control character, shortened to 64 characters."""
    clean = _NOT_IN_LO.sub("/", text).strip()
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 3].rstrip() + "..."
