"""The elements of a DICOM file as a list a reader can look through. No Qt, and never the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HIDDEN = "hidden"
"""Stands for a value that may tell who the patient is, until a reader asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """One data element, or one item of a sequence, in the order of the file; children follow their parent, one deeper."""

    tag: int
    """Group and element number, 0xggggeeee."""
    vr: str
    name: str
    keyword: str
    length: int | None
    """Bytes of the value as the file states them; None for undefined length."""
    text: str
    """The value in words, at most `reading.KEPT` bytes of it."""
    depth: int
    parent: int
    """Index of the sequence or item it lies in, -1 at the top."""
    whole: bool = True
    """Whether `text` is all of the value."""
    private: bool = False
    """Whether the value may tell who the patient is."""
    offset: int = 0
    """Where the value begins in the (inflated) file."""
    digest: bytes = b""
    """Of the whole value where `text` is not; b"" for pixels and what is very long."""
    encodings: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """(gggg,eeee), "" for an item."""
        return "" if self.is_item else f"({self.tag >> 16:04x},{self.tag & 0xFFFF:04x})"

    @property
    def is_item(self) -> bool:
        return self.tag == 0xFFFEE000

    def shown(self, revealed: bool) -> str:
        return HIDDEN if self.private and not revealed and self.text else self.text


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """All elements of one file; `notes` say what was left out or is not as it should be, one sentence each."""

    path: Path
    tags: tuple[Tag, ...]
    notes: tuple[str, ...] = ()
    little_endian: bool = True
