"""A DICOM file's elements, read within limits."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from viewers.errors import SourceError, reading
from viewers.plain_text import one_line
from viewers.sources.coded import BIG_ENDIAN, UID
from viewers.sources.files import opened_file
from viewers.sources.header import is_dicom, syntax_of
from viewers.sources.meta import DEFLATED, meta_start
from viewers.tags import Tag, Tags
from viewers.tags.privacy import may_tell, names_in, repeats
from viewers.tags.text import encodings_of, worded
from viewers.tags.walking import Element, VrOf, Walk, end_of

KEPT = 2048
"""Bytes of a value that are kept."""
WHOLE = 2**20
"""Bytes of a value that are read when all of it is asked for, and up to which values are compared to the last byte."""
INFLATED = 64 * 2**20
"""Bytes of a deflated data set that are looked at."""
_CHARSET, _SIGNED = 0x00080005, 0x00280103
_DEFLATED, _IMPLICIT = DEFLATED.decode(), UID


def read(path: Path) -> Tags:
    """Every element but the pixels, which are only counted. Raises SourceError for what is not DICOM or cannot be read."""
    stated = syntax_of(path)
    with _opened(path, stated) as file, reading(path):
        return _read(path, file, stated)


def whole(path: Path, tag: Tag, little: bool = True) -> str:
    """All of a value, at most 1 MiB of it. Raises SourceError."""
    with _opened(path, syntax_of(path)) as file, reading(path):
        file.seek(tag.offset)
        data = file.read(min(tag.length or 0, WHOLE))
    return worded(tag.vr, data, tag.encodings, little)


def _opened(path: Path, stated: str) -> BinaryIO:
    """The file, of a deflated one as much inflated as lies before the pixels of any honest file. Raises SourceError."""
    file = opened_file(path)
    with reading(path):
        try:
            if not is_dicom(file.read(132)):
                raise SourceError(path, f"{path.name} is not DICOM: it has no tags to show.")
            if stated != _DEFLATED:
                return file
            end = meta_end(file, end_of(file))
            file.seek(0)
            head, packed = file.read(end), file.read()
        except BaseException:
            file.close()
            raise
    file.close()
    try:
        return io.BytesIO(head + zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, INFLATED))
    except zlib.error as error:
        raise SourceError(path, f"{path.name} holds damaged deflated data: export it again.") from error


def _read(path: Path, file: BinaryIO, stated: str) -> Tags:
    end = end_of(file)
    start = meta_end(file, end)
    little = stated != BIG_ENDIAN if stated else _is_little(file, start)
    explicit = _is_explicit(file, start) if stated not in (_IMPLICIT, _DEFLATED, BIG_ENDIAN) else stated != _IMPLICIT
    vr_of = VrOf()
    head = Walk(file, min(_meta_start(file), start), start, explicit=True, little=True, vr_of=vr_of)
    body = Walk(file, start, end, explicit=explicit, little=little, vr_of=vr_of)
    tags = list(_tags(file, iter(head), True, 0))
    notes: list[str] = []
    tags += _tags(file, iter(body), little, len(tags), notes, vr_of)
    names = names_in([(one.tag, one.text) for one in tags])
    tags = [one if one.private or not repeats(one.vr, one.text, names) else replace(one, private=True) for one in tags]
    return Tags(path, tuple(tags), (*head.notes, *body.notes, *dict.fromkeys(notes)), little)


def _tags(
    file: BinaryIO,
    elements: Iterator[Element],
    little: bool,
    first: int,
    notes: list[str] | None = None,
    vr_of: VrOf | None = None,
) -> Iterator[Tag]:
    """`first` is the index of the first of them in the whole list."""
    parents: list[int] = [-1]
    charsets: list[tuple[str, ...]] = [()]
    creators: list[dict[int, str]] = [{}]
    items: dict[int, int] = {}
    vr_of = vr_of or VrOf()
    for index, element in enumerate(elements, first):
        depth = element.depth
        del parents[depth + 1 :], charsets[depth + 1 :], creators[depth + 1 :]
        data, digest = _value(file, element)
        charset = charsets[depth]
        known = vr_of(element.tag) if element.vr == "UN" and not element.tag >> 16 & 1 else element.vr
        text = "" if element.vr in ("SQ", "") else worded(known if known != "SQ" else "UN", data, charset, little)
        if element.tag == _SIGNED:
            vr_of.signed = text == "1"
        if element.tag == _CHARSET:
            charset, note = encodings_of(text)
            charsets[depth] = charset
            if note and notes is not None:
                notes.append(note)
        if element.vr == "":
            items[parents[depth]] = items.get(parents[depth], 0) + 1
        name, keyword = _named(element, text, creators[depth], items.get(parents[depth], 0))
        if _is_pixels(element):
            count = f" in {element.fragments} fragments" if element.fragments else ""
            text = f"{element.present:,} bytes{count}, not loaded"
        tag = Tag(
            element.tag, element.vr, name, keyword, element.length, text.rstrip() if len(text) < 4 * KEPT else text[: 4 * KEPT],
            depth, parents[depth], element.present <= KEPT or _is_pixels(element), may_tell(element.tag, element.vr),
            element.offset, digest, charset,
        )  # fmt: skip
        if element.vr in ("SQ", ""):
            parents.append(index)
            charsets.append(charset)
            creators.append({})
        yield tag


def _value(file: BinaryIO, element: Element) -> tuple[bytes, bytes]:
    """The first bytes, and a digest of all where they are more."""
    if element.vr in ("SQ", "") or _is_pixels(element):
        return b"", b""
    file.seek(element.offset)
    data = file.read(min(element.present, KEPT))
    if not KEPT < element.present <= WHOLE:
        return data, b""
    file.seek(element.offset)
    return data, hashlib.blake2b(file.read(element.present), digest_size=16).digest()


def _is_pixels(element: Element) -> bool:
    return element.tag >> 16 == 0x7FE0 and element.tag & 0xFFFF in (8, 9, 0x10)


def _named(element: Element, text: str, creators: dict[int, str], item: int) -> tuple[str, str]:
    """Name and keyword. Of a private element: by its creator (PS3.5 7.8.1), where pydicom knows it."""
    from pydicom.datadict import dictionary_description, dictionary_keyword, private_dictionary_description

    tag, number = element.tag, element.tag & 0xFFFF
    if element.vr == "" and tag == 0xFFFEE000:
        return f"Item {item}", ""
    if number == 0:
        return "Group Length", "GroupLength"
    if not tag >> 16 & 1:
        try:
            return str(dictionary_description(tag)), str(dictionary_keyword(tag))
        except KeyError:
            return "Unknown", ""
    if 0x10 <= number <= 0xFF:
        creators[tag >> 16 << 8 | number] = one_line(text, 64)
        return "Private Creator", ""
    creator = creators.get(tag >> 16 << 8 | number >> 8, "")
    try:
        return str(private_dictionary_description(tag, creator)).strip("[]"), ""
    except KeyError:
        return f"Private ({creator})" if creator else "Private, no creator stated", ""


def meta_end(file: BinaryIO, end: int) -> int:
    """Where group 0002 ends, whatever its length element says; damaged VRs are passed over, which `meta_of` does not."""
    place = _meta_start(file)
    while place + 8 <= end:
        file.seek(place)
        head = file.read(12)
        if head[:2] != b"\x02\0":
            break
        long = head[4:6] in (b"OB", b"OW", b"UN", b"UT", b"SQ", b"UC", b"UR")
        length = int.from_bytes(head[8:12] if long else head[6:8], "little")
        place += (12 if long else 8) + length
    return min(place, end)


def _meta_start(file: BinaryIO) -> int:
    file.seek(0)
    return meta_start(file.read(132))


def _is_little(file: BinaryIO, place: int) -> bool:
    """By the first group, which is a small number."""
    file.seek(place)
    return file.read(2)[:1] != b"\0"


def _is_explicit(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    head = file.read(6)
    return len(head) == 6 and head[4:6].isalpha() and head[4:6].isupper()
