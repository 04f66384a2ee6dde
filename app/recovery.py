"""Unsaved reports: kept in the journal while they are worked on, offered again after a crash, opened or discarded."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.journal import Journal, Unsaved
from app.panels.unsaved import UnsavedStrip, named, trouble
from app.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.session import Session


class Recovery(QObject):
    """All disk work is done on one thread, in the order it was asked for; results arrive as queued signals."""

    opening = Signal()
    """A report will take the place of the one that is shown: what is being typed is to be told first."""
    opened = Signal(object, object)
    """Path of the source whose report came back: show it; and what has to be opened to get it, None: itself."""
    troubled = Signal(str)
    """One sentence: what could not be kept or removed."""
    _found = Signal(object)

    def __init__(
        self,
        session: Session,
        strip: UnsavedStrip,
        parent: QObject | None = None,
        root_of: Callable[[Path], Path | None] = lambda _: None,
    ) -> None:
        """`root_of` is asked what has to be opened to get a source as it stands there now, None for itself."""
        super().__init__(parent)
        self._root_of = root_of
        self._roots: dict[Path, Path | None] = {}
        self.journal = Journal()
        self._session, self.strip = session, strip
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="hilum-journal")
        self._next: dict[Path, Report] = {}
        self._refused: dict[Path, Report] = {}
        """What the disk did not take."""
        self._closed = False
        self._found.connect(strip.offer)
        strip.openWanted.connect(self.open)
        strip.discardWanted.connect(self._discard)

    def look(self) -> None:
        """Offer what processes that are gone left behind."""
        self._run(lambda: self._offer(self.journal.left_behind()))

    def keep(self, path: Path, report: Report) -> None:
        """What a person did to the report of `path`. A draft nobody touched yet is not kept, but the report it takes the
        place of is offered."""
        if report.touched:
            self._next[path] = report
            self._roots[path] = self._root_of(path) or self._roots.get(path)
            self._run(lambda: self._write(path))
        else:
            self.set_aside(path)

    def saved(self, path: Path) -> None:
        """The report of `path` is written where the person wanted it."""

        def drop() -> None:
            self._refused.pop(path, None)
            self.journal.drop(path)

        self._run(drop)

    def set_aside(self, path: Path) -> None:
        """Another report takes the place of the unsaved one of `path`, or its source is closed: offer it."""

        def aside() -> None:
            refused = self._refused.pop(path, None)
            found = self.journal.set_aside(path)
            if refused is not None:
                found = Unsaved((), path, refused, time.time(), "It could not be kept on disk: open and save it.")
            self._offer([found] if found else [])

        self._run(aside)

    def open(self, entry: Unsaved) -> None:
        """Bring a report back to its picture; one that stands there unsaved is offered in its turn."""
        if entry.report is None or entry not in self.strip.offers:
            return
        self.opening.emit()
        self.set_aside(entry.place)
        self._session.findings(entry.place).report = entry.report
        self._run(lambda: self._adopt(entry))
        said = trouble(entry)
        self.strip.settle(entry, f"{named(entry)}: {said}" if said else "")
        self._roots[entry.place] = entry.root
        self.opened.emit(entry.place, entry.root)

    def open_newest(self) -> None:
        for entry in self.strip.offers[:1]:
            self.open(entry)

    def close(self) -> None:
        """Ends the thread once all is on disk; what was not saved is offered at the next start."""
        self._run(self.journal.close)
        self._closed = True
        self._disk.shutdown(wait=True)

    def _discard(self, entry: Unsaved) -> None:
        self._run(lambda: self.journal.discard(entry))
        self.strip.settle(entry)

    def _adopt(self, entry: Unsaved) -> None:
        if entry.report is not None:
            self._refused[entry.place] = entry.report
        self.journal.adopt(entry)
        self._refused.pop(entry.place, None)

    def _write(self, path: Path) -> None:
        report = self._next.pop(path, None)  # None: a later state was written in its place
        if report is not None:
            self._refused[path] = report
            self.journal.keep(path, report, self._roots.get(path))
            del self._refused[path]

    def _offer(self, entries: list[Unsaved]) -> None:
        if entries and not self._closed:
            self._found.emit(entries)

    def _run(self, work: Callable[[], None]) -> None:
        if not self._closed:
            self._disk.submit(self._guarded, work)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            if not self._closed:
                self.troubled.emit(f"The unsaved report could not be kept on disk ({error.strerror or error}); save it yourself.")
