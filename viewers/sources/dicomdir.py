"""The directory of a DICOM medium (PS3.3 annex F): what it lists, found without reading the files themselves."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from viewers.errors import SourceError, reading
from viewers.plain_text import one_line
from viewers.sources import folder as folders
from viewers.sources.attached import ATTACHED, attached
from viewers.sources.coded import BIG_ENDIAN, UID
from viewers.sources.files import opened_file
from viewers.sources.folder import Failure, Item, grouped, none_left_out
from viewers.sources.header import is_dicom, sop_class_of
from viewers.sources.listed import KEPT, Listed, items_of, number_of, text_of, value_of
from viewers.sources.meta import SYNTAX, marked, meta_of, stated
from viewers.tags.text import encodings_of
from viewers.tags.walking import Element, VrOf, Walk

MOST_BYTES = 256 * 2**20
MOST_RECORDS = 200_000
NAMED = 3
"""Missing files named in the sentence about them."""
_FIRST, _NEXT, _IN_USE, _LOWER, _TYPE, _FILE, _CHARSET = (
    0x00041200, 0x00041400, 0x00041410, 0x00041420, 0x00041430, 0x00041500, 0x00080005
)  # fmt: skip
_LEVELS = {"PATIENT": 0, "STUDY": 1, "SERIES": 2}
_NUMBERS = frozenset({_FIRST, _NEXT, _IN_USE, _LOWER})


@dataclass(slots=True)
class _Record:
    kind: str = ""
    next: int = 0
    lower: int = 0
    in_use: bool = True
    file: str = ""
    charset: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Media:
    """`path` is the DICOMDIR; the folder it lies in is the root of all it lists."""

    path: Path
    listed: tuple[Listed, ...]
    notes: tuple[str, ...] = ()


def media_of(path: Path) -> Media:
    """Raises SourceError for what is no directory or is damaged beyond use."""
    with opened_file(path) as file, reading(path):
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SourceError(path, f"{path.name} is larger than the limit of {MOST_BYTES // 2**20} MiB: open the folders beside it.")
    if not marked(data[:132]):
        raise SourceError(path, f"{path.name} is no DICOM directory: open the folders beside it.")
    records, first, notes = _records(io.BytesIO(data))
    if not records:
        raise SourceError(path, f"{path.name} lists nothing: open the folders beside it.")
    return Media(path, tuple(_walked(records, first)), tuple(notes))


def discovered(media: Media, leave_out: Callable[[Path], bool] = none_left_out) -> Iterator[Item | Failure]:
    """Series and images as the directory lists them, without reading them; then what lies there unlisted; then one line that
    says what is missing, unlisted or no picture."""
    root, found = _Root(media.path.parent), dict[Path, Listed]()
    missing, refused, others = list[str](), list[str](), Counter[str]()
    attachments = list[Failure]()
    for one in media.listed:
        shown = one_line("/".join(one.parts), 60)
        try:
            path = root.place(one.parts)
        except ValueError:
            refused.append(shown)
            continue
        if path is None:
            missing.append(shown)
        elif (said := _attached(path, one)) is not None:
            found[path] = one
            attachments.append(said)
        elif one.kind == "IMAGE":
            found[path] = one
        else:
            found[path] = one
            others[one_line(one.kind.lower(), 24) or "of no type"] += 1
    there = {one.path for one in attachments}
    images = {path: one for path, one in found.items() if one.kind == "IMAGE" and path not in there}
    yield from items_of(images)
    yield from attachments
    known = set(found) | {media.path}
    beside, rest = _beside(media.path.parent, known, leave_out)
    unlisted = 0
    for folder, files in beside.items():
        for item in grouped(folder, files, True) if files else folders.discovered(folder, leave_out):
            unlisted += len(item.files) if isinstance(item, Item) else 1
            yield item
    notes = [*media.notes, *_said(missing, refused, others, unlisted, rest)]
    if notes:
        yield Failure(media.path, " ".join(notes))


def _attached(path: Path, one: Listed) -> Failure | None:
    """What is no picture but says something about pictures, by the directory's own record or by the file's meta header."""
    kind = one.values.get("SOPClassUID", "")
    try:
        if not kind and one.kind != "IMAGE":
            kind = sop_class_of(path)
    except SourceError:
        return None
    return Failure(path, str(attached(path, kind)), True) if kind in ATTACHED else None


def _said(missing: list[str], refused: list[str], others: Counter[str], unlisted: int, rest: int) -> Iterator[str]:
    def named(names: list[str]) -> str:
        return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")

    if missing:
        yield f"{_files(len(missing))} listed here {'is' if len(missing) == 1 else 'are'} missing: {named(missing)}."
    if refused:
        yield f"{_files(len(refused))} listed outside this folder, not opened: {named(refused)}."
    if unlisted:
        yield f"{_files(unlisted)} not listed here, shown all the same."
    if others:
        yield f"Listed, but no picture: {', '.join(f'{count} × {kind}' for kind, count in sorted(others.items()))}."
    if rest and (missing or refused or unlisted):
        yield f"{_files(rest)} beside them {'is' if rest == 1 else 'are'} not DICOM."


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


class _Root:
    """Places below the medium's folder; names match whatever their case, as media are mounted in either."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._real = folder, folder.resolve()
        self._names: dict[Path, dict[str, str]] = {}

    def place(self, parts: tuple[str, ...]) -> Path | None:
        """None when nothing is there. Raises ValueError for what leads out of the folder."""
        path = self._folder
        for part in parts:
            if part in ("", ".", "..") or any(sign in part for sign in "/\\:\0"):
                raise ValueError(part)
            name = self._inside(path).get(part.rstrip(".").casefold())
            if name is None:
                return None
            path /= name
        if path.is_symlink() or not path.resolve().is_relative_to(self._real):
            raise ValueError(path.name)
        return path if path.is_file() else None

    def _inside(self, folder: Path) -> dict[str, str]:
        if folder not in self._names:
            try:
                names = [one.name for one in folder.iterdir()] if folder.resolve().is_relative_to(self._real) else []
            except OSError:
                names = []
            self._names[folder] = {name.partition(";")[0].rstrip(".").casefold(): name for name in sorted(names, reverse=True)}
        return self._names[folder]


def _beside(root: Path, known: set[Path], leave_out: Callable[[Path], bool]) -> tuple[dict[Path, list[Path]], int]:
    """DICOM files below `root` that are not `known`, by folder, and how many other files there are. A folder with a directory of
    its own has no files here: it is another medium."""
    found: dict[Path, list[Path]] = defaultdict(list)
    rest, queue = 0, [root]
    while queue:
        folder = queue.pop()
        try:
            inside = sorted(folder.iterdir())
        except OSError:
            continue
        if folder != root and any(path.name.upper() == folders.DICOMDIR for path in inside):
            found[folder] = []
            continue
        for path in inside:
            if path.name.startswith(".") or path.is_symlink() or path in known:
                continue
            if path.is_dir():
                queue += [] if leave_out(path) else [path]
            elif _begins_as_dicom(path):
                found[folder].append(path)
            else:
                rest += 1
    return dict(sorted(found.items())), rest


def _begins_as_dicom(path: Path) -> bool:
    try:
        with opened_file(path) as file:
            return is_dicom(file.read(132))
    except (OSError, SourceError):
        return False


def _records(file: BinaryIO) -> tuple[dict[int, _Record], int, list[str]]:
    """Records by their offset in the file, in the order they are written; the offset of the first one; notes."""
    meta, found = meta_of(file)
    syntax, end = stated(found, SYNTAX), file.seek(0, io.SEEK_END)
    little = syntax != BIG_ENDIAN
    walk = Walk(file, len(meta), end, explicit=syntax != UID, little=little, vr_of=VrOf(), most=40 * MOST_RECORDS)
    records: dict[int, _Record] = {}
    charset: tuple[str, ...] = ()
    first, record = 0, _Record()
    for element in walk:
        if element.depth == 1 and element.vr == "":
            if len(records) == MOST_RECORDS:
                walk.notes.append(f"It lists more than {MOST_RECORDS:,} records; the rest is left out.")
                break
            record = records[element.offset - 8] = _Record(charset=charset)
        elif element.tag == _FIRST and element.depth == 0:
            first = number_of(file, element, little)
        elif element.tag == _CHARSET and element.depth in (0, 2):
            named = encodings_of(text_of(file, element, ()))[0]
            if element.depth == 0:
                charset = named
            else:
                record.charset = named
        elif element.depth == 2:
            _take(file, element, record, little)
    return records, first, walk.notes


def _take(file: BinaryIO, element: Element, record: _Record, little: bool) -> None:
    tag = element.tag
    if tag == _NEXT:
        record.next = number_of(file, element, little)
    elif tag == _LOWER:
        record.lower = number_of(file, element, little)
    elif tag == _IN_USE:
        record.in_use = number_of(file, element, little) != 0
    elif tag == _TYPE:
        record.kind = text_of(file, element, ())
    elif tag == _FILE:
        record.file = text_of(file, element, ())
    elif tag in KEPT:
        record.values[KEPT[tag]] = value_of(file, element, record.charset, little)


def _walked(records: Mapping[int, _Record], first: int) -> Iterator[Listed]:
    """Down and along the offsets; records no offset leads to follow in the order they are written."""
    seen = set[int]()
    stack: list[tuple[int, Mapping[str, str], bool]] = [(first, {}, True)]
    while stack:
        at, above, active = stack.pop()
        if at in seen or at not in records:
            continue
        seen.add(at)
        record = records[at]
        said = {**above, **record.values}
        active_here = active and record.in_use
        if record.file and active_here:
            yield Listed(record.kind, tuple(record.file.split("\\")), said)
        stack.append((record.next, above, active))
        stack.append((record.lower, said, active_here))
    levels: list[Mapping[str, str]] = [{}, {}, {}]
    for at, record in records.items():
        level = _LEVELS.get(record.kind)
        if level is not None:
            levels[level:] = [record.values] + [{}] * (2 - level)
        if at not in seen and record.in_use and record.file:
            yield Listed(record.kind, tuple(record.file.split("\\")), {**levels[0], **levels[1], **levels[2], **record.values})
