"""C-MOVE: the archive connects to our listener and sends the objects of a series there (PS3.4 C.4.2)."""

from __future__ import annotations

from typing import Any

from app.pacs import dimse, getting
from app.pacs.association import associated, contexts_for
from app.pacs.limits import Limits
from app.pacs.matches import Series
from app.pacs.nodes import Node
from app.pacs.reception import Reception
from app.pacs.stopping import Stop
from app.pacs.syntaxes import MOVE, PLAIN
from app.pacs.tray import Tray


def move_series(node: Node, series: Series, tray: Tray, reception: Reception, stop: Stop, limits: Limits) -> tuple[str, ...]:
    """Into `tray`; in sentences what the archive says it could not send. Raises PacsError and Stopped."""
    contexts = contexts_for([(MOVE, PLAIN)])
    with reception.awaiting(node, series, tray), associated(node, contexts, stop, limits, cancel=_cancel) as talk:
        status = None
        for status, _ in talk.assoc.send_c_move(getting.identifier(series), node.our_ae, MOVE, msg_id=1):
            talk.answered(limits.objects)
            if "Status" not in status:
                raise talk.lost()
            if status.Status not in dimse.PENDING:
                break
        talk.check()
        return () if tray.refused else getting.ended(node, status)


def _cancel(assoc: Any) -> None:
    assoc.send_c_cancel(1, query_model=MOVE)
