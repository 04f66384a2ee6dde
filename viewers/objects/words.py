"""Free text of other programs, made safe to stand on a screen: plain, short, without control characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def plain(text: str, most: int = 200) -> str:
    """One line."""
    found = " ".join(_CONTROL.sub(" ", text).split())
    return found if len(found) <= most else found[: most - 1].rstrip() + "…"


def lines(text: str, most: int = 20_000) -> list[str]:
    """Many lines, cut at `most` characters and said so."""
    cut = text[:most]
    found = [_CONTROL.sub(" ", line).rstrip() for line in cut.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return [*found, "… (cut)"] if len(text) > most else found


def named(dataset: Dataset | None, keyword: str) -> str:
    """A person's name as it is read: family name, then the given ones."""
    parts = values.text(dataset, keyword).split("=")[0].split("^")
    family, given = parts[0].strip(), " ".join(part.strip() for part in parts[1:3] if part.strip())
    return plain(f"{family}, {given}" if family and given else family or given, 80)


def moment(date: str, time: str = "") -> str:
    """ISO of DICOM's DA and TM, or of a DT in `date` alone; "" where it is none."""
    found = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})(\d{2})?(\d{2})?", date)
    if not found:
        return ""
    clock = re.match(r"(\d{2}):?(\d{2})", time) or (re.match(r"(\d{2})(\d{2})", date[8:]) if len(date) >= 12 else None)
    day = "-".join(found.groups()[:3])
    return f"{day} {clock[1]}:{clock[2]}" if clock else day
