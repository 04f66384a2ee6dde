"""Which values may tell who the patient is."""

from __future__ import annotations

from viewers.plain_text import folded

_OPEN = frozenset({
    0x00100000, 0x00100040, 0x00101010, 0x00101020, 0x00101030, 0x00102201, 0x00102202, 0x001021C0, 0x00102203, 0x00101022,
})  # fmt: skip
"""Of group 0010: sex, age, size, weight, species, breed, pregnancy and the like, which tell nobody's name."""
_CLOSED = frozenset({
    0x00080050, 0x00080080, 0x00080081, 0x00080082, 0x00080090, 0x00080092, 0x00080094, 0x00081040, 0x00081048, 0x00081050,
    0x00081060, 0x00081070, 0x00081080, 0x00081084, 0x00081120, 0x00200010, 0x00204000,
    0x00321032, 0x00321033, 0x00324000, 0x00380010, 0x00380060, 0x00380300, 0x00380400, 0x00380500, 0x00384000, 0x00400006,
    0x00400253, 0x00401001, 0x00401400, 0x00402016, 0x00402017, 0x00402400, 0x0040A123, 0x0040A730, 0x04000550, 0x04000561,
    0x00120010, 0x00120020, 0x00120030, 0x00120031, 0x00120040, 0x00120042, 0x00400512, 0x00400551, 0x00401101,
    0x00881904, 0x00102160,
})  # fmt: skip
"""Beyond group 0010: numbers and places of the stay, the visit and the order, remarks, serial numbers (after PS3.15 E.1)."""
_TOLD = frozenset(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT", "OB"])
_LEAST = 4
"""Letters of a name or number that is looked for in other values."""


def may_tell(tag: int, vr: str) -> bool:
    """Whether an element, wherever it stands, may tell who the patient is."""
    if vr == "PN" or tag in _CLOSED:
        return True
    return tag >> 16 == 0x0010 and tag not in _OPEN and vr != "SQ"


def names_in(values: list[tuple[int, str]]) -> frozenset[str]:
    """What to look for in other values: parts of the patient's names and the numbers, of (tag, value) pairs."""
    found = set[str]()
    for tag, value in values:
        if tag in (0x00100010, 0x00101001, 0x00101005):
            found.update(folded(part) for part in value.replace("=", "^").replace("\\", "^").replace(" ", "^").split("^"))
        elif tag in (0x00100020, 0x00101000):
            found.update(folded(part.strip()) for part in value.split("\\"))
    return frozenset(one for one in found if len(one) >= _LEAST)


def repeats(vr: str, text: str, names: frozenset[str]) -> bool:
    """Whether a value of another element holds one of these."""
    if not names or vr not in _TOLD:
        return False
    value = folded(text)
    return any(name in value for name in names)
