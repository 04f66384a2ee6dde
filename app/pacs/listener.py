"""Takes what others send (C-STORE): off by default, on loopback unless an interface is named, for known AE titles alone.

Our own acceptor on pynetdicom's association layer. A stranger is rejected before anything else is read, and that is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, build_context, evt
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from app.pacs.answer_text import is_uid
from app.pacs.association import END_S
from app.pacs.errors import PacsError
from app.pacs.guard import ACSE_S, Guard, cut
from app.pacs.limits import MIB, Limits
from app.pacs.nodes import Listening
from app.pacs.syntaxes import ALL, DEFLATED, PLAIN, VERIFICATION, storage_classes
from app.pacs.taking import NO_ROOM, take
from app.pacs.tray import Tray

HOUR_S = 3600.0
STUDY_TAG, SERIES_TAG = 0x0020000D, 0x0020000E
SYNTAXES = tuple(one for one in ALL if one != DEFLATED)
"""What is accepted: not the deflated one, since study and series are read before anything is unpacked."""
BUSY, STRANGER, MISCALLED = (2, 3, 2), (1, 1, 3), (1, 1, 7)
"""Result, source and reason of a rejection (PS3.8 9.3.4)."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened at the listener, for the reader and the record. `peer` is an AE title as the other side gave it."""

    kind: str
    """"connected", "rejected", "stored", "refused", "cut" or "ended"."""
    peer: str
    address: str
    detail: str = ""


class Hour:
    """Bytes of the last hour."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._began, self._sum = time.monotonic(), 0
        self._lock = threading.Lock()

    def room(self, size: int) -> bool:
        with self._lock:
            if time.monotonic() - self._began > HOUR_S:
                self._began, self._sum = time.monotonic(), 0
            if self._sum + size > self._most:
                return False
            self._sum += size
            return True


class Listener:
    """On from birth to `close`. `admit(calling, called)` says who may send; `tray_for(study, series)` where an object
    goes, None where it is not wanted. Both are called on the listener's threads. Raises PacsError at birth."""

    def __init__(
        self,
        listening: Listening,
        admit: Callable[[str, str], bool],
        tray_for: Callable[[str, str], Tray | None],
        told: Callable[[Event], None],
        limits: Limits | None = None,
    ) -> None:
        self._listening, self._admit, self._tray_for, self._told = listening, admit, tray_for, told
        self._limits = limits or Limits(object_bytes=listening.max_object_mib * MIB)
        self._hour = Hour(listening.max_hour_mib * MIB)
        self._guards: dict[int, Guard] = {}
        entity = AE(listening.ae_title)
        entity.maximum_pdu_size = self._limits.pdu_bytes
        entity.network_timeout = entity.dimse_timeout = self._limits.answer_s
        entity.acse_timeout = min(self._limits.answer_s, ACSE_S)
        entity.maximum_associations = 1000  # counted here, before the request is read
        contexts = [build_context(one, list(SYNTAXES)) for one in storage_classes()]
        handlers = [
            (evt.EVT_CONN_OPEN, self._opened), (evt.EVT_REQUESTED, self._requested), (evt.EVT_C_STORE, self._store),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]  # fmt: skip
        try:
            self._server = entity.make_server(
                (listening.interface, listening.port), contexts=[*contexts, build_context(VERIFICATION, list(PLAIN))],
                evt_handlers=handlers, server_class=ThreadedAssociationServer, request_handler=RequestHandler,
            )  # fmt: skip
        except OSError as error:
            where = f"{listening.interface}:{listening.port}"
            raise PacsError(f"The listener cannot use {where} ({error.strerror}); choose another port or interface.") from error
        self._server._gc = [0, -1]  # it would collect cycles on its own thread, and with them the window's widgets
        self._entity = entity
        entity._servers.append(self._server)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="hilum-pacs-listener", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Returns when nothing listens any more and every connection has ended."""
        self._server.shutdown()
        self._thread.join(END_S)
        for assoc in self._entity.active_associations:
            with suppress(Exception):
                assoc.abort(block=False)
            _cut(assoc)
        until = time.monotonic() + END_S
        while (left := self._entity.active_associations) and time.monotonic() < until:
            for assoc in left:
                assoc._reactor_checkpoint.set()
                assoc._kill = True
                assoc.dul.kill_dul()
                assoc.dul.to_user_queue.put(None)  # one that waits for a request waits no longer
            time.sleep(0.02)

    def _opened(self, event: Any) -> None:
        if len(self._entity.active_associations) > 2 * self._listening.max_associations:
            _cut(event.assoc)  # many connections that never ask for anything
            return
        self._guards[id(event.assoc)] = Guard(event.assoc.dul.socket, self._limits, self._limits.object_bytes + MIB)

    def _closed(self, event: Any) -> None:
        guard = self._guards.pop(id(event.assoc), None)
        if guard is not None and guard.trouble:
            self._tell(event, "cut", guard.trouble)
        elif guard is not None and not event.assoc.is_rejected:
            self._tell(event, "ended")

    def _requested(self, event: Any) -> None:
        primitive = event.assoc.requestor.primitive
        calling, called = str(primitive.calling_ae_title).strip(), str(primitive.called_ae_title).strip()
        event.assoc.requestor.ae_title = calling
        if len([one for one in self._entity.active_associations if one.is_established]) >= self._listening.max_associations:
            self._reject(event, BUSY, "too many connections at once")
        elif not self._admit(calling, called):
            known = self._admit(calling, self._listening.ae_title)
            self._reject(event, MISCALLED if known else STRANGER, f"called us {called}" if known else "not on the list")
        else:
            self._tell(event, "connected")

    def _reject(self, event: Any, reason: tuple[int, int, int], detail: str) -> None:
        event.assoc.acse.send_reject(*reason)
        self._tell(event, "rejected", detail)

    def _store(self, event: Any) -> int:
        guard = self._guards.get(id(event.assoc))
        if guard is not None:
            guard.handled()
        content = event.request.DataSet
        if not self._hour.room(0 if content is None else content.getbuffer().nbytes):
            self._tell(event, "refused", "more than the limit of an hour")
            return NO_ROOM
        study, series = _uids(event)
        tray = self._tray_for(study, series) if is_uid(study) and is_uid(series) else None
        if tray is None:
            self._tell(event, "refused", "not of a study that is expected")
            return 0x0124
        before = tray.refused.total()
        try:
            status = take(event, tray)
        except PacsError as error:
            self._tell(event, "refused", str(error))
            return NO_ROOM
        if tray.refused.total() > before:
            self._tell(event, "refused", "damaged or not what was asked for")
        else:
            self._tell(event, "stored")
        return status

    def _tell(self, event: Any, kind: str, detail: str = "") -> None:
        requestor = event.assoc.requestor
        title = "".join(one for one in str(requestor.ae_title or "") if one.isprintable())[:16].strip()
        self._told(Event(kind, title, str(requestor.address or ""), detail))


def _uids(event: Any) -> tuple[str, str]:
    """Study and series of what was sent, read no further than there."""
    from pydicom.filereader import read_dataset

    syntax = event.context.transfer_syntax
    content = event.request.DataSet
    if content is None or syntax.is_deflated:
        return "", ""
    try:
        content.seek(0)
        dataset = read_dataset(
            content, syntax.is_implicit_VR, syntax.is_little_endian, stop_when=lambda tag, _vr, _length: tag > SERIES_TAG,
            specific_tags=[STUDY_TAG, SERIES_TAG],
        )  # fmt: skip
        return str(dataset.get("StudyInstanceUID", "")), str(dataset.get("SeriesInstanceUID", ""))
    except Exception:  # damage raises whatever pydicom meets
        return "", ""


def _cut(assoc: Any) -> None:
    raw = assoc.dul.socket.socket if assoc.dul.socket is not None else None
    if raw is not None:
        cut(raw)
