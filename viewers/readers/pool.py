"""A few reader processes, supervised: replaced when one ends, is silent or has taken much memory. Any thread may ask."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from viewers.errors import SourceError
from viewers.readers import channel, work
from viewers.readers.work import Reply

SECONDS = 10.0
"""Wall time of one piece of work; more for honest large frames, see `viewers.sources.decode`."""
_START_S = 60.0
_TRIES = 3
_GRACE_S = 5.0
"""A child ends itself at its limit; one that does not is killed so much later."""
_KEEP_BYTES = 64 * 2**20
_PIECE = 16
"""Files of one message, so that whoever waits for a frame waits for no long list."""
Answer = Reply | SourceError


class Readers:
    """`ask` and `spread` block until the answers are there; each answer is a Reply or the SourceError of that file.

    The processes start with `start`, or when first needed. Where none can be started the work is done in this process, and
    `problem` says so in a sentence.
    """

    def __init__(
        self, count: int | None = None, command: Sequence[str] = (sys.executable, "-m", "viewers.readers.child")
    ) -> None:
        self.count = count or max(2, min(4, (os.cpu_count() or 2) // 2))
        self.problem = ""
        self._command = tuple(command)
        self._free = threading.Condition()
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()
        """The idle ones and those that work for somebody."""
        self._urgent = 0
        self._stillborn = 0
        self._closed = False

    def start(self) -> None:
        """Start the processes that are missing, without waiting for them."""
        with self._free:
            while not self._closed and not self.problem and len(self._children) < self.count:
                try:
                    child = _Child(self._command)
                    self._children.add(child)
                    self._idle.insert(0, child)
                except OSError:
                    self._impossible()
                self._free.notify()

    def ask(self, do: str, items: Sequence[Mapping[str, Any]], seconds: float = SECONDS, *, urgent: bool = True) -> list[Answer]:
        """The answers in order; `seconds` is the limit of each piece of work. `items` have a `path`."""
        done: list[Answer] = []
        while len(done) < len(items):
            with self._child(urgent) as child:
                if child is None:
                    return done + [work.perform(do, item) for item in items[len(done) :]]
                answers, how = child.ask(do, items[len(done) :], seconds)
                self._judge(child)
            done += answers
            if how and child.greeted:
                done.append(_lost(str(items[len(done)]["path"]), how))
        return done

    def spread(self, do: str, items: Sequence[Mapping[str, Any]], seconds: float = SECONDS) -> list[Answer]:
        """As `ask`, over all the processes at once, and behind whoever waits for one thing."""
        found: list[Answer | None] = [None] * len(items)
        starts = iter(range(0, len(items), _PIECE))
        lock = threading.Lock()

        def run() -> None:
            while True:
                with lock:
                    at = next(starts, None)
                if at is None:
                    return
                found[at : at + _PIECE] = self.ask(do, items[at : at + _PIECE], seconds, urgent=False)

        more = min(self.count, -(-len(items) // _PIECE)) - 1
        threads = [threading.Thread(target=run, name="reader-ask", daemon=True) for _ in range(more)]
        for thread in threads:
            thread.start()
        run()
        for thread in threads:
            thread.join()
        return cast("list[Answer]", found)

    @property
    def pids(self) -> list[int]:
        """Of all processes, those at work included."""
        with self._free:
            return [child.process.pid for child in self._children]

    def close(self) -> None:
        """End the processes; who waits for one is told that it ended."""
        with self._free:
            self._closed = True
            for child in self._idle:
                self._drop(child)
            self._idle = []
            for child in self._children:
                child.end()  # whoever waits for it closes it
            self._free.notify_all()

    @contextlib.contextmanager
    def _child(self, urgent: bool) -> Iterator[_Child | None]:
        """A process for one message, None where none can be had."""
        child = self._taken(urgent)
        try:
            yield child
        finally:
            if child is not None:
                fit = child.fit and not self._closed
                with self._free:
                    if fit:
                        self._idle.append(child)
                    else:
                        self._drop(child)
                    self._free.notify_all()
                if not fit:
                    self.start()

    def _taken(self, urgent: bool) -> _Child | None:
        self.start()
        with self._free:
            self._urgent += urgent
            try:
                while True:
                    self._free.wait_for(lambda: self.problem or self._closed or (self._idle and (urgent or not self._urgent)))
                    if self.problem or self._closed:
                        return None
                    child = self._idle.pop()
                    if child.process.poll() is None:
                        return child
                    self._drop(child)  # it ended while nobody looked, which cost nothing
                    self._judge(child)
                    self.start()
            finally:
                self._urgent -= urgent
                self._free.notify_all()

    def _drop(self, child: _Child) -> None:
        self._children.discard(child)
        child.close()

    def _judge(self, child: _Child) -> None:
        """Some processes in a row that end before they begin: none will ever begin."""
        self._stillborn = 0 if child.greeted else self._stillborn + 1
        if self._stillborn >= _TRIES:
            self._impossible()

    def _impossible(self) -> None:
        self.problem = "Files are read without the protection of a process of their own, which cannot be started."
        with self._free:
            for child in self._idle:
                self._drop(child)
            self._idle = []
            self._free.notify_all()


class _Child:
    """One process, its two pipes and its scratch memory. Used by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._scratch = channel.Scratch()
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        try:
            self.process = subprocess.Popen(
                [*command, str(self._scratch.path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                env=os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        except OSError:
            self._scratch.close()
            raise
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin, self.process.stdout
        self.greeted = False
        self.fit = True

    def ask(self, do: str, items: Sequence[Mapping[str, Any]], seconds: float) -> tuple[list[Answer], str]:
        """The answers, and "" or how the process ended before it had given all of them."""
        done: list[Answer] = []
        at = time.monotonic()
        try:
            if not self.greeted:
                self.greeted = channel.receive(self._from.fileno(), _START_S) == channel.GREETING
                self._scratch.forget_name()
            channel.send(self._to.fileno(), {"do": do, "items": list(items), "seconds": seconds})
            for item in items:
                at = time.monotonic()
                reply = channel.receive(self._from.fileno(), seconds + _GRACE_S)
                self.fit = self.fit and not reply.get("tired")
                if "error" in reply:
                    done.append(SourceError(Path(item["path"]), str(reply["error"])))
                else:
                    done.append((reply["values"], [self._scratch.read(place) for place in reply["arrays"]]))
            self._scratch.shrink(_KEEP_BYTES)
            return done, ""
        except (OSError, KeyError, channel.Lost):
            self.fit = False
            return done, self.how(seconds if self.greeted and time.monotonic() - at >= seconds else None)

    def end(self) -> None:
        """Nothing stays behind, though nobody may come to close it."""
        self.process.kill()
        self._scratch.forget_name()

    def close(self) -> None:
        """A process that works for nobody holds nothing that could be lost."""
        self.process.kill()
        self.process.wait()
        self._to.close()
        self._from.close()
        self._scratch.close()

    def how(self, limit: float | None = None) -> str:
        """How it ended; `limit` is given where it was too slow."""
        if limit is not None:
            self.process.kill()
        try:
            code = self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "made its reader process answer without sense"
        if limit is not None:
            return f"took longer than the limit of {limit:g} s"
        if code >= 0:
            return f"ended its reader process (exit code {code})"
        names = {one.value: one.name for one in signal.Signals}
        return f"ended its reader process ({names.get(-code, f'signal {-code}')})"


def _lost(path: str, how: str) -> SourceError:
    name = work.named(path)
    return SourceError(path, f"{name} {how}: it is damaged or hostile, export it again.")


@functools.cache
def readers() -> Readers:
    """The one pool of this process."""
    pool = Readers()
    atexit.register(pool.close)
    return pool
