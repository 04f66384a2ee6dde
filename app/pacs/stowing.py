"""STOW-RS: files go to a DICOMweb node as they are, one request each (PS3.18 10.5)."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.pacs.errors import PacsError
from app.pacs.limits import Limits
from app.pacs.nodes import Node
from app.pacs.outgoing import Outgoing, Sent
from app.pacs.stopping import Stop
from app.pacs.web_session import Session

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

FAILURES = {
    0x0110: "it could not be processed", 0x0111: "the archive has it already", 0x0122: "the archive does not store this kind",
    0xA700: "the archive is out of room", 0xC000: "the archive cannot understand it",
    0xC122: "the archive does not accept this transfer syntax",
}  # fmt: skip


class Body:
    """A file between the two ends of a multipart message, read piece by piece; its length is known."""

    def __init__(self, path: Path, boundary: str) -> None:
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._file = path.open("rb")
        self._length = len(head) + path.stat().st_size + len(boundary) + 8
        self._parts: list[Any] = [io.BytesIO(head), self._file, io.BytesIO(f"\r\n--{boundary}--\r\n".encode())]

    def __len__(self) -> int:
        return self._length

    def read(self, count: int = -1) -> bytes:
        while self._parts:
            piece = bytes(self._parts[0].read(count))
            if piece:
                return piece
            del self._parts[0]
        return b""

    def close(self) -> None:
        self._file.close()


def store(
    node: Node, password: str, files: Sequence[Outgoing], on_each: Callable[[Sent], None], stop: Stop, limits: Limits
) -> None:
    """`on_each` hears of every file, in their order. Raises PacsError and Stopped; what was not told then was not sent."""
    with Session(node, password, stop, limits) as session, stop.waking(session.cut):
        for one in files:
            stop.check()
            on_each(_stored(session, one))


def _stored(session: Session, one: Outgoing) -> Sent:
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    try:
        body = Body(one.path, boundary)
    except OSError as error:
        return Sent(one.path, False, f"it could not be read ({error.strerror or 'the disk reported an error'})")
    try:
        with session.talking():
            answer = session.post(
                f"{session.node.url}/studies", data=body, headers={"Content-Type": kind, "Accept": "application/dicom+json"}
            )
            return _read(session.node, one, answer.json() if answer.content else {}, answer.status_code)
    finally:
        body.close()


def _read(node: Node, one: Outgoing, found: object, code: int) -> Sent:
    """What the answer says of the object (PS3.18 I.2): stored, stored with a remark, or why not."""
    from pydicom.dataset import Dataset

    from viewers.sources import values

    try:
        dataset: Dataset = Dataset.from_json(found[0] if isinstance(found, list) and found else found)
        failed = values.items(dataset, "FailedSOPSequence")
        stored = values.items(dataset, "ReferencedSOPSequence")
    except Exception as error:  # whatever JSON holds, pydicom meets it with whatever it raises
        raise PacsError(
            f"{node.name} answers with what is no DICOM JSON: whether {one.path.name} was stored is not known."
        ) from error
    if failed or code == 409:
        reason = values.integer(failed[0], "FailureReason") if failed else None
        words = FAILURES.get(reason or 0, "the archive refused it")
        return Sent(one.path, False, words + (f" (0x{reason:04X})" if reason else ""))
    if not any(values.uid(item, "ReferencedSOPInstanceUID") == one.sop_uid for item in stored):
        return Sent(one.path, False, "the archive did not say that it was stored")
    remark = any(values.integer(item, "WarningReason") for item in stored)
    return Sent(one.path, True, "stored, with a remark of the archive" if remark else "")
