"""What a batch works through: the items below a folder, in a fixed order, and what is in them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from app.batch.folder import holds_batch
from app.spacings import spaced
from viewers.errors import SourceError, reading
from viewers.sources import Source, discover
from viewers.sources.files import opened_file
from viewers.sources.folder import Failure
from viewers.sources.folder import Item as Found


@dataclass(frozen=True, slots=True)
class Item:
    """One picture, slide or series. `name` is its path below the folder; `failure` says why it cannot be opened, "" if it can."""

    id: str
    """20 hexadecimal digits made from the path below the folder; files about the item bear it as their name."""
    name: str
    path: Path
    found: Found | Failure

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,) if isinstance(self.found, Failure) else self.found.files

    @property
    def failure(self) -> str:
        return self.found.sentence if isinstance(self.found, Failure) else ""

    def open(self) -> Source:
        """Raises SourceError."""
        if isinstance(self.found, Failure):
            raise SourceError(self.path, self.found.sentence)
        return spaced(self.found.open())


@dataclass(frozen=True, slots=True)
class Plan:
    """What lies below a folder: the items, and the folders that hold the results of a batch and are no input."""

    items: tuple[Item, ...]
    left_out: tuple[Path, ...] = ()


def plan(folder: Path, leave_out: Path | None = None) -> Plan:
    """Everything below `folder`, sorted by path; what cannot be opened is an item too, reports about pictures are none.

    Raises SourceError.

    `leave_out` is the batch's own output, which may lie inside the folder. Another batch's output is left out as well, and named.
    """
    outside = leave_out.resolve() if leave_out else None
    others = list[Path]()

    def is_output(inside: Path) -> bool:
        own = outside is not None and inside.resolve() == outside
        if not own and holds_batch(inside):
            others.append(inside)
        return own or inside in others

    found = discover(folder, is_output)
    items = [_item(folder, one) for one in found if not (isinstance(one, Failure) and one.attached)]
    return Plan(tuple(sorted(items, key=lambda item: os.fsencode(item.path))), tuple(others))


def _item(folder: Path, found: Found | Failure) -> Item:
    below = os.fsencode(found.path.relative_to(folder).as_posix())
    return Item(hashlib.sha256(below).hexdigest()[:20], below.decode("utf-8", "replace"), found.path, found)


def content_sha256(item: Item) -> str:
    """SHA-256 of the item's file; of a list of SHA-256 for an item of several files. Raises SourceError."""
    digests = []
    for path in sorted(item.files, key=os.fsencode):
        with opened_file(path) as file, reading(path):
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
