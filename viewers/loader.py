"""Background work for a pane: threads that make the newest wishes first. No Qt here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loader(Generic[K, V]):
    """`make(key)` runs on up to `threads` private threads; `arrived()` is called there once results wait for `take`.

    `want` replaces all wishes that nobody has begun, so work for a view that has moved on is dropped. `arrived` is not
    called again before `take` has emptied the basket. Spare wishes are begun only while no other waits or is being made.

    After `close` nothing is begun or announced; the threads end after what they are doing, then `idle()` is called once (at
    once when nothing runs), on whichever thread is last.
    """

    def __init__(
        self,
        make: Callable[[K], V],
        threads: int,
        arrived: Callable[[], None],
        idle: Callable[[], None] = lambda: None,
        name: str = "hilum-view",
    ) -> None:
        self._make, self._arrived, self._idle = make, arrived, idle
        self._limit, self._name = threads, name
        self._lock = threading.Condition()
        self._wishes: list[K] = []
        """The next one last; the first `_spare` of them are spare."""
        self._spare = 0
        self._urgent: frozenset[K] = frozenset()
        self._busy: set[K] = set()
        self._done: list[tuple[K, V | Exception]] = []
        self._alive = 0
        self._closed = False

    def want(self, keys: Iterable[K], spare: Iterable[K] = ()) -> None:
        """The keys to make, the most urgent first, then those that may be needed later. Returns at once."""
        with self._lock:
            if self._closed:
                return
            ready = {key for key, _ in self._done}
            keys = list(keys)
            self._urgent = frozenset(keys)
            later = [key for key in dict.fromkeys(spare) if key not in self._urgent]
            wishes = [[key for key in part if key not in self._busy and key not in ready] for part in (later, keys)]
            self._wishes, self._spare = [*reversed(wishes[0]), *reversed(wishes[1])], len(wishes[0])
            while self._alive < min(self._limit, len(self._wishes) + len(self._busy)):
                threading.Thread(target=self._work, name=f"{self._name}-{self._alive}", daemon=True).start()
                self._alive += 1
            self._lock.notify_all()

    def take(self) -> list[tuple[K, V | Exception]]:
        """What was made since the last call, or the exception that came instead."""
        with self._lock:
            done, self._done = self._done, []
            return done

    @property
    def pending(self) -> int:
        """Wishes neither made nor taken yet."""
        with self._lock:
            return len(self._wishes) + len(self._busy) + len(self._done)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wishes, self._done, self._spare = [], [], 0
            last = self._alive == 0
            self._lock.notify_all()
        if last:
            self._idle()

    def _work(self) -> None:
        while (key := self._next()) is not None:
            result: V | Exception
            try:
                result = self._make(key)
            except Exception as error:  # the pane shows it; a thread that dies would leave it waiting
                result = error
            with self._lock:
                self._busy.discard(key)
                if self._spare and key in self._urgent:
                    self._lock.notify_all()
                first = not self._done
                if not self._closed:
                    self._done.append((key, result))
            del result
            if first and not self._closed:
                self._arrived()
        with self._lock:
            self._alive -= 1
            last = self._alive == 0
        if last:
            self._idle()

    def _next(self) -> K | None:
        with self._lock:
            self._lock.wait_for(lambda: self._closed or self._may_begin())
            if self._closed:
                return None
            key = self._wishes.pop()
            self._spare = min(self._spare, len(self._wishes))
            self._busy.add(key)
            return key

    def _may_begin(self) -> bool:
        return bool(self._wishes) and (len(self._wishes) > self._spare or self._urgent.isdisjoint(self._busy))
