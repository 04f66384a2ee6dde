"""Values that say nothing and are valid for their VR (PS3.5 6.2), and whether a value is one of its VR at all."""

from __future__ import annotations

import re
from collections.abc import Mapping

REMOVED = "REMOVED"
_DUMMIES: Mapping[str, object] = {
    "AE": REMOVED, "AS": "000D", "CS": REMOVED, "DA": "19000101", "DS": "0", "DT": "19000101000000", "IS": "0", "LO": REMOVED,
    "LT": REMOVED, "PN": REMOVED, "SH": REMOVED, "ST": REMOVED, "TM": "000000", "UC": REMOVED, "UR": "urn:removed", "UT": REMOVED,
    "FL": 0.0, "FD": 0.0, "SL": 0, "SS": 0, "SV": 0, "UL": 0, "US": 0, "UV": 0, "AT": 0,
    "OB": b"\0\0", "OW": b"\0\0", "UN": b"\0\0", "OF": bytes(4), "OL": bytes(4), "OD": bytes(8), "OV": bytes(8),
}  # fmt: skip
_WORDS: Mapping[str, str] = {"CodingSchemeDesignator": "99REMOVED", "CodeValue": REMOVED, "CodeMeaning": "Removed"}
_FORMS = {
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9_ ]{0,16}",
    "DA": r"\d{8}|\d{4}\.\d\d\.\d\d",
    "TM": r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?",
    "DT": r"\d{4}(\d\d(\d\d(\d\d(\d\d(\d\d(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?",
    "DS": r"[-+0-9.eE ]{0,16}",
    "IS": r"[-+0-9 ]{0,12}",
    "UI": r"[0-9.]{0,64}",
}


def dummy(vr: str, keyword: str = "") -> object:
    return _WORDS.get(keyword, _DUMMIES.get(vr, ""))


def of_form(vr: str, text: str) -> bool:
    """Whether a text is one of this VR. True for VRs without a form: names, texts and titles may say anything."""
    form = _FORMS.get(vr)
    return form is None or re.fullmatch(form, text.strip(" \0")) is not None
