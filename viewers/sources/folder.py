"""What can be opened below a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from viewers.errors import SourceError, reading
from viewers.geometry import Spacing
from viewers.sources import Kind, Source, series, values
from viewers.sources.attached import ATTACHED, Attached, attached
from viewers.sources.dicom_facts import facts_of
from viewers.sources.facts import Facts
from viewers.sources.header import Header, WholeSlide, headers_of, sop_class_of
from viewers.sources.opening import beginning, is_planes, is_slide, opened
from viewers.sources.who import Who, who_of
from viewers.waveform import SOP_CLASSES as WAVEFORMS

STACKS = {"CT", "MR", "PT", "NM"}
"""Modalities whose files of one series are slices of one stack."""
DICOMDIR = "DICOMDIR"
PIECE = 64
"""Files read before what is known of them is told, by who waits."""
_NAMED = 8
"""Folders named in a sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be opened: one file, or the `files` of one series or DICOM slide, which go together.

    `path` names it: the folder when it holds nothing else, else the first file.
    """

    path: Path
    kind: Kind
    files: tuple[Path, ...]
    modality: str = ""
    facts: Facts | None = None
    """Of the first file; None for what is not DICOM, and for slides."""
    who: Who | None = None
    unread: bool = False
    """Whether something else told of the files: none of them was looked at yet."""

    def sample(self) -> Item:
        """The middle file alone."""
        return replace(self, files=(self.files[len(self.files) // 2],))

    def open(self, *, spacing: Spacing | None = None) -> Source:
        """Raises SourceError."""
        if self.kind == "series" and len(self.files) > 1:
            return series.opened(self.path, self.files, spacing)
        if self.kind == "slide" and len(self.files) > 1:
            from viewers.sources.slide import Slide

            return Slide(self.files[0], spacing, name=self.path.name)
        return opened(self.files[0], spacing)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that cannot be opened, and the sentence that says why."""

    path: Path
    sentence: str
    attached: bool = False
    """Whether it is no picture but says something about pictures, and is shown with them."""
    unpack: Callable[[], Path] | None = field(default=None, compare=False)
    """Gives the file itself where `path` is a name in an archive. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file, before grouping."""

    path: Path
    kind: Kind
    modality: str = ""
    group: tuple[object, ...] | None = None
    instance: str = ""
    volume: bool = True
    header: Header | None = None

    def item(self, path: Path, kind: Kind, files: tuple[Path, ...]) -> Item:
        """Under this file's facts: a series under those of its first, so that the others need not be parsed for them."""
        try:
            dataset = self.header.dataset if self.header is not None else None
        except SourceError:
            dataset = None  # whoever opens it is told
        facts, who = (facts_of(dataset), who_of(dataset)) if dataset is not None else (None, None)
        return Item(path, kind, files, self.modality, facts, who)


def none_left_out(_: Path) -> bool:
    """Looks into every folder."""
    return False


def discovered(
    folder: Path, leave_out: Callable[[Path], bool] = none_left_out, *, eager: bool = False
) -> Iterator[Item | Failure]:
    """Items and failures below `folder`, folder by folder, sorted by path. Raises SourceError for `folder` itself.

    `leave_out` is asked of every folder inside; where it says True, nothing of that folder is looked at. `eager`: as soon as they
    are known, a folder's own files before the folders in it.
    """
    with reading(folder):
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    if (directory := next((path for path in entries if path.name.upper() == DICOMDIR), None)) is not None:
        from viewers.sources import dicomdir

        try:
            media = dicomdir.media_of(directory)
        except SourceError as error:
            yield Failure(directory, str(error))
            entries.remove(directory)
        else:
            yield from dicomdir.discovered(media, leave_out)
            return
    visible = [path for path in entries if not path.name.startswith(".")]
    files = [path for path in visible if not _is_folder(path)]
    more = len(files) < len(visible)
    if eager:
        yield from _as_found(folder, files, more, PIECE)
        files = []
    found = grouped(folder, files, more)
    inside = [path for path in visible if _is_folder(path) and not path.is_symlink()]  # a link may lead round in a circle
    inside = [path for path in inside if not leave_out(path)]
    keyed: list[tuple[str, list[Item | Failure] | Path]] = [(one.path.name, [one]) for one in found]
    if len(found) == 1 and found[0].path == folder:
        keyed = [("", list(found))]
    for _, one in sorted(keyed + [(path.name, path) for path in inside], key=lambda pair: pair[0]):
        if isinstance(one, Path):
            try:
                yield from discovered(one, leave_out, eager=eager)
            except SourceError as error:
                yield Failure(one, str(error))
        else:
            yield from one


def opened_folder(folder: Path, spacing: Spacing | None = None) -> Source:
    """The one series, slide or picture a folder holds itself. Raises SourceError when it holds none or several."""
    name = folder.resolve().name or str(folder)
    with reading(folder):
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not _is_folder(path))
    found = grouped(folder, files, False)
    items = [one for one in found if isinstance(one, Item)]
    if len(items) == 1:
        return items[0].open(spacing=spacing)
    if items:
        raise SourceError(folder, f"{name} holds {len(items)} pictures or series: open one of them.")
    if below := _folders_with_images(folder):
        raise SourceError(folder, f"{name} holds no image itself, its folders do: open {' or '.join(below)} inside it.")
    failure = next((one for one in found if isinstance(one, Failure)), None)
    if failure is not None and len(found) == 1:
        raise SourceError(failure.path, failure.sentence)
    raise SourceError(folder, f"{name} holds nothing that can be opened: choose a folder with images.")


def _folders_with_images(folder: Path) -> list[str]:
    """Names of the first folders inside in which there is something that can be opened, at whatever depth."""
    with reading(folder):
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and _is_folder(path))
    named = (path.name for path in inside if not path.is_symlink() and _holds_images(path))
    return list(islice(named, _NAMED))


def _holds_images(folder: Path) -> bool:
    try:
        return any(isinstance(one, Item) for one in discovered(folder))
    except SourceError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def grouped(folder: Path, files: list[Path], more: bool) -> list[Item | Failure]:
    """The items of one folder in the order of their first file; `more` when there are folders inside as well."""
    return sorted(_as_found(folder, files, more, len(files)), key=lambda one: one.path)


def _as_found(folder: Path, files: list[Path], more: bool, piece: int) -> Iterator[Item | Failure]:
    """What stands alone as soon as its piece of so many files is read, what goes together at the end."""
    groups: dict[tuple[object, ...], list[_Entry]] = defaultdict(list)
    alone = not more
    for start in range(0, len(files), max(1, piece)):
        some = files[start : start + piece]
        for path, header in zip(some, headers_of(some), strict=True):
            try:
                entry = _entry(path, header)
            except SourceError as error:
                attached = isinstance(error, Attached)
                alone = alone and attached
                yield Failure(path, str(error), attached)
                continue
            if entry.group is None:
                alone = False
                yield _single(entry)
            else:
                groups[entry.group].append(entry)
    for members in groups.values():
        instances = {entry.instance for entry in members}
        if len(members) == 1 or (members[0].kind == "series" and len(instances) < len(members)):
            yield from (_single(entry) for entry in members)
            continue
        paths = tuple(entry.path for entry in sorted(members, key=lambda entry: (not entry.volume, entry.path)))
        named = folder if alone and len(groups) == 1 else min(paths)
        yield members[0].item(named, members[0].kind, paths)


def _single(entry: _Entry) -> Item:
    frames_kind: Kind = "radiograph" if entry.kind == "series" and entry.instance != "frames" else entry.kind
    return entry.item(entry.path, frames_kind, (entry.path,))


def _entry(path: Path, header: Header | WholeSlide | SourceError | None) -> _Entry:
    """What one file is, by its header where it is DICOM, else by its first bytes. Raises SourceError."""
    if header is None:
        start = beginning(path)
        if is_planes(path, start) or is_slide(path, start):
            return _Entry(path, "slide", "SM")
        opened(path).close()
        return _Entry(path, "picture")
    if isinstance(header, SourceError):
        kind = sop_class_of(path)
        if kind in WAVEFORMS:
            opened(path).close()
            return _Entry(path, "waveform", "ECG")
        raise attached(path, kind) if kind in ATTACHED else header
    if isinstance(header, Header) and header.sop_class in ATTACHED:
        raise attached(path, header.sop_class)
    dataset = header.brief
    modality, group = values.code(dataset, "Modality"), values.uid(dataset, "SeriesInstanceUID")
    instance = values.uid(dataset, "SOPInstanceUID")
    if isinstance(header, WholeSlide):
        volume = "VOLUME" in values.texts(dataset, "ImageType")
        return _Entry(path, "slide", "SM", (group, "slide"), instance, volume)
    frames = values.integer(dataset, "NumberOfFrames") or 1
    if frames > 1:
        return _Entry(path, "series", modality, None, "frames", header=header)
    if modality not in STACKS or not group:
        return _Entry(path, "radiograph", modality, header=header)
    shape = values.integer(dataset, "Rows"), values.integer(dataset, "Columns")
    return _Entry(path, "series", modality, (group, *shape), instance, header=header)
