"""The one door for files of marks: what a file holds decides how it is read, its suffix how it is written."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from viewers.annotations import asap, dicom, geojson, geojson_write, table
from viewers.annotations.annotation import Annotation
from viewers.annotations.classes import AnnotationClass
from viewers.annotations.dicom import Form
from viewers.annotations.found import Found, Gathering, Progress, Stopped, unheard
from viewers.annotations.index import Index
from viewers.annotations.json_pieces import Pieces
from viewers.errors import SourceError, reading
from viewers.geometry import Size, Spacing
from viewers.sources.files import opened_file
from viewers.sources.header import is_dicom
from viewers.writing import taking_name

__all__ = ["Loaded", "Progress", "Stopped", "load", "save"]

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`notes` are sentences for the reader; `index` is built of `marks` and ready to be asked."""

    marks: tuple[Annotation, ...]
    classes: tuple[AnnotationClass, ...]
    notes: tuple[str, ...]
    index: Index


def load(path: Path, size: Size, progress: Progress = unheard, *, reference: Path | None = None) -> Loaded:
    """The marks of a file, for a slide of `size` level-0 pixels. For a worker thread.

    `reference` is the file of a DICOM slide's level 0: marks in mm are placed by it. Raises SourceError, and what `progress`
    raises.
    """
    found = _found(path, size, progress, reference)
    return Loaded(found.marks, found.classes, found.notes, Index(found.marks).prepare())


def _found(path: Path, size: Size, progress: Progress, reference: Path | None) -> Found:
    gathering = Gathering(path)
    start = _start(path)
    if is_dicom(start):
        dicom.read(path, reference, gathering, progress)
        return gathering.found(size)
    with _unpacked(path) as (file, share):
        if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            asap.read(file, gathering)
        else:
            geojson.read(Pieces(path, file, lambda: progress(share())), gathering)
    return gathering.found(size)


def _start(path: Path) -> bytes:
    with opened_file(path) as file, reading(path):
        return file.read(200)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], float]]]:
    """The text of a file that may be gzipped or zipped, and how much of the file has been read, 0 … 1."""
    with ExitStack() as stack:
        raw = stack.enter_context(opened_file(path))
        with reading(path):
            length = max(1, path.stat().st_size)
            start = raw.read(4)
            raw.seek(0)
        file: IO[bytes] = raw
        if start.startswith(_GZIP):
            file = stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=raw)))
        elif start == _ZIP:
            file = stack.enter_context(_member(path, stack.enter_context(_archive(path, raw))))
        yield cast(BinaryIO, file), lambda: min(1.0, raw.tell() / length)


def _archive(path: Path, raw: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except zipfile.BadZipFile as error:
        raise SourceError(path, f"{path.name} is a damaged ZIP file: copy it again from where it came.") from error


def _member(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    names = [one for one in archive.namelist() if one.lower().endswith((".json", ".geojson"))]
    if len(names) != 1:
        raise SourceError(path, f"{path.name} holds {len(names)} GeoJSON files, not one: unpack it and choose a file.")
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise SourceError(path, f"{path.name} is packed in a way that cannot be read: unpack it first.") from error


def save(
    path: Path, marks: Sequence[Annotation], classes: Sequence[AnnotationClass], *,
    spacing: Spacing | None = None, progress: Progress = unheard, form: Form = "ann", reference: Path | None = None,
    identity: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """Write `marks` as GeoJSON (.geojson, .json), as a table (.csv) or as DICOM (.dcm), of which there are two forms.

    `reference` is the file of a DICOM slide's level 0, to which the marks then refer; for any other slide `identity` is a text
    that is its own, such as a digest, from which the UIDs that stand for it are derived. The notes say what the file could not
    hold. Raises SourceError, and what `progress` raises; a file that was there before is then untouched.
    """
    suffix = path.suffix.lower()
    if suffix not in (".geojson", ".json", ".csv", ".dcm"):
        raise SourceError(path, f"Marks are not written as {suffix or 'a file without a suffix'}: use .geojson, .csv or .dcm.")
    with taking_name(path) as file:
        if suffix == ".dcm":
            return dicom.write(path, file, marks, classes, form, reference, identity, spacing, progress)
        texts = table.texts(marks, spacing, progress) if suffix == ".csv" else geojson_write.texts(marks, classes, progress)
        for text in texts:
            file.write(text.encode("utf-8", "replace"))
    return ()
