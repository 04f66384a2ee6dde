"""Files of pictures' tokens on disk: where they lie, how many, and how they are bounded and forgotten. No torch.

They tell of a patient as the picture does: the folder is the user's alone. A file is written beside its place and appears whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from inference.places import home

ON_DISK = 2 * 2**30
"""Bytes of all files, where nothing else is said: some 1,600 pictures of the 4B."""
SPARE = 2**30
"""Bytes that stay free on the disk: reports and marks are written there too."""
STALE_S = 600
"""Age of a half-written file whose writer must have ended."""
ENDING = ".safetensors"
_HALF = ".part"


def folder() -> Path:
    """Where they lie."""
    return home() / "cache" / "pictures"


def held() -> tuple[int, int]:
    """(files, bytes)."""
    sizes = [size for _, size, _ in _files(ENDING)]
    return len(sizes), sum(sizes)


def forget() -> int:
    """Remove all, half-written ones too; how many pictures. Raises OSError."""
    removed = 0
    for path, _, _ in _files(ENDING, _HALF):
        path.unlink(missing_ok=True)
        removed += path.suffix == ENDING
    return removed


def read(name: str, most: int) -> bytes:
    """A file of at most so many bytes. Raises OSError and ValueError; never waits for a pipe, follows no link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(folder() / f"{name}{ENDING}", flags), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise ValueError("it is no file of ours")
        return file.read()


def write(name: str, body: bytes, most: int) -> None:
    """A file more, if it fits into `most` bytes at all; those used longest ago go. Raises OSError.

    Without a sync: what a power cut tears is told by the hash within.
    """
    if len(body) > most:
        return
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
    place.chmod(stat.S_IRWXU)
    if shutil.disk_usage(place).free < SPARE + len(body):
        raise OSError(errno.ENOSPC, f"less than {SPARE / 2**30:g} GB would stay free on the disk")
    handle, half = tempfile.mkstemp(dir=place, prefix=".", suffix=_HALF)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(half).replace(place / f"{name}{ENDING}")
    except BaseException:
        Path(half).unlink(missing_ok=True)
        raise
    _bound(most)


def drop(name: str) -> None:
    with contextlib.suppress(OSError):
        (folder() / f"{name}{ENDING}").unlink(missing_ok=True)


def used(name: str) -> None:
    """Now."""
    with contextlib.suppress(OSError):
        os.utime(folder() / f"{name}{ENDING}")


def _bound(most: int) -> None:
    """What is being written counts as well and stays; what a killed process left half goes."""
    stale = time.time() - STALE_S
    files = sorted(_files(ENDING, _HALF), key=lambda one: one[2])
    total = sum(size for _, size, _ in files)
    for path, size, used_last in files:
        half = path.suffix == _HALF
        if (half and used_last > stale) or (not half and total <= most):
            continue
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        total -= size


def _files(*endings: str) -> list[tuple[Path, int, float]]:
    """(path, bytes, time used last) of every file with one of the endings."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder()) as entries:
        for one in entries:
            if one.name.endswith(endings):
                with contextlib.suppress(FileNotFoundError):  # another process was faster
                    about = one.stat(follow_symlinks=False)
                    if not stat.S_ISDIR(about.st_mode):
                        found.append((Path(one.path), about.st_size, about.st_mtime))
    return found
