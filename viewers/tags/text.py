"""Values of data elements in words."""

from __future__ import annotations

import struct
import warnings

STRINGS = frozenset(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"])
FREE = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
"""String VRs that follow the Specific Character Set (PS3.5 6.1.2.3)."""
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
_FIRST = 16
"""Bytes shown of what is binary."""


def encodings_of(terms: str) -> tuple[tuple[str, ...], str]:
    """Python's names of the encodings of a Specific Character Set (PS3.3 C.12.1.1.2), and a note, "" when all are known."""
    from pydicom.charset import convert_encodings, python_encoding

    names = [one.strip(" \0") for one in terms.split("\\")]
    unknown = [one for one in names if one and one not in python_encoding]
    try:
        _hush()
        found = tuple(str(one) for one in convert_encodings(names))
    except (LookupError, ValueError):
        found = ("iso8859",)
    shown = ", ".join(repr(one[:16]) for one in unknown)
    return found, f"The character set {shown} is not known; letters may be wrong." if unknown else ""


def worded(vr: str, data: bytes, encodings: tuple[str, ...], little: bool) -> str:
    """A value without its padding. Undecodable letters become U+FFFD, binary values their first bytes in hexadecimal digits."""
    if vr in STRINGS:
        return _string(vr, data, encodings)
    order = "<" if little else ">"
    if vr == "AT":
        pairs = struct.iter_unpack(order + "HH", data[: len(data) // 4 * 4])
        return " \\ ".join(f"({group:04x},{number:04x})" for group, number in pairs)
    if code := _NUMBERS.get(vr):
        size = struct.calcsize(code)
        found = struct.iter_unpack(order + code, data[: len(data) // size * size])
        return " \\ ".join(f"{value:.9g}" if code in "fd" else str(value) for (value,) in found)
    return binary(data)


def binary(data: bytes) -> str:
    """Text where it can only be that, else the first bytes."""
    plain = data.rstrip(b"\0 ")
    if plain and all(32 <= byte < 127 for byte in plain):
        return plain.decode("ascii")
    return data[:_FIRST].hex(" ") + (" …" if len(data) > _FIRST else "")


def _string(vr: str, data: bytes, encodings: tuple[str, ...]) -> str:
    from pydicom.charset import decode_bytes
    from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

    if vr not in FREE:
        return data.decode("latin-1").rstrip("\0 ").strip(" ")
    delimiters = PN_DELIMS | {0x5C} if vr == "PN" else TEXT_VR_DELIMS
    try:
        _hush()
        text = str(decode_bytes(data, list(encodings) or ["iso8859"], delimiters))
    except (LookupError, ValueError):
        text = data.decode("ascii", "replace")
    return text.rstrip("\0 ")


def _hush() -> None:
    """pydicom's warnings hold tag text: they go nowhere, in any thread."""
    warnings.filterwarnings("ignore", module=r"pydicom\.")
