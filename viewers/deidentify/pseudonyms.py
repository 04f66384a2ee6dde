"""Names that stand for persons and objects: the same for the same one as long as the key is the same, and no way back without it.

Everything is HMAC-SHA-256 of the original value under a secret key of 32 bytes, so no list of who is who has to be kept.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass

MOST_DAYS = 3650
"""Dates move back by 1 … so many days."""
_STANDARD = "1.2.840.10008."
"""Root of the UIDs that DICOM itself defines; they name kinds of things and no instance."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    key: bytes

    def patient(self, patient_id: str) -> str:
        """The patient's pseudonym: twelve letters and digits after "P", the same in every file that names this patient ID."""
        return "P" + self._letters("patient", patient_id)

    def shift_days(self, patient_id: str) -> int:
        """Whole days, negative, by which all dates of this patient move."""
        return -1 - int.from_bytes(self._digest("days", patient_id)[:8], "big") % MOST_DAYS

    def uid(self, uid: str) -> str:
        """2.25 and a UUID (PS3.5 B.2) made of the hash; UIDs that DICOM defines stay as they are."""
        if not uid or uid.startswith(_STANDARD):
            return uid
        digest = bytearray(self._digest("uid", uid)[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # version 8: of one's own making (RFC 9562)
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{uuid.UUID(bytes=bytes(digest)).int}"

    def file(self, uid: str) -> str:
        """A file's or folder's name: sixteen letters and digits."""
        return self._letters("file", uid, 10)

    def _letters(self, kind: str, value: str, size: int = 8) -> str:
        number = int.from_bytes(self._digest(kind, value)[:size], "big")
        alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, which are misread
        letters = ""
        for _ in range(size * 8 // 5):
            number, place = divmod(number, 32)
            letters += alphabet[place]
        return letters

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self.key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()
