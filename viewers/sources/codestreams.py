"""What a compressed frame's own header says, looked at before a decoder takes memory for it."""

from __future__ import annotations

import struct

from viewers.sources.coded import CodecError, Coded

_FILLING = 64
"""Bytes that may follow a codestream's end mark."""


def must_be(coded: Coded, width: int, height: int) -> None:
    """A codestream may claim another size than the header; it is refused before anything of that size is made."""
    if (width, height) != coded.size:
        says = f"{coded.size[0]} × {coded.size[1]}"
        raise CodecError(f"holds a picture of {width} × {height} pixels where its header says {says}: export it again")


def must_end(data: bytes) -> None:
    """The decoders fill up what is missing in a grey that looks like a picture: a stream without its end mark is refused."""
    if b"\xff\xd9" not in data[-_FILLING:]:
        raise CodecError("is cut short: its compressed picture has no end; copy it again")


def jpeg_frame(data: bytes) -> tuple[int, int, bytes, int | None]:
    """Width, height, the components' names and the Adobe marker's transform of a JPEG or JPEG-LS stream (ISO 10918-1 B.2)."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG stream")
    place, adobe = 2, None
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xFF:  # a marker may be filled up
            place += 1
            continue
        length = struct.unpack(">H", data[place + 2 : place + 4])[0]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width, components = struct.unpack(">HHB", data[place + 5 : place + 10])
            return width, height, data[place + 10 : place + 10 + 3 * components : 3], adobe
        if marker == 0xEE and data[place + 4 : place + 9] == b"Adobe" and length >= 14:
            adobe = data[place + 15]
        place += 2 + length
    raise ValueError("the stream has no frame header")


def j2k_frame(data: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, resolution levels below the first, precision and sign (SIZ and COD, ISO 15444-1 A.5.1 and A.6.1)."""
    at = data.find(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack(">IIII", data[at + 8 : at + 24] if at >= 0 else b"")
    depth = data[at + 42]
    place, levels = at + 4 + struct.unpack(">H", data[at + 4 : at + 6])[0], 0
    while place + 4 <= len(data) and data[place : place + 2] != b"\xff\x90":
        if data[place : place + 2] == b"\xff\x52":
            levels = data[place + 9]
            break
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return right - left, bottom - top, levels, (depth & 0x7F) + 1, bool(depth & 0x80)
