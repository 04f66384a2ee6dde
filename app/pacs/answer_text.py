"""Values of an answer as short lines of plain text, whatever came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

TEXT = 120
"""Letters of any one value that are kept."""
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def text(dataset: Dataset, keyword: str, most: int = TEXT) -> str:
    """A value as one line of printable text, several with a backslash between; "" for none and for what cannot be read."""
    from pydicom.multival import MultiValue

    try:
        value = dataset.get(keyword)
        parts = list(value)[:32] if isinstance(value, MultiValue) else [value]
        joined = "\\".join(str(one) for one in parts if one is not None)
    except Exception:  # a damaged value raises what pydicom happens to meet
        return ""
    line = "".join(letter if letter.isprintable() else " " for letter in joined[: 4 * most])
    return line.strip()[:most]


def number(dataset: Dataset, keyword: str) -> int | None:
    found = text(dataset, keyword, 12)
    return int(found) if found.isascii() and found.isdecimal() else None


def is_uid(uid: str) -> bool:
    """PS3.5 9.1, leading noughts forgiven."""
    return len(uid) <= 64 and _UID.fullmatch(uid) is not None


def shown_name(name: str) -> str:
    """As a person writes it; of several scripts (PS3.5 6.2.1.1) the first, with the others behind it."""
    groups = [", ".join(part for part in group.split("^")[:2] if part.strip()) for group in name.split("=")]
    first, *others = [group for group in groups if group] or [""]
    return f"{first} ({', '.join(others)})" if others else first


def iso_date(found: str) -> str:
    digits = found.replace(".", "").replace("-", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) >= 8 and digits[:8].isdecimal() else ""


def iso_time(found: str) -> str:
    digits = found.replace(":", "")
    return f"{digits[:2]}:{digits[2:4]}" if len(digits) >= 4 and digits[:4].isdecimal() else ""
