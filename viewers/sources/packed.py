"""What can be opened of an archive, found by the first bytes of its members; a member is unpacked when it is opened."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path

from viewers.errors import SourceError
from viewers.geometry import Spacing
from viewers.sources import Source, archive
from viewers.sources.archive import Archive, Member
from viewers.sources.attached import ATTACHED, attached
from viewers.sources.folder import DICOMDIR, Failure, Item
from viewers.sources.header import is_dicom
from viewers.sources.listed import Listed, items_of, values_of
from viewers.sources.meta import DEFLATED, SOP_CLASS, SYNTAX, meta_of, stated
from viewers.sources.opening import PLAIN, described
from viewers.sources.unpacked import Unpacked

FIRST, MORE = 64 * 2**10, 8 * 2**20
"""Bytes of a member that are looked at, and where these do not reach to the size of its picture."""


@dataclass(frozen=True, slots=True)
class PackedItem(Item):
    """An item whose `files` are names in an archive; `unpack` gives the file of one of them. Raises SourceError."""

    unpack: Callable[[Path], Path] = field(default=lambda path: path, compare=False)

    def open(self, *, spacing: Spacing | None = None) -> Source:
        real: list[Path] = []
        try:
            real = [self.unpack(name) for name in self.files]
            plain = Item(self.path, self.kind, tuple(real), self.modality)
            source = plain.open(spacing=spacing)
        except SourceError as error:
            raise SourceError(self.path, _renamed(str(error), real, self.files)) from error
        source.path, source.name = self.path, self.path.name
        return source


def discovered(path: Path, unpacked: Unpacked) -> Iterator[Item | Failure]:
    """What an archive holds, one that lies in it included; series go together whatever folders they lie in.

    Raises SourceError for `path` itself.
    """
    yield from _discovered(archive.opened(path), path, unpacked, within=False)


def opened_alone(path: Path, spacing: Spacing | None = None) -> Source:
    """The one picture or series an archive holds; what was unpacked goes with the source. Raises SourceError."""
    unpacked = Unpacked(Path(tempfile.gettempdir()))
    try:
        found = list(discovered(path, unpacked))
        items = [one for one in found if isinstance(one, Item)]
        if len(items) != 1:
            first = next((one.sentence for one in found if isinstance(one, Failure)), "")
            many = f"{path.name} holds {len(items)} pictures or series: unpack it and open one of them."
            raise SourceError(path, many if items else first or f"{path.name} holds nothing that can be opened.")
        source = items[0].open(spacing=spacing)
    except BaseException:
        unpacked.close()
        raise
    weakref.finalize(source, unpacked.close)
    return source


def _discovered(held: Archive, shown: Path, unpacked: Unpacked, *, within: bool) -> Iterator[Item | Failure]:
    """`shown` is what stands for the archive in the paths of its members; `within` another archive."""
    members = dict(_named(held, shown))
    images = dict[Path, Listed]()

    def unpack(name: Path) -> Path:
        return unpacked.file(held, members[name])

    deeper = 0
    for name, member in members.items():
        if member.problem:
            yield Failure(name, member.problem)
            continue
        try:
            start = held.beginning(member, FIRST)
            if not start:
                yield Failure(name, f"{name.name} is empty (0 bytes): copy it again from where it came.")
            elif start.startswith(archive.MAGIC):
                if within:
                    deeper += 1
                else:
                    yield from _discovered(archive.opened(unpack(name)), name, unpacked, within=True)
            elif is_dicom(start):
                if member.name.upper() == DICOMDIR:
                    continue  # what it lists is found by itself
                if (kind := _sop_class(start)) in ATTACHED:
                    yield Failure(name, str(attached(name, kind)), True, partial(unpack, name))
                    continue
                images[name] = _listed(held, member, start)
            elif start.startswith(PLAIN):
                yield PackedItem(name, "picture", (name,), unread=True, unpack=unpack)
            else:
                yield Failure(name, f"{name.name} {described(start)}: it is left in the archive.")
        except SourceError as error:
            yield Failure(name, str(error).replace(held.path.name, shown.name))
    for item in items_of(images):
        yield PackedItem(item.path, item.kind, item.files, item.modality, item.facts, item.who, True, unpack)
    if deeper:
        yield Failure(shown, f"{shown.name} holds {deeper} archives inside an archive, which are not opened: unpack it first.")
    for note in held.notes:
        yield Failure(shown, note.replace(held.path.name, shown.name))


def _sop_class(start: bytes) -> str:
    """By the meta header."""
    return stated(meta_of(BytesIO(start))[1], SOP_CLASS)


def _named(held: Archive, shown: Path) -> Iterator[tuple[Path, Member]]:
    """Members by a path that no other has; it lies below the archive's and is never a place on the disk."""
    seen = set[Path]()
    for member in held.members:
        path, number = shown.joinpath(*member.parts), 1
        while path in seen:
            number += 1
            path = shown.joinpath(*member.parts[:-1], f"{member.name} ({number})")
        seen.add(path)
        yield path, member if not member.problem else replace(member, parts=path.parts[len(shown.parts) :])


def _listed(held: Archive, member: Member, start: bytes) -> Listed:
    """Raises SourceError for DICOM without a picture."""
    begun = BytesIO(start)
    _, found = meta_of(begun)
    if found.get(SYNTAX) == DEFLATED:
        return Listed("IMAGE", member.parts, {})
    place, syntax = begun.tell(), stated(found, SYNTAX)
    said, reached = values_of(start, place, syntax)
    if not reached and len(start) < member.size:
        start = held.beginning(member, MORE)
        said, reached = values_of(start, place, syntax)
    if (reached or len(start) == member.size) and "Rows" not in said:
        raise SourceError(held.path, f"{member.name} is DICOM without a picture: it is left in the archive.")
    return Listed("IMAGE", member.parts, said)


def _renamed(sentence: str, real: list[Path], names: tuple[Path, ...]) -> str:
    """Our own names of files say nothing to a reader."""
    for path, name in zip(real, names, strict=False):
        sentence = sentence.replace(path.name, name.name)
    return sentence
