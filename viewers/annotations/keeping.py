"""Edits on their way to the disk: a thread writes them as they come, so that the one who draws never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from viewers.annotations.document import Edit
from viewers.annotations.store import Store, StoreError

RETRY_S = 2.0


class Keeping:
    """Writes the edits it is told, in order, several in one go when they come fast.

    `said` is called on the writing thread with "" after a write, with one sentence while the disk refuses; what could not be
    written is tried again until `close`, which writes what is left and closes the store.
    """

    def __init__(self, store: Store, said: Callable[[str], None] = lambda _: None) -> None:
        self._store, self._said = store, said
        self._waiting: list[Edit] = []
        self._notes: dict[str, object] = {}
        self._bell = threading.Condition()
        self._closing = self._ending = self._busy = False
        self._thread = threading.Thread(target=self._work, name="hilum-marks", daemon=True)
        self._thread.start()

    def tell(self, edit: Edit) -> None:
        """To be called as a listener of the document; returns at once."""
        with self._bell:
            self._waiting.append(edit)
            self._bell.notify_all()

    def keep_note(self, name: str, value: object) -> None:
        """A JSON value beside the marks; a newer one of the same name takes its place."""
        with self._bell:
            self._notes[name] = value
            self._bell.notify_all()

    @property
    def unwritten(self) -> int:
        """Edits and notes not on disk yet."""
        with self._bell:
            return len(self._waiting) + len(self._notes) + self._busy

    def end(self) -> None:
        """Take no more; what is left is written by and by, and the store closed. Returns at once."""
        with self._bell:
            self._ending = True
            self._bell.notify_all()

    def ended(self, path: Path, timeout_s: float) -> bool:
        """After `end`: wait until all is on disk, if this is the one that writes the file `path`; whether it is."""
        if self._store.path == path:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self, timeout_s: float | None = 30.0) -> bool:
        """Write what is left, once more where the disk had refused; whether all of it is on disk."""
        with self._bell:
            self._closing = True
            self._bell.notify_all()
        self._thread.join(timeout_s)
        return self.unwritten == 0

    def _work(self) -> None:
        try:
            while (work := self._next()) is not None:
                edits, notes = work
                try:
                    if edits:
                        self._store.write(edits)
                    for name, value in notes.items():
                        self._store.keep_note(name, value)
                except StoreError as error:
                    self._put_back(edits, notes)
                    self._said(str(error))
                    if self._closing:
                        return
                    with self._bell:
                        self._bell.wait_for(lambda: self._closing, RETRY_S)
                else:
                    with self._bell:
                        self._busy = False
                    self._said("")
        finally:
            self._store.close()

    def _next(self) -> tuple[list[Edit], dict[str, object]] | None:
        with self._bell:
            self._bell.wait_for(lambda: self._closing or self._ending or self._waiting or self._notes)
            if not self._waiting and not self._notes:
                return None
            work = self._waiting, self._notes
            self._waiting, self._notes, self._busy = [], {}, True
            return work

    def _put_back(self, edits: list[Edit], notes: dict[str, object]) -> None:
        with self._bell:
            self._waiting = edits + self._waiting
            self._notes = {**notes, **self._notes}
            self._busy = False
