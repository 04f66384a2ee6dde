"""Text that hides in compressed frames: comments and application segments, and whatever follows the end of the picture.

The coded picture itself is not touched. JPEG and JPEG-LS: ISO 10918-1 B.1; JPEG 2000: ISO 15444-1 A.
"""

from __future__ import annotations

import re
import struct

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_COMMENT, _ADOBE = 0xFE, 0xEE
_IN_SCAN = re.compile(rb"\xff+[\xc0-\xcf\xd8-\xfe]")
"""What ends the coded data of a scan: a marker that is neither a stuffed byte nor a restart."""
_J2K_START, _J2K_END, _J2K_COMMENT, _J2K_TILE = b"\xff\x4f", b"\xff\xd9", 0xFF64, 0xFF90
_BOXED = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n")
"""JP2 (ISO 15444-1 I) and JPEG XL (ISO 18181-2) files, which DICOM does not ask for and devices write."""
_KEPT_BOXES = frozenset(
    [b"jP  ", b"JXL ", b"ftyp", b"jp2h", b"jp2c", b"jxll", b"jxlc", b"jxlp", b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"]
)


def without_text(frame: bytes) -> bytes:
    """A JPEG, JPEG-LS, JPEG 2000 or JPEG XL picture without comments; any other coding as it is."""
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    if frame.startswith(_J2K_START):
        return _j2k(frame)
    return _boxes(frame) if frame.startswith(_BOXED) else frame


def _boxes(data: bytes) -> bytes:
    """Only what the picture needs of a file made of boxes."""
    parts, place = list[bytes](), 0
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        head = 8
        if size == 1 and place + 16 <= len(data):
            size, head = struct.unpack(">Q", data[place + 8 : place + 16])[0], 16
        end = len(data) if size == 0 else min(place + size, len(data))
        if end < place + head:
            break
        if kind in _KEPT_BOXES:
            inside = data[place + head : end]
            inside = _boxes(inside) if kind == b"jp2h" else _j2k(inside) if inside.startswith(_J2K_START) else inside
            parts.append(struct.pack(">I4s", len(inside) + 8, kind) + inside)
        place = end
    return b"".join(parts)


def _jpeg(frame: bytes) -> bytes:
    """Application segments go too, except JFIF (APP0) and Adobe (APP14), of which only the fixed part stays: it says how the
    colours are coded. What follows the end of the picture goes."""
    parts, place = [frame[:2]], 2
    while place + 2 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == _EOI:
            return b"".join(parts) + b"\xff\xd9"
        if marker == _SOI or 0xD0 <= marker <= 0xD7 or place + 4 > len(frame):
            break
        length = struct.unpack(">H", frame[place + 2 : place + 4])[0]
        segment = frame[place : place + 2 + length]
        place += 2 + length
        if marker == _SOS:
            found = _IN_SCAN.search(frame, place)
            end = found.start() if found else len(frame)
            parts += [segment, frame[place:end]]
            place = end
        elif marker == 0xE0 and segment[4:9] == b"JFIF\0":
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
    if data[place : place + 2] == _J2K_END:
        del data[place + 2 :]
    return bytes(data)


def _until(body: bytes, end: bytes) -> bytes:
    """Up to the last end mark; all of it where there is none."""
    found = body.rfind(end)
    return body if found < 0 else body[: found + len(end)]
