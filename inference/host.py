"""The engine in a process of its own: a crash, a kill or a poisoned card costs the running question and nothing else.

`EngineProcess` is the client and imports no model library. `python -m inference.host UP DOWN` is the child.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from inference import errors, wire
from inference.answers import Answer, EngineState, Progress
from inference.engine import EngineSpec, quiet
from inference.errors import Cancelled, EngineLost, InferenceError, ModelFailed, look
from inference.questions import Picture, Question

LOOK_S = 0.02
"""How often a waiting question looks at its cancel event."""
NICE = 10
"""By how much the engine's priority lies below the window's (POSIX, 0 to 19)."""
BELOW_NORMAL = 0x4000
"""BELOW_NORMAL_PRIORITY_CLASS of Windows."""
NOT_STARTED = EngineState("not started", (), 0, 0)


class EngineProcess:
    """The same `answer`, `state` and `close` as `Engine`, with the engine in a child process.

    The child starts with the first question, or with `start`, and ends with this process. When it dies, the running question
    raises EngineLost and the next one starts a new child. Cancelling returns at once; the child stops within 200 ms.
    """

    def __init__(self, spec: EngineSpec | None = None, command: Sequence[str] = (sys.executable, "-m", "inference.host")) -> None:
        self.spec = spec or EngineSpec()
        self._command = tuple(command)
        self._asking, self._starting = threading.Lock(), threading.Lock()
        self._child: _Child | None = None
        self._ticket = 0
        self._state = NOT_STARTED

    def start(self) -> None:
        """Start the child where there is none; it imports the model libraries while nobody waits."""
        with self._starting:
            if self._child is None or not self._child.alive:
                if self._child is not None:
                    self._child.close()
                self._child = _Child(self._command, self.spec)

    @property
    def pid(self) -> int | None:
        """Of the child, None where there is none."""
        child = self._child
        return child.process.pid if child is not None and child.alive else None

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> Answer:
        """As `Engine.answer`; raises EngineLost besides."""
        (found,) = self._ask([(question, pictures)], on_progress, cancel, together=False)
        if isinstance(found, InferenceError):
            raise found
        return found

    def answer_together(
        self,
        asked: Sequence[tuple[Question, Sequence[Picture]]],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> list[Answer | InferenceError]:
        """As `Engine.answer_together`; raises EngineLost besides."""
        return self._ask(asked, on_progress, cancel, together=True)

    def _ask(
        self,
        asked: Sequence[tuple[Question, Sequence[Picture]]],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event | None,
        *,
        together: bool,
    ) -> list[Answer | InferenceError]:
        stop = cancel or threading.Event()
        with self._asking:
            look(stop)
            if self._child is None or not self._child.alive:
                on_progress(Progress("starting the engine"))
            self.start()
            assert self._child is not None
            self._ticket += 1
            return self._child.ask(self._ticket, asked, on_progress, stop, together=together)

    def state(self) -> EngineState:
        """The child's state; its last known one while it is too busy to say."""
        child = self._child
        if child is None or not child.alive:
            return NOT_STARTED
        self._state = child.state() or self._state
        return self._state

    def kill(self) -> None:
        """End the child at once, whatever it does; a running question raises EngineLost."""
        child = self._child
        if child is not None:
            child.process.kill()

    def close(self) -> None:
        """End the child; a running question raises EngineLost."""
        with self._starting:
            if self._child is not None:
                self._child.close()
            self._child = None


class _Child:
    """One child process and its two pipes and two scratch memories."""

    def __init__(self, command: Sequence[str], spec: EngineSpec) -> None:
        self._up, self._down = wire.Scratch(), wire.Scratch()
        root = str(Path(__file__).resolve().parent.parent)
        paths = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        self.process = subprocess.Popen(
            [*command, str(self._up.path), str(self._down.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        self._channel = wire.Channel(cast(BinaryIO, self.process.stdout), cast(BinaryIO, self.process.stdin))
        self._news: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._states: queue.SimpleQueue[EngineState] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name="engine-reader", daemon=True)
        self._reader.start()
        self._send({"do": "start", "spec": asdict(spec)})

    @property
    def alive(self) -> bool:
        return not self._ended.is_set() and self.process.poll() is None

    def ask(
        self,
        ticket: int,
        asked: Sequence[tuple[Question, Sequence[Picture]]],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
        *,
        together: bool,
    ) -> list[Answer | InferenceError]:
        self._up.rewind()
        sent = [
            {"question": wire.plain(question, self._up), "pictures": wire.plain(tuple(pictures), self._up)}
            for question, pictures in asked
        ]
        if not self._send({"do": "answer", "ticket": ticket, "asked": sent, "together": together}):
            raise self._lost()
        while True:
            if cancel.is_set():
                self._send({"do": "cancel", "ticket": ticket})
                raise Cancelled("stopped on request")
            try:
                message = self._news.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if message is None:
                raise self._lost()
            if message["ticket"] != ticket:
                continue
            if message["is"] == "progress":
                on_progress(wire.value(message["progress"], self._down))
            elif message["is"] == "answers":
                return [
                    _error(one) if "kind" in one else cast(Answer, wire.value(one["answer"], self._down))
                    for one in message["answers"]
                ]
            else:
                raise _error(message)

    def state(self) -> EngineState | None:
        while not self._states.empty():
            self._states.get()
        self._send({"do": "state"})
        try:
            return self._states.get(timeout=1.0)
        except queue.Empty:
            return None

    def close(self) -> None:
        self._channel.close()
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        cast(BinaryIO, self.process.stdout).close()
        self._up.close()
        self._down.close()

    def _read(self) -> None:
        greeted = self._channel.await_greeting()
        self._up.forget_name()
        self._down.forget_name()
        while greeted and (message := self._channel.receive()) is not None:
            if message["is"] == "state":
                self._states.put(wire.value(message["state"], self._down))
            else:
                self._news.put(message)
        self._ended.set()
        self._news.put(None)

    def _send(self, message: dict[str, Any]) -> bool:
        try:
            self._channel.send(message)
        except (OSError, ValueError):
            return False
        return True

    def _lost(self) -> EngineLost:
        try:
            code = self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return EngineLost(f"the engine ended while it was working ({how}); ask again, it is started anew")


def _error(message: dict[str, Any]) -> InferenceError:
    kind = getattr(errors, str(message["kind"]), ModelFailed)
    return kind(message["text"]) if issubclass(kind, InferenceError) else ModelFailed(message["text"])


def main() -> None:
    """The child: answers what comes in, in order; a thread of its own reads, so that cancel and state are never late."""
    reader, writer = _own_pipes()
    _no_core_dumps()
    _yield_to_the_window()
    up, down = wire.Scratch(Path(sys.argv[1])), wire.Scratch(Path(sys.argv[2]))
    channel = wire.Channel(reader, writer)
    channel.greet()
    first = channel.receive()
    if first is None:
        return
    from inference.engine import Engine

    engine = Engine(EngineSpec(**first["spec"]))
    waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()

    def read() -> None:
        cancels: dict[int, threading.Event] = {}
        while (message := channel.receive()) is not None:
            if message["do"] == "answer":
                cancels = {message["ticket"]: threading.Event()}
                asked = [(wire.value(one["question"], up), wire.value(one["pictures"], up)) for one in message["asked"]]
                waiting.put(_Waiting(message["ticket"], asked, message["together"], cancels[message["ticket"]]))
            elif message["do"] == "cancel" and message["ticket"] in cancels:
                cancels[message["ticket"]].set()
            elif message["do"] == "state":
                channel.send({"is": "state", "state": wire.plain(engine.state(), down)})
        os._exit(0)  # the window is gone: nobody waits for what is being done

    threading.Thread(target=read, name="engine-host-reader", daemon=True).start()
    with contextlib.suppress(InferenceError):
        engine.warm()  # what is wrong is said again, to the first question
    while True:
        reply = _reply(engine, waiting.get(), channel, down)
        with contextlib.suppress(OSError):  # the reading thread sees the end and ends this process
            channel.send(reply)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    ticket: int
    asked: Sequence[tuple[Question, tuple[Picture, ...]]]
    together: bool
    cancel: threading.Event


def _reply(engine: Any, one: _Waiting, channel: wire.Channel, down: wire.Scratch) -> dict[str, Any]:
    def on_progress(progress: Progress) -> None:
        channel.send({"is": "progress", "ticket": one.ticket, "progress": wire.plain(progress, down)})

    try:
        if one.together:
            found = engine.answer_together(one.asked, on_progress=on_progress, cancel=one.cancel)
        else:
            found = [engine.answer(*one.asked[0], on_progress=on_progress, cancel=one.cancel)]
        down.rewind()
        answers = [_told(each) if isinstance(each, InferenceError) else {"answer": wire.plain(each, down)} for each in found]
        return {"is": "answers", "ticket": one.ticket, "answers": answers}
    except InferenceError as error:
        return {"is": "error", "ticket": one.ticket, **_told(error)}
    except Exception as error:  # the last door of this process: the question fails, the engine lives
        words = f"the engine met a fault of its own ({type(error).__name__}: {error}); ask again, and report it"
        return {"is": "error", "ticket": one.ticket, "kind": "ModelFailed", "text": " ".join(words.split())}


def _told(error: InferenceError) -> dict[str, str]:
    return {"kind": type(error).__name__, "text": str(error)}


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes as private handles; whatever a library prints goes to the error stream, what it reads is empty."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


def _yield_to_the_window() -> None:
    """Run at a lower priority than other programs: on few cores the picture would otherwise wait while a model computes.

    An idle machine computes as fast as before. Where the system refuses, the priority stays as it is.
    """
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), BELOW_NORMAL)
    else:
        with contextlib.suppress(OSError):
            os.nice(NICE)


def _no_core_dumps() -> None:
    """A core file would hold a patient's pixels. Ctrl+C in a terminal is the parent's to answer."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
