"""One association with a node (PS3.8): opened, watched, stopped and ended, and in a sentence why it could not be."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pynetdicom import _config, build_context
from pynetdicom.presentation import PresentationContext

from app.pacs import tls
from app.pacs.errors import Lost, PacsError, Stopped
from app.pacs.guard import Entity, Guard
from app.pacs.limits import MIB, Limits
from app.pacs.nodes import Node
from app.pacs.quiet import quiet
from app.pacs.stopping import Stop

_config.LOG_HANDLER_LEVEL = "none"  # what it would log holds names
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
_config.STORE_SEND_CHUNKED_DATASET = True  # a file's own bytes are sent, piece by piece
quiet("pynetdicom")
ABORT_S = 0.3
"""How long an abort may take to be on its way."""
ALERT = b"\x15\x03"
"""How a server of TLS answers what is none (RFC 8446 5.1)."""
END_S = 5.0
"""How long the threads of an ended association are waited for."""


class Talk:
    """An open association."""

    def __init__(self, node: Node, assoc: Any, guard: Guard, stop: Stop) -> None:
        self.node, self.assoc, self.guard, self._stop = node, assoc, guard, stop

    def accepted(self) -> set[tuple[str, str]]:
        """(SOP class, transfer syntax) of each accepted context."""
        return {(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in self.assoc.accepted_contexts}

    def check(self) -> None:
        """Raises Stopped."""
        self._stop.check()

    def lost(self) -> PacsError:
        """What to raise where an answer failed to come."""
        if self._stop.is_set():
            return Stopped("stopped on request")
        if self.guard.trouble:
            return Lost(f"{self.node.name} {self.guard.trouble}: the connection was closed.")
        if self.assoc.is_aborted or self.assoc.acse.is_aborted() or not self.assoc.is_established:
            if not self.guard.answered:
                return Lost(
                    f"{self.node.name} closed the connection instead of answering; it may not allow {self.node.our_ae} to ask."
                )
            return Lost(f"{self.node.name} closed the connection in the middle of it; try again.")
        return Lost(f"{self.node.name} did not answer in time; it may be busy, try again.")


@contextmanager
def associated(
    node: Node,
    contexts: Sequence[PresentationContext],
    stop: Stop,
    limits: Limits,
    *,
    handlers: Sequence[tuple[Any, Callable[..., Any]]] = (),
    roles: Sequence[Any] = (),
    cancel: Callable[[Any], None] | None = None,
    most: int = 0,
) -> Iterator[Talk]:
    """Connect, negotiate, and in the end release; abort where something went wrong. Raises PacsError and Stopped.

    `cancel` asks the peer to stop what runs; the connection is cut when that takes too long. `most` bytes may wait to be
    worked off at once (default: those of one answer).
    """
    made: list[tuple[Any, Guard]] = []
    entity = Entity(node.our_ae, limits, most or limits.answer_bytes + MIB, lambda one, guard: made.append((one, guard)))
    entity.maximum_pdu_size = limits.pdu_bytes
    ended, assoc, began = threading.Event(), None, time.monotonic()

    def wake() -> None:
        if cancel is not None and assoc is not None and assoc.is_established:
            with suppress(Exception):
                cancel(assoc)
            ended.wait(limits.stop_s)
        if not ended.is_set() and made:
            made[-1][0].cut()

    try:
        with stop.waking(wake):
            secure = (tls.context(node), node.host) if node.tls else None
            try:
                assoc = entity.associate(
                    node.host, node.port, contexts=list(contexts), ae_title=node.ae_title, max_pdu=limits.pdu_bytes,
                    ext_neg=list(roles), tls_args=secure, evt_handlers=list(handlers),
                )  # fmt: skip
            except (socket.gaierror, UnicodeError) as error:
                raise PacsError(f"{node.name}: no machine is called {node.host}; check the name and the network.") from error
            if not assoc.is_established:
                stop.check()
                late = time.monotonic() - began >= entity.acse_timeout
                raise PacsError(_why_not(node, assoc, *made[-1], late))
            talk = Talk(node, assoc, made[-1][1], stop)
            try:
                yield talk
            except (RuntimeError, ValueError) as error:  # the library's words for a context that was not accepted, or a lost peer
                if assoc.is_established:
                    raise PacsError(f"{node.name} does not offer what was asked for; ask who runs it.") from error
                raise talk.lost() from error
            if assoc.is_established and not stop.is_set():
                assoc.release()
    finally:
        ended.set()
        if assoc is not None:
            _end(assoc, made)


def contexts_for(pairs: Sequence[tuple[str, Sequence[str]]]) -> list[PresentationContext]:
    """One context for each (SOP class, transfer syntaxes)."""
    return [build_context(sop_class, list(syntaxes)) for sop_class, syntaxes in pairs]


def _end(assoc: Any, made: list[tuple[Any, Guard]]) -> None:
    """Whatever the state: aborted unless released, the socket closed, its threads gone.

    Not by pynetdicom's own `kill`, which waits for a state that a silent peer never lets come.
    """
    if assoc.is_established:
        with suppress(Exception):
            assoc.abort(block=False)
        until = time.monotonic() + ABORT_S
        while not assoc.dul.to_provider_queue.empty() and time.monotonic() < until:
            time.sleep(0.005)
    assoc._reactor_checkpoint.set()
    assoc._kill = assoc._is_paused = True
    assoc.is_established = False
    assoc.dul.kill_dul()
    for one, _ in made:
        one.cut()
    for thread in (assoc, assoc.dul):
        if thread.is_alive():
            thread.join(END_S)
    for one, _ in made:
        if one.socket is not None:
            one.socket.close()


def _why_not(node: Node, assoc: Any, made: Any, guard: Guard, late: bool) -> str:
    if made.failure is not None:
        return why_no_connection(node, made.failure, made.connected)
    if assoc.is_rejected:
        return f"{node.name} refuses: {_rejection(node, assoc.acceptor.primitive)}."
    if guard.trouble:
        return f"{node.name} {guard.trouble}: that is no DICOM archive; check host and port."
    if isinstance(guard.failure, ssl.SSLError):  # TLS 1.3 refuses our certificate only after the handshake
        return tls.why_not(node, guard.failure)
    if guard.first.startswith(ALERT):
        return f"{node.name} ({node.address}) wants TLS; switch it on for this node."
    if assoc.acceptor.primitive is not None and not assoc.accepted_contexts:
        return f"{node.name} answers, but offers nothing of what was asked for; ask who runs it to allow it for {node.our_ae}."
    if late:
        return f"{node.name} took the connection but did not answer in time; check host, port and TLS."
    if node.tls and not guard.received:
        return tls.closed(node, agreed=True)
    return f"{node.name} closed the connection without a DICOM answer; check host and port, and whether it wants TLS."


def _rejection(node: Node, primitive: Any) -> str:
    source, reason = int(primitive.result_source), int(primitive.diagnostic)
    known = {
        (1, 3): f"it does not know our AE title {node.our_ae}; ask for it to be entered there",
        (1, 7): f"it is not called {node.ae_title}, or does not let {node.our_ae} in; check both AE titles",
        (3, 1): "it is too busy; try again in a moment",
        (3, 2): "too many are connected to it; try again in a moment",
    }
    return known.get((source, reason), "it gives no reason; ask who runs it")


def why_no_connection(node: Node, error: OSError, connected: bool = False) -> str:
    """One sentence for what the system said when it tried to connect, or, once `connected`, to agree on TLS."""
    where = f"{node.name} ({node.address})"
    if isinstance(error, ConnectionError | ssl.SSLEOFError) and connected:
        return tls.closed(node, agreed=False)
    if isinstance(error, ssl.SSLError):
        return tls.why_not(node, error)
    if isinstance(error, TimeoutError) and connected:
        return tls.silent(node)
    if isinstance(error, TimeoutError):
        return f"{where} does not answer; check host, port and firewall."
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses the connection: nothing listens on that port."
    if isinstance(error, ConnectionResetError):
        return f"{where} closed the connection at once; check the port, and whether it wants TLS."
    return f"{where} cannot be reached ({error.strerror or 'the network reported an error'})."
