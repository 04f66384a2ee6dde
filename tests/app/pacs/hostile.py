"""Servers on loopback that misbehave: canned bytes, silence, and a go-between that spoils a real archive's conversation."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pydicom.dataset import Dataset
from pydicom.uid import UID

from app.pacs.errors import PacsError
from app.pacs.stopping import Stop
from tests.app.pacs.servers import until


class Hostile:
    """Each connection is handled by `serve(socket)` on a thread; all end with `close`."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(16)
        self.port = int(self._server.getsockname()[1])
        self.seen: list[bytes] = []
        self._open: list[socket.socket] = []
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._run)]
        self._threads[0].start()

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for one in self._open:
            one.close()

    def wait(self) -> None:
        """Until the server is closed."""
        self._closed.wait(60)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                one, _ = self._server.accept()
            except OSError:
                return
            self._open.append(one)
            thread = threading.Thread(target=self._handle, args=(one,))
            self._threads.append(thread)
            thread.start()

    def _handle(self, one: socket.socket) -> None:
        with suppress(OSError):
            self._serve(one)
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def stopped(server: Hostile, work: Callable[[Stop], object]) -> tuple[float, PacsError]:
    """Stop `work` on a thread while `server` lets it wait: seconds until it ended, and how."""
    stop, ended = Stop(), list[PacsError]()

    def run() -> None:
        try:
            work(stop)
        except PacsError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: server._open)
    time.sleep(0.2)
    began = time.monotonic()
    stop.set()
    thread.join(15)
    return time.monotonic() - began, ended[0]


def request(one: socket.socket) -> bytes:
    """The head of an HTTP request."""
    head = b""
    while b"\r\n\r\n" not in head and (piece := one.recv(65_536)):
        head += piece
    return head


def answering(*pieces: bytes | Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """An HTTP server that sends these bytes whatever it is asked; a callable gets the socket."""

    def serve(one: socket.socket) -> None:
        request(one)
        for piece in pieces:
            if callable(piece):
                piece(one)
            else:
                one.sendall(piece)

    return serve


def head(kind: str = "application/dicom+json", code: str = "200 OK", length: int | None = None, more: str = "") -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"HTTP/1.1 {code}\r\nContent-Type: {kind}\r\n{size}Connection: close\r\n{more}\r\n".encode()


def associating(then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A DICOM server that takes the first context that is asked for, in Implicit VR, and does what it likes (PS3.8 9.3)."""
    contexts = _item(0x10, b"1.2.840.10008.3.1.1.1") + _item(0x21, b"\1\0\0\0" + _item(0x40, b"1.2.840.10008.1.2"))
    user = _item(0x50, _item(0x51, struct.pack(">I", 2**17)) + _item(0x52, b"1.2.3"))
    body = struct.pack(">HH", 1, 0) + b"ORTHANC".ljust(16) + b"HILUM".ljust(16) + bytes(32) + contexts + user

    def serve(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(struct.pack(">BBI", 2, 0, len(body)) + body)
        then(one)

    return serve


def response(field: int, status: int, data: Dataset | None = None) -> bytes:
    """A message on that context that answers the first of ours (PS3.7 9.3)."""
    command = Dataset()
    command.AffectedSOPClassUID, command.CommandField, command.MessageIDBeingRespondedTo = UID("1.2.3"), field, 1
    command.CommandDataSetType, command.Status = 0x0101 if data is None else 1, status
    words = _encoded(command)
    whole = _piece(struct.pack("<HHII", 0, 0, 4, len(words)) + words, 3)
    return whole if data is None else whole + _piece(_encoded(data), 2)


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def _piece(body: bytes, flag: int) -> bytes:
    return struct.pack(">BBIIBB", 4, 0, len(body) + 6, len(body) + 2, 1, flag) + body


def _encoded(dataset: Dataset) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    file = DicomBytesIO()
    file.is_little_endian = file.is_implicit_VR = True
    write_dataset(file, dataset)
    return bytes(file.getvalue())


class Between:
    """Passes bytes between us and a real server; `spoil(count, data)` may change what comes back after `count` bytes, raise
    EOFError to hang up, or TimeoutError to fall silent."""

    def __init__(self, port: int, spoil: Callable[[int, bytes], bytes]) -> None:
        self._port, self._spoil = port, spoil
        self.hostile = Hostile(self._pass)
        self.port = self.hostile.port

    def close(self) -> None:
        self.hostile.close()

    def _pass(self, one: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            forth = threading.Thread(target=_pour, args=(one, server))
            forth.start()
            count = 0
            try:
                while data := server.recv(4096):
                    changed = self._spoil(count, data)
                    count += len(data)
                    one.sendall(changed)
            except TimeoutError:
                self.hostile.wait()
            except (EOFError, OSError):
                pass
            for side in (one, server):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            forth.join(10)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
