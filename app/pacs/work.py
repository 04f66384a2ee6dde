"""A piece of work with an archive: how far it is, what became of it, and that it is on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app import audit
from app.pacs import letters
from app.pacs.errors import PacsError, Stopped
from app.pacs.matches import Answer
from app.pacs.outgoing import Sent
from app.pacs.peers import Peer
from app.pacs.query import Query
from app.pacs.stopping import Stop

State = Literal["done", "partly", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`total` None: the archive does not say how many there are."""

    done: int
    total: int | None
    size: int
    """Bytes so far."""
    seconds: float
    trouble: int = 0
    """How many were not taken or not stored."""

    def words(self) -> str:
        """ "12 of 40, 3.1 MB/s, 0:20 left"."""
        count = f"{self.done} of {self.total}" if self.total else f"{self.done}"
        trouble = f", {self.trouble} failed" if self.trouble else ""
        rate = f", {self.size / self.seconds / 1e6:.1f} MB/s" if self.seconds > 0.5 and self.size else ""
        left = ""
        if self.total and self.seconds > 1 and 0 < self.done < self.total:
            seconds = round(self.seconds / self.done * (self.total - self.done))
            left = f", {seconds // 60}:{seconds % 60:02d} left"
        return f"{count}{trouble}{rate}{left}"


@dataclass(slots=True)
class Outcome:
    """What became of a retrieve or a send."""

    state: State = "done"
    good: int = 0
    bad: int = 0
    size: int = 0
    notes: list[str] = field(default_factory=list)
    """One sentence each: why it ended, what was refused, what is missing."""
    folders: list[Path] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def end(self, error: PacsError) -> None:
        """It ended so."""
        stopped = isinstance(error, Stopped)
        self.state = "stopped" if stopped else "partly" if self.good else "failed"
        if not stopped:
            self.notes.insert(0, str(error))

    def words(self, verb: str) -> str:
        """In one line, `verb` being "fetched" or "sent"."""
        total = self.good + self.bad
        head = f"{self.good} of {total} {verb}" if self.bad else f"{self.good} {verb}"
        return f"{head}{', stopped' if self.state == 'stopped' else ''}" + (f": {self.notes[0]}" if self.notes else "")


def find(peer: Peer, query: Query, stop: Stop) -> Answer:
    """Raises PacsError and Stopped."""
    with on_record("pacs query", peer) as facts:
        answer = letters.found(lambda one: peer.find_studies(one, stop), query, peer.node.name)
        facts |= {"studies": str(len(answer.studies))}
    return answer


@contextmanager
def on_record(event: str, peer: Peer, outcome: Outcome | None = None) -> Iterator[dict[str, str]]:
    """A line when it begins, without which it does not begin, and one with the counts when it has ended."""
    facts: dict[str, str] = {"node": peer.node.name, "address": peer.node.address}
    put_on_record(f"{event} begun", facts)
    state = "failed"
    try:
        yield facts
        state = outcome.state if outcome is not None else "done"
    except Stopped:
        state = "stopped"
        raise
    finally:
        counts = {"good": str(outcome.good), "bad": str(outcome.bad)} if outcome is not None else {}
        put_on_record(f"{event} ended", {**facts, **counts, "state": state})


def put_on_record(event: str, facts: Mapping[str, str]) -> None:
    """Raises PacsError."""
    try:
        audit.record(event, facts)
    except OSError as error:
        reason = error.strerror or "the disk reported an error"
        raise PacsError(
            f"Nothing is asked of an archive that is not on record, and the record cannot be written ({reason})."
        ) from error
