"""Which job comes next: what the reader waits for, then what they see, then batch; in each, first come first served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

INTERACTIVE, VISIBLE, BATCH = 0, 1, 2
LOOK_S = 5.0
"""How often one who waits for idleness looks at the clock."""

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Job(Generic[Work]):
    """`cancel` is set when the job is no longer wanted. Jobs of one `lane` replace each other; "" is no lane."""

    ticket: int
    work: Work
    priority: int
    lane: str
    cancel: threading.Event = field(default_factory=threading.Event)


class Scheduler(Generic[Work]):
    """A queue for one consumer and any number of producers.

    `on_dropped` is called, in the thread that caused it, with the ticket of each job that left the queue without being taken.
    """

    def __init__(self, on_dropped: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds, for `idle` alone."""
        self._on_dropped, self._clock = on_dropped, clock
        self._changed = threading.Condition()
        self._waiting: list[Job[Work]] = []
        self._running: Job[Work] | None = None
        self._closed = False

    def submit(self, ticket: int, work: Work, *, priority: int = INTERACTIVE, lane: str = "") -> None:
        """Queue a job. An older job of the same lane is dropped, or told to stop when it is running."""
        with self._changed:
            old = [job for job in self._waiting if lane and job.lane == lane]
            self._waiting = [job for job in self._waiting if job not in old]
            if self._running is not None and lane and self._running.lane == lane:
                self._running.cancel.set()
            closed = self._closed
            if not closed:
                self._waiting.append(Job(ticket, work, priority, lane))
                self._changed.notify()
        self._drop([job.ticket for job in old] + ([ticket] if closed else []))

    def take(self) -> Job[Work] | None:
        """Wait for the next job; None after `close`. It runs until `done`."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            job = min(self._waiting, key=lambda one: one.priority)  # min keeps the order among equals
            self._waiting.remove(job)
            self._running = job
            return job

    def waits_before(self, priority: int) -> bool:
        """Whether a job waits that comes before those of a priority."""
        with self._changed:
            return any(job.priority < priority for job in self._waiting)

    def idle(self, seconds: float) -> bool:
        """Wait for a job, or for `close`, at most so long; whether none of it came."""
        with self._changed:
            until = self._clock() + seconds
            while not (self._waiting or self._closed):
                left = until - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(min(left, LOOK_S))
            return False

    def done(self) -> None:
        """The job that was taken is over."""
        with self._changed:
            self._running = None

    def cancel(self, ticket: int) -> None:
        """Drop a waiting job, or tell a running one to stop; an unknown ticket is over already."""
        with self._changed:
            old = [job for job in self._waiting if job.ticket == ticket]
            self._waiting = [job for job in self._waiting if job.ticket != ticket]
            if self._running is not None and self._running.ticket == ticket:
                self._running.cancel.set()
        self._drop([job.ticket for job in old])

    def close(self) -> None:
        """Drop everything, tell the running job to stop, and let `take` return None."""
        with self._changed:
            self._closed = True
            old, self._waiting = self._waiting, []
            if self._running is not None:
                self._running.cancel.set()
            self._changed.notify_all()
        self._drop([job.ticket for job in old])

    def __len__(self) -> int:
        """Jobs waiting or running."""
        with self._changed:
            return len(self._waiting) + (self._running is not None)

    def _drop(self, tickets: list[int]) -> None:
        for ticket in tickets:
            self._on_dropped(ticket)
