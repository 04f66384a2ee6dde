"""From the window to a reader process and back: length-prefixed JSON over pipes, arrays in memory both see. No pickle."""

from __future__ import annotations

import json
import os
import re
import select
import struct
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CAP = 2**26
"""Bytes of one message."""
GREETING = {"is": "reader"}
_LENGTH = struct.Struct("<I")
_DTYPE = re.compile(r"[<|][iuf][1248]|[|]b1")


class Lost(Exception):
    """The other side has ended, is silent for too long, or sends what is no message."""


def send(handle: int, message: Mapping[str, Any]) -> None:
    """Raises OSError when the other side is gone."""
    data = json.dumps(message, separators=(",", ":")).encode()
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        view = view[os.write(handle, view) :]


def receive(handle: int, seconds: float | None = None) -> dict[str, Any]:
    """The next message, waited for at most so long where the system allows to. Raises Lost."""
    deadline = None if seconds is None else time.monotonic() + seconds
    length = _LENGTH.unpack(_exactly(handle, _LENGTH.size, deadline))[0]
    if length > CAP:
        raise Lost
    try:
        message = json.loads(_exactly(handle, length, deadline))
    except ValueError as error:
        raise Lost from error
    if not isinstance(message, dict):
        raise Lost
    return message


def _exactly(handle: int, count: int, deadline: float | None) -> bytes:
    parts = []
    while count:
        if deadline is not None and hasattr(select, "poll"):
            waiting = select.poll()
            waiting.register(handle, select.POLLIN)
            if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Lost
        try:
            part = os.read(handle, count)
        except OSError as error:
            raise Lost from error
        if not part:
            raise Lost
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


class Scratch:
    """A file in memory where the system has such a place, else in the temporary folder; one side writes, the other reads.

    Its name is removed as soon as both sides have it open, so that nothing stays behind whatever happens.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            ram = Path("/dev/shm")
            handle, name = tempfile.mkstemp(prefix="hilum-reader-", dir=ram if os.access(ram, os.W_OK) else None)
            os.close(handle)
            path = Path(name)
        self.path = path
        self._file = path.open("r+b", buffering=0)
        self._end = 0

    def rewind(self) -> None:
        self._end = 0

    def shrink(self, most: int) -> None:
        """Give the memory back where it is more than `most` bytes."""
        if os.fstat(self._file.fileno()).st_size > most:
            self._file.truncate(0)

    def write(self, array: NDArray[Any]) -> list[Any]:
        """Append an array; what is returned fits into JSON and finds it again."""
        flat = np.ascontiguousarray(array)
        self._file.seek(self._end)
        view = memoryview(flat.reshape(-1).view(np.uint8).data)
        while view:
            view = view[self._file.write(view) or 0 :]
        place = [flat.dtype.str, list(flat.shape), self._end]
        self._end += flat.nbytes
        return place

    def read(self, place: Sequence[Any]) -> NDArray[Any]:
        """A copy of the array. Raises Lost for a place that is none, before any memory is taken for it."""
        try:
            kind, shape, offset = str(place[0]), tuple(int(length) for length in place[1]), int(place[2])
            if not _DTYPE.fullmatch(kind) or min(shape, default=0) < 0 or offset < 0:
                raise Lost
            count = int(np.prod(shape, dtype=object))
            if offset + count * np.dtype(kind).itemsize > os.fstat(self._file.fileno()).st_size:
                raise Lost
        except (TypeError, ValueError, IndexError) as error:
            raise Lost from error
        array = np.empty(shape, kind)
        self._file.seek(offset)
        view = memoryview(array.reshape(-1).view(np.uint8).data)
        while view:
            count = self._file.readinto(view) or 0
            if not count:
                raise Lost
            view = view[count:]
        return array

    def forget_name(self) -> None:
        """Remove the name; the memory lives as long as it is open. Where the system does not allow that, `close` does it."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError:
            return

    def close(self) -> None:
        self._file.close()
        self.forget_name()
