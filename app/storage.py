"""Files that survive a crash: where Hilum keeps its data, and the one way it writes a file."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import IO

TEMPORARY = ".hilum-tmp-"
"""Start of the name of a file that is being written; what bears it after a crash is rubbish."""


def data_folder() -> Path:
    """$HILUM_HOME, or the platform's folder for a person's application data. It is not created here."""
    from inference.catalogue import home

    return home()


def atomic_write(path: Path, content: bytes | str, *, private: bool = False) -> None:
    """Write `path` so that a kill or a power cut at any moment leaves the old file or the new one, never a torn one.

    A temporary file in the same folder is written and synced, takes the name, and the folder is synced. Text is UTF-8
    with line feeds. `private` makes the file readable by its owner alone. A missing folder is made. Raises OSError; the old
    file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used to the first free of NAME.damaged.ext, NAME.damaged-2.ext …; the new path.

    Raises OSError.
    """
    count = 1
    while (to := path.with_name(f"{path.stem}.damaged{'' if count == 1 else f'-{count}'}{path.suffix}")).exists():
        count += 1
    path.replace(to)
    return to


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; where the system has no such call (Windows) this does nothing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what an interrupted `atomic_write` left in `folder`. Only for a folder no other process writes to."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        leftover.unlink(missing_ok=True)


def exclusive(path: Path) -> IO[bytes] | None:
    """The file, made where it is missing and locked until it is closed or the process ends, however it ends.

    None when somebody else holds it, in this process or another. Raises OSError when the file cannot be made.
    """
    file = path.open("ab")
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def now_utc() -> str:
    """The time as written into receipts and signatures: 2026-11-22T17:05:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
