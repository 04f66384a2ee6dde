"""Single values out of a DICOM data set, read without trust: what is absent or damaged is None, "" or ()."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_FEW = 6
"""Values of one element that are kept with their numbers: an orientation has so many."""
_UID = re.compile(r"[0-9.]{1,64}")


def raw(dataset: Dataset | None, keyword: str) -> object:
    """The value as pydicom gives it, None when absent, empty or unreadable."""
    if dataset is None:
        return None
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom parses values when asked and names no closed list of what damage raises
        return None
    return None if value is None or value == "" else value


def text(dataset: Dataset | None, keyword: str) -> str:
    """The first value as text without surrounding blanks."""
    value = raw(dataset, keyword)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = value[0] if value else None
    return "" if value is None else str(value).strip(" \0")


def code(dataset: Dataset | None, keyword: str) -> str:
    """A code string (PS3.5 6.2, CS); "" for anything that is not one, so that free text cannot slip through."""
    value = text(dataset, keyword)
    return value if _CODE.fullmatch(value) else ""


def uid(dataset: Dataset | None, keyword: str) -> str:
    value = text(dataset, keyword)
    return value if _UID.fullmatch(value) else ""


def texts(dataset: Dataset | None, keyword: str) -> tuple[str, ...]:
    return _texts(raw(dataset, keyword))


def numbers(dataset: Dataset | None, keyword: str) -> tuple[float, ...]:
    """All values as finite numbers; () when one of them is none, since the places matter."""
    return as_numbers(raw(dataset, keyword))


def as_numbers(value: object) -> tuple[float, ...]:
    """As `numbers`, for the value of an element."""
    texts = _texts(value)
    return _few_as_numbers(texts) if len(texts) <= _FEW else _as_numbers(texts)


def _as_numbers(texts: tuple[str, ...]) -> tuple[float, ...]:
    try:
        found = tuple(float(one) for one in texts)
    except ValueError:
        return ()
    return found if all(math.isfinite(one) for one in found) else ()


_few_as_numbers = lru_cache(4096)(_as_numbers)
"""The slices of a series say most things alike; a curve of a million places is not kept."""


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is list and all(type(one) is str for one in value):
        return tuple([one.strip(" \0") for one in value])
    many = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    return tuple(str(one).strip(" \0") for one in many)


def number(dataset: Dataset | None, keyword: str) -> float | None:
    found = numbers(dataset, keyword)
    return found[0] if found else None


def integer(dataset: Dataset | None, keyword: str) -> int | None:
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def items(dataset: Dataset | None, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence, () when there is none."""
    value = raw(dataset, keyword)
    if value is None:
        return ()
    from pydicom.sequence import Sequence as DicomSequence

    return list(value) if isinstance(value, DicomSequence) else ()


def item(dataset: Dataset | None, keyword: str) -> Dataset | None:
    """The first item of a sequence."""
    found = items(dataset, keyword)
    return found[0] if found else None


def group(dataset: Dataset, frame: int, keyword: str) -> Dataset | None:
    """A functional group of one frame: the frame's own, else the shared one (PS3.3 C.7.6.16)."""
    frames = items(dataset, "PerFrameFunctionalGroupsSequence")
    own = item(frames[frame], keyword) if frame < len(frames) else None
    return own if own is not None else item(item(dataset, "SharedFunctionalGroupsSequence"), keyword)
