"""Finding elements by number, keyword, name or value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from viewers.plain_text import folded
from viewers.tags import Tag

MOST = 5000
"""Elements that one search shows."""


class Lying(Protocol):
    """What may lie in another row of the same list."""

    @property
    def parent(self) -> int:
        """Index of that row, -1 at the top."""
        ...


def words_of(tag: Tag, revealed: bool) -> str:
    """What a search looks through; hidden values are not found."""
    number = f"{tag.tag >> 16:04x},{tag.tag & 0xFFFF:04x}"
    return folded(f"({number}) {number.replace(',', '')} {tag.keyword} {tag.name} {tag.vr} {tag.shown(revealed)}")


def found(tags: Sequence[Tag], query: str, revealed: bool) -> list[int]:
    """Indices of the elements that hold every word of `query`, in their order, at most `MOST`; all of them for ""."""
    words = folded(query).split()
    if not words:
        return list(range(len(tags)))
    hits = list[int]()
    for index, tag in enumerate(tags):
        text = words_of(tag, revealed)
        if all(word in text for word in words):
            hits.append(index)
            if len(hits) == MOST:
                break
    return hits


def with_parents(rows: Sequence[Lying], hits: Sequence[int]) -> list[int]:
    """Those and what they lie in, in the order of the file."""
    kept = set(hits)
    for index in hits:
        above = rows[index].parent
        while above >= 0 and above not in kept:
            kept.add(above)
            above = rows[above].parent
    return sorted(kept)
