"""Taking one object from a C-STORE request (PS3.4 B.2): into a tray, and what the sender is told."""

from __future__ import annotations

from typing import Any

from pydicom.uid import UID
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from app.pacs.answer_text import is_uid
from app.pacs.errors import Refused
from app.pacs.tray import Part, Tray

TAKEN, NO_ROOM, NOT_WANTED, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
PIECE = 2**20


def take(event: Any, tray: Tray) -> int:
    """The status for the sender. Raises PacsError when nothing more can be taken."""
    request = event.request
    sop_class, instance = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
    if not (is_uid(sop_class) and is_uid(instance)) or request.DataSet is None:
        tray.refuse("without an identity of its own (SOP Instance UID)")
        return NOT_UNDERSTOOD
    meta = create_file_meta(
        sop_class_uid=UID(sop_class), sop_instance_uid=UID(instance), transfer_syntax=event.context.transfer_syntax
    )

    def pieces(part: Part) -> None:
        part.write(b"\0" * 128 + b"DICM" + encode_file_meta(meta))
        content = request.DataSet.getbuffer()
        for start in range(0, len(content), PIECE):
            part.write(content[start : start + PIECE])

    try:
        tray.put(pieces)
    except Refused as why:
        return NOT_UNDERSTOOD if str(why).startswith("damaged") else NOT_WANTED
    return TAKEN
