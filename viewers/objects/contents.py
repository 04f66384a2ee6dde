"""The content tree of structured reports (PS3.3 C.17.3), walked within limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewers.annotations.codes import Code
from viewers.objects.said import Where
from viewers.objects.words import plain
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DEEPEST = 40
MOST_ITEMS = 200_000


class Unusable(ValueError):
    """What is wrong with an object, as the rest of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One content item, with where it stands: `path` is its Referenced Content Item Identifier (1, 2, 1 …)."""

    item: Dataset
    path: tuple[int, ...]
    children: tuple[Node, ...]

    @property
    def type(self) -> str:
        return values.code(self.item, "ValueType")

    @property
    def concept(self) -> Code:
        return code(self.item, "ConceptNameCodeSequence")

    @property
    def value_code(self) -> Code:
        return code(self.item, "ConceptCodeSequence")

    @property
    def relationship(self) -> str:
        return values.code(self.item, "RelationshipType")

    def walk(self) -> Iterator[Node]:
        """This one and all below it, in reading order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


def tree(dataset: Dataset) -> Node:
    """The whole report. Raises Unusable beyond 40 levels or 200,000 items."""
    left = [MOST_ITEMS]

    def made(item: Dataset, path: tuple[int, ...]) -> Node:
        if len(path) > DEEPEST:
            raise Unusable(f"nests its content more than {DEEPEST} levels deep: it is damaged or hostile")
        left[0] -= 1
        if left[0] < 0:
            raise Unusable(f"holds more than {MOST_ITEMS:,} content items, more than are shown")
        below = values.items(item, "ContentSequence")
        return Node(item, path, tuple(made(one, (*path, number)) for number, one in enumerate(below, 1)))

    return made(dataset, (1,))


def code(item: Dataset | None, keyword: str) -> Code:
    found = values.item(item, keyword)
    value = values.text(found, "CodeValue") or values.text(found, "LongCodeValue") or values.text(found, "URNCodeValue")
    return Code(value[:64], values.text(found, "CodingSchemeDesignator")[:16], plain(values.text(found, "CodeMeaning"), 120))


def references(item: Dataset | None, keyword: str = "ReferencedSOPSequence") -> tuple[Where, ...]:
    """The images that a sequence refers to; frame numbers there are counted from 1."""
    found = []
    for one in values.items(item, keyword):
        if uid := values.uid(one, "ReferencedSOPInstanceUID"):
            frames = values.numbers(one, "ReferencedFrameNumber")[:100_000]
            found.append(Where(uid, tuple(int(frame) - 1 for frame in frames if frame >= 1)))
    return tuple(found)


def evidence(dataset: Dataset) -> tuple[Where, ...]:
    """All images that the header lists: procedure evidence of reports, referenced series of the others (C.17.2.3, C.11.11)."""
    found: dict[str, None] = {}
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in values.items(dataset, keyword):
            for series in values.items(study, "ReferencedSeriesSequence"):
                _gather(series, "ReferencedSOPSequence", found)
    for series in values.items(dataset, "ReferencedSeriesSequence"):
        _gather(series, "ReferencedImageSequence", found)
        _gather(series, "ReferencedInstanceSequence", found)
    return tuple(Where(uid) for uid in found)


def _gather(series: Dataset, keyword: str, found: dict[str, None]) -> None:
    for one in values.items(series, keyword):
        if (uid := values.uid(one, "ReferencedSOPInstanceUID")) and len(found) < MOST_ITEMS:
            found[uid] = None
