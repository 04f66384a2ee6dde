"""Files that survive a crash: where Hilum keeps its data, and the one way it writes a file."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Unsaved:
    """One report that was being written: its key, the JSON text, and when it was kept (seconds since 1970)."""

    key: str
    text: str
    kept_at: float


class Journal:
    """Keeps the unsaved report of each study, so that nothing a person wrote is lost by a crash.

    The window calls `keep` every 2 s or 20 keystrokes, `drop` once the report is saved, and `unsaved` at start. Keys are
    made by the caller from its own ids and hold letters, digits and "-" only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder is not None else data_folder() / "unsaved"

    def keep(self, key: str, text: str) -> None:
        """Raises OSError when the disk refuses and ValueError for a key that could leave the folder."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(path, text, private=True)

    def drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def unsaved(self) -> Iterator[Unsaved]:
        """What an earlier session left, newest first; an unreadable entry is passed over and stays on disk."""
        files = [(path.stat().st_mtime, path) for path in self._folder.glob("*.json")]
        for kept_at, path in sorted(files, reverse=True):
            try:
                yield Unsaved(path.stem, path.read_text(encoding="utf-8"), kept_at)
            except (OSError, UnicodeDecodeError):
                continue

    def _path(self, key: str) -> Path:
        if not key or not all(sign.isascii() and (sign.isalnum() or sign == "-") for sign in key):
            raise ValueError(f"a journal key holds letters, digits and '-', not {key!r}")
        return self._folder / f"{key}.json"


def now_utc() -> str:
    """The time as written into receipts and signatures: 2026-11-22T17:05:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
