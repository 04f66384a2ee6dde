"""The journal of unsaved reports: what a person accepted, wrote or refused is on disk before it is saved anywhere.

Every process writes into a folder of its own and holds that folder's lock while it lives, however it ends: a folder whose lock
is free was left behind, whatever process now bears the old one's number.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from app.reports.lines import Kept, from_lines, to_lines
from app.reports.report import Report
from app.storage import TEMPORARY, atomic_write, data_folder, exclusive

LOCK = "lock"
DAMAGED = "damaged"
"""Beside the folders of the processes: damaged entries of which the readable part was taken over."""
LAST = "The last change before Hilum ended may be missing."


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A report that was not saved; no `files`: the disk refused it, it is in memory alone. `report` is None when nothing of it
    can be read, `source` when its picture is not known; `gone`: the picture is no longer there. `missing` says what did not
    come back, "" when all did."""

    files: tuple[Path, ...]
    source: Path | None
    report: Report | None
    kept_at: float
    missing: str = ""
    whole: bool = True
    gone: bool = False
    root: Path | None = None
    """What has to be opened to get the source as it was, None: the source itself."""

    @property
    def place(self) -> Path:
        """What the report is kept under: its picture, else the entry itself."""
        return self.source or self.files[0]


class Journal:
    """For one thread at a time. Every method but `close` may raise OSError; what was on disk before is then untouched."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder is not None else data_folder() / "unsaved"
        self._own: Path | None = None
        self._locks: dict[Path, IO[bytes]] = {}
        self._kept: dict[Path, Path] = {}

    def keep(self, source: Path, report: Report, root: Path | None = None) -> None:
        """The newest state of the report of `source`; it takes the place of the state before. `root` as in `Unsaved`."""
        file = self._kept.get(source) or self._own_folder() / f"{secrets.token_hex(8)}.report"
        atomic_write(file, to_lines(report, source, file.stem, time.time(), root), private=True)
        self._kept[source] = file

    def drop(self, source: Path) -> None:
        """The report was saved: it is not kept any longer."""
        if file := self._kept.pop(source, None):
            file.unlink(missing_ok=True)

    def set_aside(self, source: Path) -> Unsaved | None:
        """Let the report of `source` be, for a later one is to be kept beside it; None when none was kept."""
        file = self._kept.pop(source, None)
        return _unsaved([file]) if file else None

    def left_behind(self) -> list[Unsaved]:
        """What processes that are gone left, newest first. They are this journal's until it is closed: no other offers them."""
        found = []
        for folder in sorted(self._folder.glob("*/")):
            if folder.name != DAMAGED and folder not in self._locks:
                with contextlib.suppress(OSError):
                    found += self._claimed(folder)
        return sorted(found, key=lambda one: one.kept_at, reverse=True)

    def adopt(self, entry: Unsaved) -> None:
        """The person opened it: from now on it is kept as this process's report. Of a damaged one the files stay aside."""
        if entry.report is None:
            return
        if entry.whole and len(entry.files) == 1 and entry.files[0].parent == self._own:
            self._kept[entry.place] = entry.files[0]
            return
        self.keep(entry.place, entry.report, entry.root)
        if not entry.whole:
            (self._folder / DAMAGED).mkdir(mode=0o700, exist_ok=True)
            for file in entry.files:
                file.replace(self._folder / DAMAGED / f"{file.parent.name}-{file.name}")
        self.discard(entry)

    def discard(self, entry: Unsaved) -> None:
        """The person wants it no more."""
        for file in entry.files:
            file.unlink(missing_ok=True)
        if entry.files and entry.files[0].parent != self._own:
            self._leave_if_empty(entry.files[0].parent)

    def close(self) -> None:
        """Let go of every folder; what is in them is offered at the next start."""
        for folder in list(self._locks):
            self._leave_if_empty(folder)
        while self._locks:
            self._locks.popitem()[1].close()

    def _own_folder(self) -> Path:
        for _ in range(8):
            if self._own is not None:
                return self._own
            folder = self._folder / secrets.token_hex(8)
            folder.mkdir(parents=True, mode=0o700)
            lock = exclusive(folder / LOCK)
            if lock is not None and (folder / LOCK).exists():  # else a process that looks for folders left was quicker
                self._own, self._locks[folder] = folder, lock
            elif lock is not None:
                lock.close()
        if self._own is None:
            raise OSError(0, "the disk gives no locks", str(self._folder))
        return self._own

    def _claimed(self, folder: Path) -> list[Unsaved]:
        lock = exclusive(folder / LOCK)
        if lock is None:
            return []
        self._locks[folder] = lock
        entries = _entries(folder)
        if not entries:
            self._leave_if_empty(folder)
        return entries

    def _leave_if_empty(self, folder: Path) -> None:
        if folder in self._locks and not any(one.name != LOCK for one in folder.glob("*")):
            self._locks.pop(folder).close()
            with contextlib.suppress(OSError):
                (folder / LOCK).unlink()
                folder.rmdir()


def _entries(folder: Path) -> list[Unsaved]:
    """One for each report; a state that was being written when the process ended belongs to the report it is of, or, where
    that cannot be read, most likely to the one written last."""
    groups: dict[str, list[Path]] = {file.stem: [file] for file in sorted(folder.glob("*.report"), key=_written)}
    last = list(groups)[-1:]
    for file in folder.glob(f"{TEMPORARY}*"):
        entry = _kept(file).entry or (last[0] if last else file.name)
        groups.setdefault(entry, []).append(file)
    return [_unsaved(files) for files in groups.values()]


def _unsaved(files: list[Path]) -> Unsaved:
    """The newest whole state, else what is readable of the newest."""
    states = sorted(((_kept(file), file) for file in files), key=lambda one: (one[0].whole, one[0].kept_at), reverse=True)
    best = states[0][0]
    torn = best.whole and any(not kept.whole for kept, _ in states[1:])
    return Unsaved(
        tuple(file for _, file in states),
        best.source,
        best.report,
        best.kept_at or max(map(_written, files)),
        " ".join(filter(None, (best.missing, LAST if torn else ""))),
        best.whole,
        best.source is not None and not best.source.exists(),
        best.root,
    )


def _kept(file: Path) -> Kept:
    try:
        return from_lines(file.read_bytes())
    except OSError as error:
        unread = from_lines(b"")
        return replace(unread, missing=f"{file} cannot be read ({error.strerror}).")


def _written(file: Path) -> float:
    return file.stat().st_mtime
