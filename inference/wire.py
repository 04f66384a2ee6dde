"""Questions, pictures and answers between two processes: length-prefixed JSON for words, shared memory for arrays. No pickle."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from inference import answers, questions

KINDS: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        questions.Picture,
        questions.Label,
        questions.LabelSet,
        questions.Decoding,
        questions.LabelQuestion,
        questions.HeatmapQuestion,
        questions.DraftQuestion,
        questions.FreeQuestion,
        questions.BoxQuestion,
        questions.ConditionQuestion,
        questions.ChangeQuestion,
        questions.EmbedQuestion,
        questions.TableQuestion,
        answers.Receipt,
        answers.LabelScore,
        answers.LabelScores,
        answers.Heatmap,
        answers.Box,
        answers.Draft,
        answers.Embedding,
        answers.Progress,
        answers.EngineState,
    )
}
CAP = 1 << 28
"""Bytes of one message."""
GREETING = b"\n\x00hilum engine\n"
_LENGTH = struct.Struct("<I")


class Scratch:
    """Memory both processes see: a file in RAM where the system has such a place, else in the temporary folder.

    One side writes, the other reads what a message told it to; the writer waits until the message was answered. The name is
    removed as soon as both have opened it, so that nothing stays behind whatever happens.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            ram = Path("/dev/shm")
            handle, name = tempfile.mkstemp(prefix="hilum-", dir=ram if os.access(ram, os.W_OK) else None)
            os.close(handle)
            path = Path(name)
        self.path = path
        self._file = path.open("r+b", buffering=0)
        self._end = 0

    def write(self, array: NDArray[Any]) -> dict[str, Any]:
        """Append an array; what is returned fits into JSON and finds it again."""
        flat = np.ascontiguousarray(array)
        self._file.seek(self._end)
        view = memoryview(flat.reshape(-1).view(np.uint8).data)
        while view:
            view = view[self._file.write(view) or 0 :]
        place = {"dtype": flat.dtype.str, "shape": list(flat.shape), "offset": self._end}
        self._end += -(-flat.nbytes // 64) * 64
        return place

    def read(self, place: Mapping[str, Any]) -> NDArray[Any]:
        """A copy of the array."""
        shape = tuple(int(length) for length in place["shape"])
        flat = np.fromfile(
            self._file, np.dtype(place["dtype"]), int(np.prod(shape)), offset=int(place["offset"]) - self._file.tell()
        )
        return flat.reshape(shape)

    def rewind(self) -> None:
        """Use the memory again from its start."""
        self._end = 0

    def forget_name(self) -> None:
        """Remove the name; the memory lives as long as it is open. Where the system does not allow that, `close` does it."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def close(self) -> None:
        self._file.close()
        self.forget_name()


def plain(value: object, scratch: Scratch) -> Any:
    """A value as JSON can hold it; arrays go to `scratch`. Raises TypeError for what is none of KINDS."""
    if is_dataclass(value) and type(value).__name__ in KINDS:
        return {"kind": type(value).__name__} | {item.name: plain(getattr(value, item.name), scratch) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return {"array": scratch.write(value)}
    if isinstance(value, tuple | list):
        return [plain(item, scratch) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} is nothing that passes between the processes")


def value(plain_value: Any, scratch: Scratch) -> Any:
    """The value again; lists become tuples. Raises KeyError or TypeError for a message that makes no sense."""
    if isinstance(plain_value, dict):
        if "array" in plain_value:
            return scratch.read(plain_value["array"])
        kind = KINDS[plain_value["kind"]]
        return kind(**{name: value(item, scratch) for name, item in plain_value.items() if name != "kind"})
    if isinstance(plain_value, list):
        return tuple(value(item, scratch) for item in plain_value)
    return plain_value


class Channel:
    """Messages over two pipes; any thread may send, one thread receives."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> None:
        """Raises OSError when the other side is gone."""
        data = json.dumps(message).encode()
        with self._lock:
            self._writer.write(_LENGTH.pack(len(data)) + data)
            self._writer.flush()

    def receive(self) -> dict[str, Any] | None:
        """The next message, None when the other side has closed, died or sent what is no message."""
        try:
            head = self._reader.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                return None
            length = _LENGTH.unpack(head)[0]
            data = self._reader.read(length) if length <= CAP else b""
            message = json.loads(data) if len(data) == length else None
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def greet(self) -> None:
        """Send GREETING, before anything else."""
        with self._lock:
            self._writer.write(GREETING)
            self._writer.flush()

    def await_greeting(self) -> bool:
        """Skip what was printed before the other side had its pipe to itself; False when it ends without a greeting."""
        seen = b""
        while not seen.endswith(GREETING):
            try:
                byte = self._reader.read(1)
            except (OSError, ValueError):
                return False
            if not byte:
                return False
            seen = (seen + byte)[-len(GREETING) :]
        return True

    def close(self) -> None:
        """Close the sending side, which the other side sees as the end."""
        try:
            self._writer.close()
        except OSError:
            return
