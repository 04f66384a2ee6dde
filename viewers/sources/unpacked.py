"""Members of archives as files of our own: private, under our own names, gone with the window."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

import psutil

from viewers.errors import SourceError, reading
from viewers.sources.archive import Archive, Member

SPARE = 512 * 2**20
"""Bytes of the disk that stay free."""
_OWNER = re.compile(r"archive-([0-9]+)-([0-9]+)-.*")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class Unpacked:
    """A folder that only its owner may enter, made when it is first needed. Used from any thread but the GUI's."""

    def __init__(self, above: Path) -> None:
        self._above = above
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._files: dict[tuple[Path, int], Path] = {}
        self._closed = False

    @property
    def folder(self) -> Path | None:
        """None while nothing is unpacked."""
        return self._folder

    def file(self, archive: Archive, member: Member) -> Path:
        """The member as a file, unpacked once. Raises SourceError."""
        if member.problem:
            raise SourceError(archive.path, member.problem)
        with self._lock:
            if self._closed:
                raise SourceError(archive.path, f"{archive.path.name} is closed: open it again.")
            key = archive.path, member.offset
            if key not in self._files:
                self._files[key] = self._written(archive, member)
            return self._files[key]

    def close(self) -> None:
        """Remove all of it; nothing is unpacked afterwards."""
        self._closed = True
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _written(self, archive: Archive, member: Member) -> Path:
        if self._folder is None:
            with reading(self._above):
                self._above.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix=f"archive-{_own()}-", dir=self._above))  # 0700 by its contract
        if shutil.disk_usage(self._folder).free < member.size + SPARE:
            raise SourceError(archive.path, f"{member.name} does not fit on the disk when unpacked: make room and open it again.")
        suffix = Path(member.name).suffix.lower()
        target = self._folder / f"{len(self._files):08d}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        try:
            with os.fdopen(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
            ) as out:
                for chunk in archive.chunks(member):
                    out.write(chunk)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, OSError):
                reason = error.strerror or "the disk reported an error"
                raise SourceError(archive.path, f"{member.name} cannot be unpacked ({reason}): make room.") from error
            raise
        return target


def sweep(above: Path) -> None:
    """Remove what processes that are gone left behind."""
    for folder in above.glob("archive-*"):
        owner = _OWNER.fullmatch(folder.name)
        if owner is not None and not folder.is_symlink() and not _lives(int(owner[1]), int(owner[2])):
            shutil.rmtree(folder, ignore_errors=True)


def _own() -> str:
    return f"{os.getpid()}-{round(psutil.Process().create_time())}"


def _lives(number: int, began: int) -> bool:
    """Whether the process that began then still runs: numbers of processes are given again."""
    try:
        return bool(abs(psutil.Process(number).create_time() - began) < 2)
    except psutil.Error:
        return False
