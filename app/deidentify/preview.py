"""What becomes of each attribute of one file, before and after, without anything being kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import __version__
from app.deidentify.policy import Policy
from viewers.deidentify.instance import deidentified, write
from viewers.deidentify.pseudonyms import Pseudonyms
from viewers.deidentify.walk import Choice
from viewers.tags import Tag
from viewers.tags.comparing import compared
from viewers.tags.reading import read

REMOVED, SAME = "removed", "kept"


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute. `before` may tell who the patient is: it is shown when asked for."""

    depth: int
    number: str
    name: str
    before: str
    after: str
    """The new value, `REMOVED`, or `SAME`."""


def changes(path: Path, policy: Policy, key: bytes) -> Sequence[Change]:
    """Of the file at `path`, in the order of its tags. Raises SourceError."""
    made = deidentified(path, Choice(policy.options, Pseudonyms(key)), (), policy.looked, method=f"Hilum {__version__}")
    with tempfile.TemporaryDirectory(prefix="hilum-") as folder:
        after = Path(folder) / "after.dcm"
        with after.open("wb") as file:
            write(made, file)
        pairs = compared(read(path), read(after))
    return [
        Change(pair.depth, one.number or "item", one.name, _text(pair.left), SAME if pair.same else _after(pair.right))
        for pair in pairs
        for one in [pair.either]
        if one.tag & 0xFFFF  # lengths of groups say nothing
    ]


def _text(tag: Tag | None) -> str:
    return "" if tag is None else tag.text


def _after(tag: Tag | None) -> str:
    return REMOVED if tag is None else tag.text or ("" if tag.vr == "SQ" or tag.is_item else "empty")
