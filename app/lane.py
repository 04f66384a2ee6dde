"""One thread that does one thing after the other, and that nobody has to wait for when the window closes. No Qt."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Lane:
    """The thread begins with the first work. It is a daemon: a read that hangs on a dead disk does not hold up the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ready = threading.Condition()
        self._works: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Done after all that was submitted before; dropped once the lane is closed. `work` raises nothing."""
        with self._ready:
            if self._closed:
                return
            self._works.append(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._ready.notify()

    def close(self, seconds: float) -> bool:
        """Drop what is not begun and wait at most so long for what is; whether the thread has ended."""
        with self._ready:
            self._closed = True
            self._works.clear()
            self._ready.notify()
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._works or self._closed)
                if self._closed:
                    return
                work = self._works.popleft()
            work()
            del work
