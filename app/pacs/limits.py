"""How long another machine is waited for and how much is taken from it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    connect_s: float = 10.0
    answer_s: float = 60.0
    """For the next sign of life: a response, a part of an object, room for what is being sent."""
    stop_s: float = 2.0
    """After a stop the archive may so long answer the cancel; then the connection is closed."""
    object_bytes: int = 1024 * MIB
    objects: int = 100_000
    """Of one retrieve."""
    matches: int = 10_000
    """Looked at for one question, whether they fit or not, those of its series included."""
    answer_bytes: int = 16 * MIB
    """All matches of a question together."""
    pdu_bytes: int = 128 * 1024
    """The largest piece a DICOM peer may send (PS3.8 D.1)."""
