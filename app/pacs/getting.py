"""C-GET: the objects of a series come over our own connection (PS3.4 C.4.3)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_role, evt

from app.pacs import dimse
from app.pacs.association import associated, contexts_for
from app.pacs.errors import PacsError
from app.pacs.limits import MIB, Limits
from app.pacs.matches import Series
from app.pacs.nodes import Node
from app.pacs.stopping import Stop
from app.pacs.syntaxes import GET, PLAIN, offers
from app.pacs.taking import NO_ROOM, take
from app.pacs.tray import Tray


def get_series(node: Node, series: Series, tray: Tray, stop: Stop, limits: Limits) -> tuple[str, ...]:
    """Into `tray`; in sentences what the archive says it could not send. Raises PacsError and Stopped."""
    with_classes = offers(_classes(node, series, stop, limits))
    fatal: list[PacsError] = []

    def store(event: Any) -> int:
        talk.guard.handled()
        if stop.is_set() or fatal:
            return NO_ROOM
        try:
            return take(event, tray)
        except PacsError as error:
            fatal.append(error)
            event.assoc.send_c_cancel(1, query_model=GET)
            return NO_ROOM

    contexts = contexts_for([(GET, PLAIN), *with_classes])
    roles = [build_role(one, scp_role=True) for one in sorted({sop_class for sop_class, _ in with_classes})]
    with associated(
        node, contexts, stop, limits, handlers=[(evt.EVT_C_STORE, store)], roles=roles, cancel=_cancel,
        most=limits.object_bytes + MIB,
    ) as talk:  # fmt: skip
        status = None
        for status, _ in talk.assoc.send_c_get(identifier(series), GET, msg_id=1):
            talk.answered(limits.objects)
            if "Status" not in status:
                raise fatal[0] if fatal else talk.lost()
            if status.Status not in dimse.PENDING:
                break
        talk.check()
        if fatal:
            raise fatal[0]
        return () if tray.refused else ended(node, status)


def identifier(series: Series) -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "SERIES"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = series.study_uid, series.uid
    return dataset


def ended(node: Node, status: Any) -> tuple[str, ...]:
    """What a final response of C-GET or C-MOVE says (PS3.4 C.4.2.1.5, C.4.3.1.4). Raises PacsError where nothing was sent."""
    code = int(status.Status) if status is not None else -1
    failed = int(status.get("NumberOfFailedSuboperations", 0) or 0) if status is not None else 0
    done = int(status.get("NumberOfCompletedSuboperations", 0) or 0) if status is not None else 0
    if code == 0 and not failed:
        return ()
    if code in (0, 0xB000) or (failed and done):
        return (f"{node.name} could not send {failed or 'some'} of the objects as they were asked for",)
    known = {
        0xA701: "it cannot count what was asked for", 0xA702: "it is out of resources or cannot send them as they are stored",
        0xA801: f"it does not know where {node.our_ae} is; ask for our host and port to be entered there",
        0xA900: "it does not understand what was asked for", 0x0122: f"it does not offer {node.retrieve.upper()}",
        0x0124: f"it does not allow {node.our_ae} to retrieve", 0xFE00: "it was cancelled there",
    }  # fmt: skip
    raise PacsError(f"{node.name} sent nothing (0x{code & 0xFFFF:04X}): {known.get(code, 'ask who runs it')}.")


def _cancel(assoc: Any) -> None:
    assoc.send_c_cancel(1, query_model=GET)


def _classes(node: Node, series: Series, stop: Stop, limits: Limits) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    with suppress(PacsError):
        found = dimse.instance_classes(node, series, stop, limits)
    stop.check()
    return found
