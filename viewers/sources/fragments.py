"""Which bytes of a file belong to which frame of encapsulated pixels (PS3.5 A.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]
"""Offset in the file and length, bytes."""
_ITEM, _END_OF_ITEMS = 0xE000FFFE, 0xE0DDFFFE
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP", b"\xff\x0a", b"\0\0\0\x0cJXL")
"""How a codestream of JPEG, JPEG-LS, JPEG 2000 or JPEG XL begins."""


def fragments_of(file: BinaryIO, offset: int, size: int) -> tuple[list[Range], bool]:
    """The items from `offset` on, the offset table first, and whether they reach their end mark or exactly the file's end."""
    found: list[Range] = []
    place = offset
    while place + 8 <= size:
        file.seek(place)
        tag, length = struct.unpack("<II", file.read(8))
        if tag != _ITEM:
            return found, bool(tag == _END_OF_ITEMS)
        found.append((place + 8, length))
        place += 8 + length
    return found, place == size


def frames_of(
    file: BinaryIO, items: Sequence[Range], frames: int, extended: tuple[bytes, bytes] | None = None
) -> list[list[Range]]:
    """The fragments of each frame: by the extended offset table, the basic one, their number, or where a codestream begins.

    A frame that has none is []. `items` are those of `fragments_of`.
    """
    table, fragments = items[:1], list(items[1:])
    base = table[0][0] + table[0][1] if table else 0
    if extended is not None:
        offsets, lengths = (np.frombuffer(one, "<u8", len(one) // 8).tolist() for one in extended)
        ranges = [[(base + 8 + at, length)] for at, length in zip(offsets, lengths, strict=False)][:frames]
        return ranges + [[] for _ in range(frames - len(ranges))]
    if frames == 1:
        return [fragments]
    starts = _by_table(file, table, fragments, frames) if len(fragments) != frames else None
    if starts is None and len(fragments) <= frames:
        starts = list(range(len(fragments)))
    if starts is None:
        starts = [place for place, one in enumerate(fragments) if _begins(file, one)]
    starts = starts[:frames]
    ends = [*starts[1:], len(fragments)]
    grouped = [fragments[start:end] for start, end in zip(starts, ends, strict=True)]
    return grouped + [[] for _ in range(frames - len(grouped))]


def packed(frames: Sequence[Sequence[Range]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ranges (n, 2), and where in them each frame begins and the last one ends (frames + 1)."""
    ranges = np.array([one for frame in frames for one in frame], np.int64).reshape(-1, 2)
    return ranges, np.cumsum([0, *(len(frame) for frame in frames)], dtype=np.int64)


def _by_table(file: BinaryIO, table: Sequence[Range], fragments: Sequence[Range], frames: int) -> list[int] | None:
    """The first fragment of each frame by the basic offset table; None where it is empty or does not fit."""
    if not table or table[0][1] < 4 * frames or not fragments:
        return None
    file.seek(table[0][0])
    offsets = struct.unpack(f"<{frames}I", file.read(4 * frames))
    base = fragments[0][0]
    at = {start - base: index for index, (start, _) in enumerate(fragments)}
    starts = [at.get(offset, -1) for offset in offsets]
    return starts if starts == sorted(set(starts)) and starts[0] == 0 else None


def _begins(file: BinaryIO, fragment: Range) -> bool:
    file.seek(fragment[0])
    return file.read(min(12, fragment[1])).startswith(_STARTS)
