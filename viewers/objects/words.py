"""Free text of other programs, made safe to stand on a screen: plain, short, without control characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from viewers.plain_text import one_line
from viewers.sources import values
from viewers.sources.who import person

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def plain(text: str, most: int = 200) -> str:
    """One line."""
    return one_line(text, most)


def lines(text: str, most: int = 20_000) -> list[str]:
    """Many lines, cut at `most` characters and said so."""
    found = [one_line(line, 2000) for line in text[:most].replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return [*found, "… (cut)"] if len(text) > most else found


def named(dataset: Dataset | None, keyword: str) -> str:
    """A person's name as it is read."""
    return person(values.text(dataset, keyword))


def maker(dataset: Dataset) -> str:
    """Manufacturer and model."""
    told = (plain(values.text(dataset, keyword), 60) for keyword in ("Manufacturer", "ManufacturerModelName"))
    return " ".join(dict.fromkeys(word for word in told if word))


def moment(date: str, time: str = "") -> str:
    """ISO of DICOM's DA and TM, or of a DT in `date` alone; "" where it is none."""
    found = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", date)
    if not found:
        return ""
    clock = re.match(r"(\d{2}):?(\d{2})", time) or (re.match(r"(\d{2})(\d{2})", date[8:]) if len(date) >= 12 else None)
    day = "-".join(found.groups())
    return f"{day} {clock[1]}:{clock[2]}" if clock else day
