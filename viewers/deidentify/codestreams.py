"""Text that hides in compressed frames: comments and application segments, and whatever follows the end of the picture.

The coded picture itself is not touched. JPEG and JPEG-LS: ISO 10918-1 B.1; JPEG 2000: ISO 15444-1 A.
"""

from __future__ import annotations

import struct

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_COMMENT, _ADOBE = 0xFE, 0xEE
_J2K_START, _J2K_END, _J2K_COMMENT, _J2K_TILE = b"\xff\x4f", b"\xff\xd9", 0xFF64, 0xFF90


def without_text(frame: bytes) -> bytes:
    """A JPEG, JPEG-LS or JPEG 2000 codestream without comments; any other coding as it is."""
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    if frame.startswith(_J2K_START):
        return _j2k(frame)
    return frame


def _jpeg(frame: bytes) -> bytes:
    """Application segments go too, except JFIF (APP0) and Adobe (APP14), of which only the fixed part stays: it says how the
    colours are coded."""
    parts, place = [frame[:2]], 2
    while place + 4 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in (_SOI, _EOI) or 0xD0 <= marker <= 0xD7:
            break
        length = struct.unpack(">H", frame[place + 2 : place + 4])[0]
        segment = frame[place : place + 2 + length]
        place += 2 + length
        if marker == _SOS:
            parts.append(segment)
            break
        if marker == 0xE0 and segment[4:9] == b"JFIF\0":
            parts.append(b"\xff\xe0" + struct.pack(">H", 16) + segment[4:16] + b"\0\0")
        elif marker == _ADOBE and segment[4:9] == b"Adobe":
            parts.append(b"\xff\xee" + struct.pack(">H", 14) + segment[4:16])
        elif marker != _COMMENT and not 0xE0 <= marker <= 0xEF:
            parts.append(segment)
    return b"".join(parts) + _until(frame[place:], b"\xff\xd9")


def _j2k(frame: bytes) -> bytes:
    """Comments of the main header; those of the tiles' headers stand inside counted parts and are blanked in place."""
    parts, place = [frame[:2]], 2
    while place + 4 <= len(frame):
        marker, length = struct.unpack(">HH", frame[place : place + 4])
        if marker == _J2K_TILE or not 0xFF30 <= marker <= 0xFFFF:
            break
        if marker != _J2K_COMMENT:
            parts.append(frame[place : place + 2 + length])
        place += 2 + length
    return b"".join(parts) + _until(_tiles_blanked(frame[place:]), _J2K_END)


def _tiles_blanked(body: bytes) -> bytes:
    data, place = bytearray(body), 0
    while place + 12 <= len(data) and struct.unpack(">H", data[place : place + 2])[0] == _J2K_TILE:
        size = struct.unpack(">I", data[place + 6 : place + 10])[0]
        at = place + 12
        while at + 4 <= len(data):
            marker, length = struct.unpack(">HH", data[at : at + 4])
            if marker == 0xFF93 or marker < 0xFF00:  # start of the data
                break
            if marker == _J2K_COMMENT:
                data[at + 6 : at + 2 + length] = bytes(max(0, length - 4))
            at += 2 + length
        if size == 0:
            break
        place += size
    return bytes(data)


def _until(body: bytes, end: bytes) -> bytes:
    """Up to the last end mark; all of it where there is none."""
    found = body.rfind(end)
    return body if found < 0 else body[: found + len(end)]
