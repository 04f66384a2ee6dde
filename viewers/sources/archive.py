"""ZIP archives: which members may be opened, and their bytes. Nothing is written here, and no name of a member becomes a path."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from viewers.errors import SourceError, reading
from viewers.plain_text import one_line
from viewers.sources.files import opened_file
from viewers.sources.opening import ZIP

MAX_RATIO = 200
MAX_MEMBERS = 100_000
MAX_BYTES = 256 * 2**30
"""Of all members, unpacked."""
FREE = 2**20
"""Smaller members may compress better than the ratio: an empty picture does."""
MAGIC = ZIP
_NAME = 200
_STEP = 2**20
_LOCAL = struct.Struct("<4s5H3I2H")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_METHODS = {0: "stored", 8: "deflated"}


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive. `problem` says in a sentence why it is not opened, "" where it may be."""

    parts: tuple[str, ...]
    """Its name, cut at its separators and made plain: for the eye alone."""
    offset: int
    """Of its local header."""
    packed: int
    size: int
    method: int
    crc: int
    problem: str = ""

    @property
    def name(self) -> str:
        return self.parts[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    path: Path
    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The member's bytes, checked against its size, the ratio and its checksum. Raises SourceError."""
        with opened_file(self.path) as file, reading(self.path):
            yield from self._chunks(file, member)

    def beginning(self, member: Member, most: int) -> bytes:
        """At most so many of its first bytes; damage further on is not noticed. Raises SourceError."""
        data = b""
        for chunk in self.chunks(member):
            data += chunk
            if len(data) >= most:
                break
        return data[:most]

    def _chunks(self, file: BinaryIO, member: Member) -> Iterator[bytes]:
        damaged = SourceError(self.path, f"{member.name} is damaged inside {self.path.name}: copy the archive again.")
        file.seek(member.offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != MAGIC[0]:
            raise damaged
        fields = _LOCAL.unpack(head)
        file.seek(member.offset + _LOCAL.size + fields[9] + fields[10])
        left, given, crc = member.packed, 0, 0
        engine = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == 8 else None
        try:
            while left > 0 and not (engine is not None and engine.eof):
                data = file.read(min(left, _STEP))
                if not data:
                    raise damaged
                left -= len(data)
                while data:
                    part = data if engine is None else engine.decompress(data, _STEP)
                    data = b"" if engine is None else engine.unconsumed_tail
                    given += len(part)
                    crc = zlib.crc32(part, crc)
                    if given > member.size:
                        raise damaged  # it holds more than it says
                    if part:
                        yield part
        except zlib.error as error:
            raise damaged from error
        if given != member.size or crc != member.crc:
            raise damaged


def opened(path: Path) -> Archive:
    """What an archive holds; one whose directory is lost is looked through from its beginning. Raises SourceError."""
    with opened_file(path) as file, reading(path):
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(4) not in MAGIC:
            raise SourceError(path, f"{path.name} is no ZIP archive: open it as what it is.")
        notes: tuple[str, ...] = ()
        try:
            infos = _listed(path, file)
            found = [_member(one, size) for one in infos if not one.is_dir() and not _litter(one.filename)]
        except (zipfile.BadZipFile, struct.error, NotImplementedError, UnicodeDecodeError, ValueError, EOFError):
            found = list(_salvaged(file, size))
            lost = "has lost its directory: it was cut short or damaged. What could be found is shown; copy it again."
            notes = (f"{path.name} {lost}",)
    total = sum(one.size for one in found if not one.problem)
    if total > MAX_BYTES or total > max(64 * FREE, MAX_RATIO * size):
        raise SourceError(
            path,
            f"{path.name} would unpack to {total / 2**30:,.1f} GiB, more than {MAX_RATIO} times its size "
            f"or {MAX_BYTES // 2**30} GiB: it is not opened.",
        )
    return Archive(path, tuple(found), notes)


def refusal(name: str) -> str:
    """Why a member of this name is not opened, in words that follow the name; "" where it may be."""
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "names a place outside the archive"
    if ".." in parts:
        return "leads out of the archive (..)"
    if "\0" in name:
        return "has a name with a zero byte"
    if any(_DEVICES.fullmatch(part.strip(" .")) for part in parts):
        return "has the name of a device"
    if any(":" in part for part in parts):
        return "has a name no system may use"
    return ""


def _listed(path: Path, file: BinaryIO) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise SourceError(path, f"{path.name} holds {len(infos):,} files, more than the limit of {MAX_MEMBERS:,}: unpack it.")
    return infos


def _litter(name: str) -> bool:
    """Hidden files, and what some systems add."""
    parts = [part for part in re.split(r"[/\\]", name) if part]
    return bool(parts) and ".." not in parts and (parts[0] == "__MACOSX" or parts[-1].startswith("."))


def _member(info: zipfile.ZipInfo, size: int) -> Member:
    mode = info.external_attr >> 16
    problem = refusal(info.orig_filename if isinstance(info.orig_filename, str) else info.filename)
    if stat.S_ISLNK(mode):
        problem = "is a link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        problem = "is no file"
    elif info.flag_bits & 0x41:
        problem = "is encrypted; unpack the archive with its password"
    elif not problem:
        problem = _unfit(info.compress_type, info.compress_size, info.file_size, info.header_offset, size)
    place, packed, unpacked = info.header_offset, info.compress_size, info.file_size
    return _made(info.filename, place, packed, unpacked, info.compress_type, info.CRC, problem)


def _unfit(method: int, packed: int, unpacked: int, offset: int, size: int) -> str:
    if method not in _METHODS:
        return "is packed in a way that cannot be read; unpack the archive"
    if unpacked > FREE and unpacked > MAX_RATIO * max(1, packed):
        return f"would unpack to more than {MAX_RATIO} times its size"
    if offset + packed > size:
        return "is cut short; copy the archive again"
    return ""


def _made(name: str, offset: int, packed: int, size: int, method: int, crc: int, problem: str) -> Member:
    plain = [one_line(part, _NAME) for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    parts = tuple(part.replace(":", "_") for part in plain if part) or ("unnamed",)
    return Member(parts, offset, packed, size, method, crc, f"{parts[-1]} {problem}: not opened." if problem else "")


def _salvaged(file: BinaryIO, size: int) -> Iterator[Member]:
    """Members by their local headers, one after the other, as far as they can be followed (APPNOTE 4.3.7)."""
    place = 0
    for _ in range(MAX_MEMBERS):
        file.seek(place)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != MAGIC[0]:
            return
        _, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = _LOCAL.unpack(head)
        name = file.read(name_length).decode("utf-8" if flags & 0x800 else "cp437", "replace")
        start = place + _LOCAL.size + name_length + extra_length
        if flags & 8 or packed == 0xFFFFFFFF:
            found = _measured(file, start, method)
            if found is None:
                yield _made(name, place, 0, 0, method, 0, "is cut short; copy the archive again")
                return
            packed, unpacked, crc, after = found
        else:
            after = start + packed
        problem = refusal(name) or ("is encrypted; unpack the archive with its password" if flags & 0x41 else "")
        problem = problem or _unfit(method, packed, unpacked, start, size)
        if not name.endswith("/") and not _litter(name):
            yield _made(name, place, packed, unpacked, method, crc, problem)
        place = after


def _measured(file: BinaryIO, start: int, method: int) -> tuple[int, int, int, int] | None:
    """Packed and unpacked size, checksum and end of a deflated member whose header does not tell them."""
    if method != 8:
        return None
    engine, crc, unpacked, place = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, start
    file.seek(start)
    while not engine.eof:
        data = file.read(_STEP)
        if not data:
            return None
        place += len(data)
        while data and not engine.eof:
            try:
                part = engine.decompress(data, _STEP)
            except zlib.error:
                return None
            data = engine.unconsumed_tail
            unpacked, crc = unpacked + len(part), zlib.crc32(part, crc)
            if unpacked > max(FREE, MAX_RATIO * (place - start)):
                return None
    place -= len(engine.unused_data)
    file.seek(place)
    mark = file.read(4)
    return place - start, unpacked, crc, place + (16 if mark == b"PK\x07\x08" else 12)
