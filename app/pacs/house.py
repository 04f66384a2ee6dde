"""What the window has of archives, put together without it: the program, what was fetched, the listener and its record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.pacs import work
from app.pacs.book import Book
from app.pacs.credentials import MEMORY_ONLY
from app.pacs.errors import PacsError
from app.pacs.matches import Series, Study
from app.pacs.nodes import Node
from app.pacs.received import Received, received_folder
from app.pacs.stopping import Stop
from app.pacs.tray import Expected, Tray, disk_trouble

if TYPE_CHECKING:
    from app.pacs.listener import Event
    from app.pacs.peers import Peer
    from app.pacs.program import Program
    from app.pacs.work import Outcome, Progress


class House:
    """Nothing is read or made before the first call. Methods read, write and connect: not for the GUI thread, except
    `passing`, `fetched` and `listening`."""

    def __init__(self, told: Callable[[Event], None]) -> None:
        self._told = told
        self._lock = threading.RLock()
        self._program: Program | None = None
        self._received: Received | None = None
        self._arrived: Callable[[Path], None] = lambda _: None

    @property
    def listening(self) -> bool:
        return self._program is not None and self._program.reception.on

    def book(self) -> Book:
        return self._made().book

    def peer(self, name: str) -> Peer:
        """Raises NodeError."""
        program = self._made()
        return program.peer(program.book.node(name))

    def keep(self, book: Book, node: Node | None, password: str) -> str:
        """What the reader has to know of it, "" for nothing. Raises OSError and NodeError."""
        program = self._made()
        program.keep(book)
        if node is not None and password and program.credentials.keep(node, password) == "memory":
            return MEMORY_ONLY
        return ""

    def fetch(
        self,
        name: str,
        study: Study,
        series: Sequence[Series],
        stop: Stop,
        on_progress: Callable[[Progress], None],
        on_series: Callable[[Path], None],
    ) -> Outcome:
        """Raises PacsError."""
        from app.pacs.retrieval import Retrieval

        received = self._store()
        folder, prefix = received.new_batch()
        return Retrieval(
            self.peer(name), study, folder, prefix, series, self._made().limits, received.take, received.give_back,
            on_progress, on_series=on_series,
        ).run(stop)  # fmt: skip

    def send(
        self, name: str, files: Sequence[Path], labels: bool, stop: Stop, on_progress: Callable[[Progress], None]
    ) -> Outcome:
        """Raises PacsError."""
        from app.pacs import outgoing
        from app.pacs.sending import send

        going, staying = outgoing.look(files, labels=labels)
        return send(self.peer(name), going, staying, stop, on_progress)

    def listen(self, on: bool, arrived: Callable[[Path], None]) -> str:
        """Switch the listener; `arrived` hears of each series that came. What it is now, in words. Raises PacsError."""
        program = self._made()
        where = program.book.listening
        if not on:
            program.reception.switch_off()
            work.put_on_record("pacs listener off", {})
            return "off"
        if not where.allowed:
            raise PacsError("Nobody is on the list of who may send: press Nodes…, then Listener and storage.")
        received = self._store()
        folder, prefix = received.new_batch()
        count = 0

        def tray(expected: Expected) -> Tray:
            nonlocal count
            count += 1
            return Tray(folder / f"{prefix}-{count}", expected, program.limits, received.take, received.give_back)

        self._arrived = arrived
        work.put_on_record("pacs listener on", {"interface": where.interface, "port": str(where.port)})
        port = program.reception.switch_on(tray)
        return f"on {where.interface}:{port} as {where.ae_title}, for {', '.join(where.allowed)}"

    def heard(self, event: Event) -> str:
        """Put an event of the listener on record; what the reader is shown of it, "" for nothing."""
        if event.kind == "ended":
            for one in self._made().reception.finished():
                self._arrived(one.folder)
        if event.kind in ("connected", "ended", "stored"):
            if event.kind == "connected":
                self._note("pacs listener connected", event)
            return ""
        self._note(f"pacs listener {event.kind}", event)
        return f"{event.kind}: {event.peer or 'somebody'} at {event.address}, {event.detail}"

    def wipe(self) -> str:
        freed = self._store().wipe()
        work.put_on_record("pacs wiped", {"bytes": str(freed)})
        return f"Wiped: {freed / 1e6:,.0f} MB are free again."

    def fetched(self, path: Path) -> bool:
        return received_folder() in path.parents

    def passing(self, path: Path) -> bool:
        """Whether it will be gone at the next start."""
        return self._program is not None and self._program.book.wipe_at_exit and self.fetched(path)

    def close(self) -> None:
        if self._program is not None:
            self._program.close()
        if self._received is not None:
            self._received.close(wipe=self._program is None or self._program.book.wipe_at_exit)

    def _made(self) -> Program:
        from app.pacs.program import Program

        with self._lock:
            if self._program is None:
                self._program = Program(self._told)
            return self._program

    def _store(self) -> Received:
        book = self._made().book
        with self._lock:
            if self._received is None:
                try:
                    self._received = Received(book.quota_gib * 2**30)
                except OSError as error:
                    raise disk_trouble(error) from error
                if book.wipe_at_exit:
                    self._received.sweep()
            return self._received

    def _note(self, event: str, heard: Event) -> None:
        with suppress(PacsError):  # who was turned away was turned away, on record or not
            work.put_on_record(event, {"peer": heard.peer, "address": heard.address, "detail": heard.detail})
