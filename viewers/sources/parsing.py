"""What a reader process does with a DICOM file: the walk up to its pixels, all checks, and the bytes of one frame. No pydicom."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError, reading
from viewers.sources import codecs, elements, fragments, values
from viewers.sources.brief import GROUPS, Brief, brief_of
from viewers.sources.coded import BIG_ENDIAN, CodecError, Coded
from viewers.sources.elements import Elements, ElementsError, Prefix
from viewers.sources.files import must_be_file
from viewers.sources.inflate import InflateError, inflated
from viewers.sources.meta import DEFLATED, EXPLICIT, SOP_CLASS, SYNTAX, WHOLE_SLIDE, is_dicom, meta_of, stated

MAX_PIXEL_BYTES = 2 * 2**30
_CHARSET, _SERIES = 0x00080005, 0x0020000E
_EXTENDED = 0x7FE00001, 0x7FE00002
_IMPLICIT = "1.2.840.10008.1.2"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A DICOM file up to its pixels. `data` is a Part 10 file of its own: meta header and the elements before the pixels."""

    state: tuple[int, int, int]
    """Size, time of change in ns and number of the file, by which another file of the same name is told."""
    syntax: str
    sop_class: str
    """By the meta header."""
    little: bool
    implicit: bool
    texts: dict[str, list[str]]
    grouped: bool
    data: bytes
    coded: Coded | None = None
    """None: the file holds no pixels, or only a data set was asked for."""
    frames: int = 0
    offset: int = 0
    """Of the pixels in the file, inflated where its syntax deflates it."""
    ranges: NDArray[np.int64] | None = None
    starts: NDArray[np.int64] | None = None
    """Of encapsulated frames, see `fragments.packed`."""


def parsed(path: Path, image: bool, only: Sequence[int] | None = None, slides: bool = False) -> Parsed | None:
    """None when the file is not DICOM. With `image` its pixels are looked for and checked; `only` leaves out other elements.

    With `slides` a file of a slide gives its `texts` alone. Raises SourceError.
    """
    with reading(path), _opened(path) as file:
        status = os.fstat(file.fileno())
        state = status.st_size, status.st_mtime_ns, status.st_ino
        start = file.read(2**16)
        if not is_dicom(start):
            return None
        begun = io.BytesIO(start)
        meta, found = meta_of(begun)
        stream, size, offset, head = file, status.st_size, begun.tell(), meta
        if found.get(SYNTAX) == DEFLATED:
            whole = _inflated(path, state)
            stream, size, offset, head = io.BytesIO(whole), len(whole), len(meta), whole[: len(meta)]
        syntax = stated(found, SYNTAX)
        try:
            if stream is file:
                prefix = Prefix(stream, size, start)
            else:
                prefix = Prefix(stream, size)
                prefix.reach(min(size, 2**16))
            little, implicit = _encoding(syntax, prefix, offset)
            wanted = None if only is None else frozenset((*only, _CHARSET))
            sop_class = stated(found, SOP_CLASS)
            slide = slides and sop_class == WHOLE_SLIDE
            walk = elements.walked(prefix, offset, little, implicit, wanted, *([_SERIES] if slide else []))
        except ElementsError as error:
            raise SourceError(path, f"{path.name} {error}.") from error
        texts, grouped = brief_of(walk, prefix.data), any(tag in walk.places for tag in GROUPS.values())
        data = _header_bytes(walk, head, prefix.data, offset, wanted)
        if slide or not image:
            return Parsed(state, syntax, sop_class, walk.little, walk.implicit, texts, grouped, data)
        coded, frames = _coded(path, walk, syntax, Brief(texts), sop_class)
        ranges, starts = _checked_pixels(path, stream, size, walk, prefix.data, coded, frames)
        assert walk.pixels is not None
        return Parsed(
            state,
            syntax,
            sop_class,
            walk.little,
            walk.implicit,
            texts,
            grouped,
            data,
            coded,
            frames,
            walk.pixels.offset,
            ranges,
            starts,
        )


def frame_of(
    path: Path,
    state: tuple[int, int, int],
    coded: Coded,
    frame: int,
    offset: int,
    ranges: Sequence[Sequence[int]],
    halvings: int = 0,
) -> NDArray[Any]:
    """Stored values of one frame of a file that was `parsed`; with `halvings` those of a smaller picture inside the codestream.

    `ranges` are the frame's own, () where it is not encapsulated. Raises SourceError.
    """
    try:
        with reading(path):
            data = _frame_bytes(path, state, coded, frame, offset, ranges)
            if not data:
                raise CodecError(f"holds no data for frame {frame + 1}: it is damaged or cut short, export it again")
            return codecs.reduced(coded, data, halvings) if halvings else codecs.decoded(coded, data)
    except SourceError:
        raise
    except (InflateError, CodecError) as error:
        ending = "" if ": " in str(error) else ": it is damaged or hostile, export it again"
        raise SourceError(path, f"{path.name} {error}{ending}.") from error
    except Exception as error:  # codecs name no closed list of what damage raises
        name = coded.syntax or _IMPLICIT
        raise SourceError(path, f"{path.name}, frame {frame + 1}, is damaged or cut short ({name}): export it again.") from error


def _opened(path: Path) -> BinaryIO:
    """The file without a buffer; what is no file is refused before it can make anybody wait."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError:
        must_be_file(path)
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        must_be_file(path)
        raise SourceError(path, f"{path.name} is no file: open a file or a folder.")
    return os.fdopen(handle, "rb", buffering=0)


@lru_cache(maxsize=1)
def _inflated(path: Path, _: tuple[int, int, int]) -> bytes:
    """Kept while frames of one file are asked for."""
    return inflated_file(path)


def inflated_file(path: Path) -> bytes:
    """A deflated file as one that is not, within the limits of `inflate`. Raises SourceError and OSError."""
    with _opened(path) as file:
        meta, _found = meta_of(file)
        packed = file.read()
    try:
        return meta.replace(DEFLATED, EXPLICIT) + inflated(packed)
    except InflateError as error:
        raise SourceError(path, f"{path.name} {error}: it is damaged or hostile, export it again.") from error


def _encoding(syntax: str, prefix: Prefix, place: int) -> tuple[bool, bool]:
    """Byte order and implicit VR by the transfer syntax, else by what the first element looks like."""
    if syntax:
        return syntax != BIG_ENDIAN, syntax == _IMPLICIT
    head = prefix.data[place : place + 6]
    lettered = len(head) == 6 and b"AA" <= head[4:6] <= b"ZZ"
    return not (lettered and head[1:2] > head[0:1] and head[0] == 0), not lettered


def _header_bytes(walk: Elements, meta: bytes, data: bytes, start: int, wanted: frozenset[int] | None) -> bytes:
    if wanted is None:
        return meta + data[start : walk.end]
    return meta + b"".join(data[start:end] for tag, (_, start, _, end) in walk.places.items() if tag in wanted)


def _coded(path: Path, walk: Elements, syntax: str, brief: Brief, sop_class: str) -> tuple[Coded, int]:
    pixels = walk.pixels
    dataset: Any = brief
    if pixels is None:
        raise SourceError(path, _without_picture(path, brief, sop_class))
    width, height = _count(path, dataset, "Columns"), _count(path, dataset, "Rows")
    frames = max(1, values.integer(dataset, "NumberOfFrames") or 1)
    samples = values.integer(dataset, "SamplesPerPixel") or 1
    keyword = elements.PIXEL_TAGS[pixels.tag]
    allocated = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(keyword) or _bits(path, dataset)
    if samples not in (1, 3):
        raise SourceError(path, f"{path.name} has {samples} values per pixel; only 1 and 3 can be shown.")
    wanted = width * height * frames * samples * ((allocated + 7) // 8)
    if wanted > MAX_PIXEL_BYTES:
        claim = f"{width} × {height} pixels" + (f" in {frames} frames" if frames > 1 else "")
        limit = f"more than the limit of {MAX_PIXEL_BYTES // 2**30} GiB"
        raise SourceError(path, f"{path.name} claims {claim}, {limit}: check its header.")
    stored = min(values.integer(dataset, "BitsStored") or allocated, allocated)
    photometric = values.code(dataset, "PhotometricInterpretation") or ("MONOCHROME2" if samples == 1 else "RGB")
    signed = values.integer(dataset, "PixelRepresentation") == 1
    planar = values.integer(dataset, "PlanarConfiguration") == 1
    return Coded(
        syntax, walk.little, keyword, pixels.vr, (width, height), samples, allocated, max(1, stored), photometric, signed, planar
    ), frames


def _checked_pixels(
    path: Path, file: BinaryIO, size: int, walk: Elements, data: bytes, coded: Coded, frames: int
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Whether all pixels are there; the ranges of encapsulated frames."""
    pixels = walk.pixels
    assert pixels is not None
    if coded.native:
        present = min(size - pixels.offset, size if pixels.length is None else pixels.length)
        needed = (coded.frame_bits * frames + 7) // 8
        if present < needed:
            raise SourceError(
                path, f"{path.name} is cut short: {present:,} of {needed:,} bytes of pixels are there; copy it again."
            )
        return None, None
    if pixels.length is not None:  # against PS3.5 A.4, but whole all the same
        items, whole = fragments.fragments_of(file, pixels.offset, min(size, pixels.offset + pixels.length))
    else:
        items, whole = fragments.fragments_of(file, pixels.offset, size)
    if not whole:
        raise SourceError(path, f"{path.name} is cut short: it ends inside its compressed pixels; copy it again.")
    tables = [data[place[2] : place[3]] for tag in _EXTENDED if (place := walk.places.get(tag))]
    extended = (tables[0], tables[1]) if len(tables) == 2 and all(tables) else None
    return fragments.packed(fragments.frames_of(file, items, frames, extended))


def _frame_bytes(
    path: Path, state: tuple[int, int, int], coded: Coded, frame: int, offset: int, ranges: Sequence[Sequence[int]]
) -> bytes:
    if coded.syntax.encode() == DEFLATED:
        return _native_bytes(io.BytesIO(_inflated(path, state)), coded, frame, offset)
    with _opened(path) as file:
        if coded.native:
            return _native_bytes(file, coded, frame, offset)
        parts, size = [], os.fstat(file.fileno()).st_size
        for at, length in ranges:
            file.seek(max(0, at))
            parts.append(file.read(max(0, min(length, size - at))))
        return b"".join(parts)


def _native_bytes(file: BinaryIO, coded: Coded, frame: int, offset: int) -> bytes:
    bits = coded.frame_bits
    if bits % 8:  # frames of single bits follow each other without filling
        first = bits * frame
        file.seek(offset + first // 8)
        some = np.frombuffer(file.read((first % 8 + bits + 7) // 8), np.uint8)
        return np.packbits(np.unpackbits(some, bitorder="little")[first % 8 :][:bits], bitorder="little").tobytes()
    size = bits // 8
    file.seek(offset + size * frame)
    return file.read(size + size % 2)[: None if coded.vr == "OW" else size]  # words may be swapped


def _count(path: Path, dataset: Any, keyword: str) -> int:
    found = values.integer(dataset, keyword)
    if found is None or not 1 <= found <= 65_535:
        raise SourceError(path, f"{path.name} states no usable {keyword} (found {found}): it is damaged, export it again.")
    return found


def _bits(path: Path, dataset: Any) -> int:
    found = values.integer(dataset, "BitsAllocated")
    if found not in (1, 8, 16, 32, 64):
        raise SourceError(path, f"{path.name} stores {found} bits per value; 1, 8, 16, 32 and 64 can be read.")
    return found


def _without_picture(path: Path, brief: Brief, sop_class: str) -> str:
    from pydicom.uid import UID

    if brief.get("Rows"):
        return f"{path.name} ends before its pixels: it was cut short, copy it again."
    dataset: Any = brief
    kind = UID(values.uid(dataset, "SOPClassUID") or sop_class).name.removesuffix(" Storage")
    return f"{path.name} is DICOM without a picture ({kind or 'of no stated kind'}): open an image of the same study."
