"""Transfer syntaxes and SOP classes that are offered: what Hilum's decoders can show, and what lies beside pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

VERIFICATION = "1.2.840.10008.1.1"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
"""The Study Root information model (PS3.4 C.6.2)."""
PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
"""Explicit and Implicit VR Little Endian."""
DEFLATED = "1.2.840.10008.1.2.1.99"
COMPRESSED = (
    "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", DEFLATED, "1.2.840.10008.1.2.2",
)  # fmt: skip
"""JPEG, JPEG 2000, JPEG-LS, RLE, HTJ2K, deflated, and big endian, which is as little convertible."""
ALL = (*PLAIN, *COMPRESSED)
USUAL = (*PLAIN, *COMPRESSED[:4])
_COMMON = tuple(
    f"1.2.840.10008.5.1.4.1.1.{one}"
    for one in (
        "2", "2.1", "4", "4.1", "1", "1.1", "1.2", "13.1.3", "6.1", "3.1", "7", "12.1", "12.2", "20", "128", "77.1.6", "66.4",
        "88.33", "88.59", "11.1", "104.1",
    )
)  # fmt: skip
"""SOP classes offered where an archive does not tell which it holds."""
MOST_CONTEXTS = 127
"""Of one association (PS3.8 9.3.2.2: odd numbers of one byte), less the one for the request itself."""


def offers(classes: frozenset[str]) -> Sequence[tuple[str, Sequence[str]]]:
    """(SOP class, (transfer syntax,)) to propose for what a C-GET will bring: one context each, so that the archive can send
    every object as it is stored."""
    chosen = sorted(classes) or list(_COMMON)
    each = ALL if len(chosen) * len(ALL) <= MOST_CONTEXTS else USUAL
    return [(one, (syntax,)) for one in chosen for syntax in each][:MOST_CONTEXTS]


@cache
def storage_classes() -> tuple[str, ...]:
    """All that the library knows, for the listener."""
    from pynetdicom import AllStoragePresentationContexts

    return tuple(str(one.abstract_syntax) for one in AllStoragePresentationContexts)


def name_of(uid: str) -> str:
    """What a transfer syntax or SOP class is called, the UID itself where it is unknown."""
    from pydicom.uid import UID

    return str(UID(uid).name)
