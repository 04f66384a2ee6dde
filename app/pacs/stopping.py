"""Asking work with a socket to stop, from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from app.pacs.errors import Stopped


class Stop:
    """Set once and for good. What waits for a socket says meanwhile how it is woken."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakes: list[Callable[[], None]] = []

    def set(self) -> None:
        """Returns at once: each `wake` runs on a thread of its own."""
        with self._lock:
            self._event.set()
            wakes = list(self._wakes)
        for wake in wakes:
            threading.Thread(target=_quietly, args=(wake,), name="hilum-pacs-stop", daemon=True).start()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises Stopped."""
        if self._event.is_set():
            raise Stopped("stopped on request")

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """`wake` is called once if the stop comes inside; at once if it came before. Raises Stopped in that case."""
        with self._lock:
            self.check()
            self._wakes.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)


def _quietly(wake: Callable[[], None]) -> None:
    with suppress(Exception):  # the connection may have ended by itself meanwhile
        wake()
