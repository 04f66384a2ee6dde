"""Where objects from other machines lie: a folder only this account may enter, with names of our own, within a quota.

Each program that runs has a folder of its own in it, locked while it runs. No part of any name comes from a tag.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from pathlib import Path

from app.pacs.errors import PacsError
from app.storage import data_folder, exclusive

NAME = "received"
LOCK = ".lock"
SPARE = 2**28
"""Bytes that must stay free on the disk."""


def received_folder() -> Path:
    return data_folder() / NAME


class Received:
    """This program's part of the folder. Methods work with the disk: not for the GUI thread. Raises OSError at birth."""

    def __init__(self, quota_bytes: int, root: Path | None = None) -> None:
        self.root = root or received_folder()
        self._quota = quota_bytes
        self._lock = threading.Lock()
        self._count = 0
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
        self.folder = self.root / secrets.token_hex(4)
        self.folder.mkdir(mode=0o700)
        self._held = exclusive(self.folder / LOCK)
        self._used = _size(self.root)

    @property
    def used(self) -> int:
        """Bytes, those of other programs that run included."""
        return self._used

    def new_batch(self) -> tuple[Path, str]:
        """A fresh folder, and what the names of the series in it begin with."""
        with self._lock:
            self._count += 1
            name = f"pacs-{self.folder.name[:4]}-{self._count}"
            folder = self.folder / name
            folder.mkdir(mode=0o700)
        return folder, name

    def take(self, size: int) -> None:
        """Ask for so many bytes more. Raises PacsError where the quota or the disk has no room for them."""
        if shutil.disk_usage(self.folder).free < size + SPARE:
            raise PacsError(f"The disk of {self.root} is almost full; make room or wipe what was fetched before.")
        with self._lock:
            if self._used + size > self._quota:
                gib = self._quota / 2**30
                raise PacsError(f"What was fetched has reached its quota of {gib:.3g} GiB; wipe it or raise the quota.")
            self._used += size

    def give_back(self, size: int) -> None:
        with self._lock:
            self._used = max(0, self._used - size)

    def wipe(self) -> int:
        """Delete everything this program fetched and what ended programs left; the bytes that are free again."""
        before = _size(self.root)
        for one in [path for path in self.folder.iterdir() if path.name != LOCK]:
            shutil.rmtree(one, ignore_errors=True)
        self.sweep()
        with self._lock:
            self._used = _size(self.root)
        return max(0, before - self._used)

    def sweep(self) -> None:
        """Delete what programs left that ended without wiping; those that still run hold a lock."""
        for other in [path for path in self.root.iterdir() if path.is_dir() and path != self.folder]:
            held = exclusive(other / LOCK)
            if held is not None:
                held.close()
                shutil.rmtree(other, ignore_errors=True)

    def close(self, *, wipe: bool) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        if wipe or not any(path.name != LOCK for path in self.folder.iterdir()):
            shutil.rmtree(self.folder, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
