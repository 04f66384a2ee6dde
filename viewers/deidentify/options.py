"""The options of the confidentiality profile (PS3.15 E.3) and what a person chose of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

BASIC = ("113100", "Basic Application Confidentiality Profile")
"""Code value and meaning (PS3.16 CID 7050, DCM)."""


class Option(StrEnum):
    """Each by the name of its column in the table; `pixels` and `visual` are acts on the picture and have no column."""

    PIXELS = "pixels"
    VISUAL = "visual"
    GRAPHICS = "graphics"
    STRUCTURED = "structured"
    DESCRIPTORS = "descriptors"
    FULL_DATES = "full_dates"
    MODIFIED_DATES = "modified_dates"
    CHARACTERISTICS = "characteristics"
    DEVICE = "device"
    UIDS = "uids"
    PRIVATE = "private"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class About:
    code: str
    meaning: str
    """Of the code (PS3.16 CID 7050): what the written file states."""
    name: str
    """The standard's own name."""
    line: str
    """What it does, in one line."""


ABOUT = {
    Option.PIXELS: About(
        "113101", "Clean Pixel Data Option", "Clean Pixel Data",
        "text in the picture is burned black; stated only when a person looked",
    ),
    Option.VISUAL: About(
        "113102", "Clean Recognizable Visual Features Option", "Clean Recognizable Visual Features",
        "stated only when a person looked and nobody can be recognised",
    ),
    Option.GRAPHICS: About(
        "113103", "Clean Graphics Option", "Clean Graphics",
        "drawn annotations stay without their text; overlays are dropped",
    ),
    Option.STRUCTURED: About(
        "113104", "Clean Structured Content Option", "Clean Structured Content",
        "reports keep codes, numbers and references; texts, names and dates go",
    ),
    Option.DESCRIPTORS: About(
        "113105", "Clean Descriptors Option", "Clean Descriptors",
        "descriptions keep the words of medicine and lose every other",
    ),
    Option.FULL_DATES: About(
        "113106", "Retain Longitudinal Temporal Information Full Dates Option", "Retain Longitudinal, Full Dates",
        "dates and times stay as they are",
    ),
    Option.MODIFIED_DATES: About(
        "113107", "Retain Longitudinal Temporal Information Modified Dates Option", "Retain Longitudinal, Modified Dates",
        "all dates of a patient move by the same whole days; times stay",
    ),
    Option.CHARACTERISTICS: About(
        "113108", "Retain Patient Characteristics Option", "Retain Patient Characteristics",
        "sex, age (90 at most), size, weight and the like stay",
    ),
    Option.DEVICE: About(
        "113109", "Retain Device Identity Option", "Retain Device Identity",
        "serial numbers and names of devices stay",
    ),
    Option.UIDS: About(
        "113110", "Retain UIDs Option", "Retain UIDs",
        "UIDs stay: who has the originals can find them",
    ),
    Option.PRIVATE: About(
        "113111", "Retain Safe Private Option", "Retain Safe Private",
        "the vendors' numbers that the standard lists as safe stay",
    ),
    Option.INSTITUTION: About(
        "113112", "Retain Institution Identity Option", "Retain Institution Identity",
        "name and address of the institution stay",
    ),
}  # fmt: skip
ACTS = (Option.PIXELS, Option.VISUAL)
"""They follow from what a person did with the picture, and are not chosen beforehand."""


def chosen(names: Iterable[str]) -> frozenset[Option]:
    """The options of these names. Raises ValueError for an unknown name, an act, and both kinds of dates."""
    found = set[Option]()
    for name in names:
        if name not in {one.value for one in Option if one not in ACTS}:
            offered = ", ".join(one.value for one in Option if one not in ACTS)
            raise ValueError(f"{name!r} is no option of de-identifying; choose from {offered}")
        found.add(Option(name))
    if {Option.FULL_DATES, Option.MODIFIED_DATES} <= found:
        raise ValueError("full dates and modified dates exclude each other; choose one")
    return frozenset(found)
