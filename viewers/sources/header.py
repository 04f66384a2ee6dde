"""DICOM files up to their pixels, read within limits by the reader processes."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from viewers.cache import ByteCache
from viewers.errors import SourceError, reading
from viewers.geometry import Size
from viewers.readers.pool import Answer, readers
from viewers.sources.brief import GROUPS, TAGS, Brief
from viewers.sources.coded import Coded
from viewers.sources.files import opened_file
from viewers.sources.meta import DEFLATED, SOP_CLASS, SYNTAX, WHOLE_SLIDE, is_dicom, meta_of, stated
from viewers.sources.parsing import inflated_file

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "WHOLE_SLIDE",
    "Header",
    "WholeSlide",
    "dataset_of",
    "header_of",
    "headers_of",
    "is_dicom",
    "opened",
    "sop_class_of",
    "syntax_of",
]
_RECENT_BYTES = 32 * 2**20
_OWN_BYTES = 4096
"""What a header takes beside its bytes."""
State = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Header:
    """A data set without its pixels, and the shape of the pixels, checked against the limits."""

    path: Path
    state: State
    sop_class: str
    """By the meta header."""
    brief: Brief
    """The values by which slices are ordered, at hand without parsing; `dataset` parses the rest when it is first asked for."""
    coded: Coded
    frames: int
    offset: int
    grouped: bool
    """Whether it holds functional groups (C.7.6.16), which no `brief` tells of."""
    _data: bytes
    _ranges: NDArray[np.int64] | None
    _starts: NDArray[np.int64] | None

    @cached_property
    def dataset(self) -> Dataset:
        """All elements before the pixels. Raises SourceError."""
        return _dataset(self.path, self._data)

    def get(self, keyword: str) -> Any:
        """As of `dataset`, for `viewers.sources.values`; what slices are ordered by is at hand without parsing."""
        if keyword in TAGS:
            return self.brief.get(keyword)
        return self.dataset.get(keyword) if self.grouped or keyword not in GROUPS else None

    def holding(self, bits: int) -> Header:
        """The same with so many stored bits, for what lies beside the value."""
        return replace(self, coded=replace(self.coded, stored=bits))

    @property
    def size(self) -> Size:
        return Size(*self.coded.size)

    @property
    def syntax(self) -> str:
        return self.coded.syntax

    @property
    def samples(self) -> int:
        return self.coded.samples

    @property
    def allocated(self) -> int:
        return self.coded.allocated

    @property
    def stored(self) -> int:
        return self.coded.stored

    @property
    def photometric(self) -> str:
        return self.coded.photometric

    def ranges(self, frame: int) -> list[list[int]]:
        """Offset and length of the pieces of an encapsulated frame."""
        if self._ranges is None or self._starts is None:
            return []
        found: list[list[int]] = self._ranges[self._starts[frame] : self._starts[frame + 1]].tolist()
        return found


@dataclass(frozen=True, slots=True, eq=False)
class WholeSlide:
    """A file of a DICOM slide, of which OpenSlide reads the rest."""

    path: Path
    brief: Brief


class _Recent:
    """Headers read lately, by path and state of the file: what was listed opens without being read again.

    Without their data sets, which take many times the bytes they are parsed from: those go with whoever asked for them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._headers: ByteCache[Path, Header] = ByteCache(_RECENT_BYTES)

    def get(self, path: Path) -> Header | None:
        with self._lock:
            found = self._headers.get(path)
        try:
            status = os.stat(path) if found else None  # noqa: PTH116 (500 of them for one series)
        except OSError:
            return None
        known = found and status and found.state == (status.st_size, status.st_mtime_ns, status.st_ino)
        return replace(found) if found and known else None

    def put(self, header: Header, size: int) -> None:
        with self._lock:
            self._headers.put(header.path, replace(header), size)


_recent = _Recent()


def headers_of(paths: Sequence[Path]) -> Iterator[Header | WholeSlide | SourceError | None]:
    """For each path its header, the error that came instead, or None where the file is not DICOM."""
    known = {path: found for path in paths if (found := _recent.get(path)) and found.sop_class != WHOLE_SLIDE}
    unknown = [path for path in paths if path not in known]
    answers = iter(readers().spread("parse", [_item(path, True, None) | {"slides": True} for path in unknown]) if unknown else ())
    for path in paths:
        yield known[path] if path in known else _header(path, next(answers))


def header_of(path: Path) -> Header:
    """The header of an image, checked. Raises SourceError with the limit that is broken or the thing that is missing."""
    found = _recent.get(path) or _header(path, readers().ask("parse", [_item(path, True, None)])[0])
    if isinstance(found, SourceError):
        raise found
    return found if isinstance(found, Header) else _raise_not_dicom(path)


def dataset_of(path: Path, tags: list[str] | None = None) -> Dataset:
    """The data set without pixels, or only `tags` of it. Raises SourceError."""
    answer = readers().ask("parse", [_item(path, False, tags)])[0]
    if isinstance(answer, SourceError):
        raise answer
    return _dataset(path, answer[1][0].tobytes()) if answer[0] else _raise_not_dicom(path)


def opened(path: Path) -> BinaryIO:
    """The file at its start for who walks it within limits of their own, inflated where it is deflated. Raises SourceError."""
    if syntax_of(path).encode() == DEFLATED:
        with reading(path):
            return io.BytesIO(inflated_file(path))
    return opened_file(path)


def sop_class_of(path: Path) -> str:
    """The SOP Class UID by the meta header alone, "" when it names none. Raises SourceError."""
    return _stated(path, SOP_CLASS)


def syntax_of(path: Path) -> str:
    """The transfer syntax UID by the meta header, "" when it names none. Raises SourceError."""
    return _stated(path, SYNTAX)


def _stated(path: Path, element: int) -> str:
    with opened_file(path) as file, reading(path):
        return stated(meta_of(file)[1], element)


def _item(path: Path, image: bool, tags: list[str] | None) -> dict[str, Any]:
    if tags is None:
        return {"path": str(path), "image": image}
    from pydicom.datadict import tag_for_keyword

    return {"path": str(path), "image": image, "only": [tag for keyword in tags if (tag := tag_for_keyword(keyword))]}


def _header(path: Path, answer: Answer) -> Header | WholeSlide | SourceError | None:
    if isinstance(answer, SourceError):
        return answer
    told, arrays = answer
    if not told:
        return None
    if told["coded"] is None:
        return WholeSlide(path, Brief(told["texts"]))
    coded = Coded(**{**told["coded"], "size": tuple(told["coded"]["size"])})
    data, texts = arrays[0].tobytes(), {keyword: found for keyword in TAGS if (found := told["texts"].get(keyword))}
    header = Header(
        path=path, state=(told["state"][0], told["state"][1], told["state"][2]), sop_class=told["sop_class"],
        brief=Brief(texts), coded=coded, frames=told["frames"], offset=told["offset"],
        grouped=told["grouped"], _data=data,
        _ranges=arrays[1] if len(arrays) > 1 else None, _starts=arrays[2] if len(arrays) > 1 else None,
    )  # fmt: skip
    _recent.put(header, len(data) + sum(one.nbytes for one in arrays[1:]) + _OWN_BYTES)
    return header


def _raise_not_dicom(path: Path) -> Any:
    raise SourceError(path, f"{path.name} is not DICOM (no DICM mark, no elements): open it as what it is or export it again.")


def _dataset(path: Path, data: bytes) -> Dataset:
    """By pydicom, out of bytes whose lengths fit and whose sequences are not too deep."""
    import pydicom
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\.")  # tag text stays out of logs; damage is judged by values
    try:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    except Exception as error:  # pydicom names no closed list of what damage raises
        raise SourceError(path, f"{path.name} has a damaged DICOM header: export it again from where it came.") from error
