"""Reads multipart/related (RFC 2387, PS3.18 8.6.1.2) piece by piece, whatever its parts' size."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.pacs.errors import PacsError

HEADERS = 16 * 1024
"""Bytes of a part's own headers, and of what stands before the first part."""
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)


class Multipart:
    """`for part in multipart: for piece in part: …`; a part that is not read to its end is skipped to it."""

    def __init__(self, name: str, content_type: str, pieces: Iterator[bytes]) -> None:
        """`name` is who sends it. Raises PacsError."""
        found = _BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/related") or found is None:
            raise PacsError(f"{name} does not say where one object ends and the next begins; nothing could be taken.")
        self._name, self._pieces = name, pieces
        self._mark = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
        self._held = bytearray(b"\r\n")  # so that a first mark is one like the others

    def __iter__(self) -> Iterator[Iterator[bytes]]:
        for _ in self._until_mark(HEADERS):
            pass
        while self._begun():
            part = self._until_mark(None)
            yield part
            for _ in part:
                pass

    def _begun(self) -> bool:
        """After a mark: whether a part follows; its headers are read."""
        while len(self._held) < 2:
            self._more()
        if self._held[:2] == b"--":
            return False
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > HEADERS:
                raise self._broken()
            self._more()
        headers = bytes(self._held[:end]).lower()
        del self._held[: end + 4]
        if b"content-type:" in headers and b"application/dicom" not in headers:
            raise PacsError(f"{self._name} sends something else than DICOM objects; nothing more was taken.")
        return True

    def _until_mark(self, most: int | None) -> Iterator[bytes]:
        """What stands before the next mark; behind it afterwards."""
        seen = 0
        while (at := self._held.find(self._mark)) < 0:
            safe = len(self._held) - len(self._mark)
            if safe > 0:
                seen += safe
                if most is not None and seen > most:
                    raise self._broken()
                piece = bytes(self._held[:safe])
                del self._held[:safe]
                yield piece
            self._more()
        if at:
            piece = bytes(self._held[:at])
            del self._held[: at + len(self._mark)]
            yield piece
        else:
            del self._held[: len(self._mark)]

    def _more(self) -> None:
        piece = next(self._pieces, b"")
        if not piece:
            raise PacsError(f"{self._name} stopped in the middle of an object; what came whole is kept, fetch the rest again.")
        self._held += piece

    def _broken(self) -> PacsError:
        return PacsError(f"{self._name} sends what is no series of DICOM objects; check the address.")
