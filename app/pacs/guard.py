"""A DICOM connection's socket that waits and takes no more than it should.

pynetdicom reads as many bytes as a peer announces and for as long as it likes; here both end.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pynetdicom import AE, evt
from pynetdicom.transport import AddressInformation, AssociationSocket

from app.pacs.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

SLACK = 64 * 1024
"""Of a PDU, for headers; of an accepted association's own PDU, for its many contexts."""
ACSE_S = 20.0
"""For the answer to a request for an association, which no archive has to think about."""


def cut(raw: socket.socket) -> None:
    """End a connection whatever another thread does with it: `SSLSocket.shutdown` would pull TLS away under its hands."""
    with suppress(OSError):
        socket.socket.shutdown(raw, socket.SHUT_RDWR)


class Guard:
    """In place of an `AssociationSocket`'s recv. `trouble` is why it ended the connection."""

    def __init__(self, owner: AssociationSocket, limits: Limits, most: int) -> None:
        self._owner, self._limits, self._most = owner, limits, most
        self._pending = 0
        self.received = 0
        self.first = b""
        """What came first of all, of up to six bytes."""
        self.failure: OSError | None = None
        """What the system said when it could not receive."""
        self.trouble = ""
        self.answered = False
        """Whether anything beyond the association itself ever came."""
        if owner.socket.family in (socket.AF_INET, socket.AF_INET6):
            owner.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # short answers do not wait for company
        owner.recv = self.recv
        owner._shutdown_socket = self._shut

    def handled(self) -> None:
        """What came so far was worked off."""
        self.answered = True
        self._pending = 0

    def recv(self, count: int) -> bytearray:
        """Exactly so many bytes, fewer where the peer closed. Raises OSError, which ends the association."""
        if count > self._limits.pdu_bytes + SLACK:
            self._end(f"announced a piece of {count:,} bytes")
        self._pending += count
        if self._pending > self._most:
            self._end(f"sent more than {self._most // 2**20} MiB at once")
        raw: socket.socket = self._owner.socket
        taken, end = bytearray(), time.monotonic() + self._limits.answer_s
        while len(taken) < count:
            left = end - time.monotonic()
            if left <= 0:
                self._end(f"sent nothing more for {self._limits.answer_s:.0f} s")
            raw.settimeout(left)
            try:
                piece = raw.recv(min(count - len(taken), 2**18))
            except TimeoutError:
                self._end(f"sent nothing more for {self._limits.answer_s:.0f} s")
            except OSError as error:
                self.failure = error
                raise
            if not piece:
                break
            taken += piece
        raw.settimeout(self._limits.answer_s)
        self.first = self.first or bytes(taken[:6])
        self.received += len(taken)
        return taken

    def _shut(self) -> None:
        """Closed even where the peer was faster."""
        if (raw := self._owner.socket) is not None:
            cut(raw)
            raw.close()

    def _end(self, trouble: str) -> None:
        self.trouble = trouble
        raise OSError(trouble)


class _Socket(AssociationSocket):  # type: ignore[misc]
    """Of our own connections: keeps why it could not connect."""

    socket: Any
    failure: OSError | None = None
    connected = False
    """Whether the machine answered; with TLS, a failure may come after."""
    connect_s = 10.0
    answer_s = 60.0
    _stood = False

    @property
    def _is_connected(self) -> bool:
        """Once true, true for good: pynetdicom asks it whether to look for the answer, which may have come and the peer gone."""
        return self._stood

    @_is_connected.setter
    def _is_connected(self, now: bool) -> None:
        self._stood = self._stood or now

    def connect(self, primitive: Any) -> None:
        try:
            self.socket.settimeout(self.connect_s)
            self.socket.connect(primitive.address_info.as_tuple)
            self.connected = True
            if self.tls_args:
                context, name = self.tls_args
                self.socket = context.wrap_socket(self.socket, server_hostname=name, do_handshake_on_connect=False)
                self.socket.do_handshake()  # on what a stop finds to cut
            self.socket.settimeout(self.answer_s)
            self.assoc.requestor.address_info = AddressInformation.from_tuple(self.socket.getsockname())
            self._is_connected = True
            evt.trigger(self.assoc, evt.EVT_CONN_OPEN, {"address": primitive.address_info.as_tuple})
            primitive.result = "Evt2"
        except OSError as error:
            self.failure = error
            self._shutdown_socket()
            self.socket = None
            primitive.result = "Evt17"
        self.provider_queue.put(primitive)
        self._ready.set()

    def cut(self) -> None:
        """End the connection now, from any thread."""
        if (raw := self.socket) is not None:
            cut(raw)


class Entity(AE):  # type: ignore[misc]
    """An application entity whose connections are guarded. `made` gets each socket before it connects."""

    def __init__(self, title: str, limits: Limits, most: int, made: Callable[[_Socket, Guard], None]) -> None:
        super().__init__(title)
        self._limits, self._most, self._made = limits, most, made
        self.connection_timeout = limits.connect_s
        self.acse_timeout = min(limits.answer_s, ACSE_S)
        self.dimse_timeout = limits.answer_s
        self.network_timeout = 2 * limits.answer_s

    def _create_socket(
        self, assoc: Any, address: AddressInformation, tls_args: tuple[ssl.SSLContext, str] | None
    ) -> AssociationSocket:
        made = _Socket(assoc, address=address)
        made.tls_args = tls_args
        made.connect_s, made.answer_s = self._limits.connect_s, self._limits.answer_s
        self._made(made, Guard(made, self._limits, self._most))
        return made
