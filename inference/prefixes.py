"""Beginnings of prompts that were read before: a further question about the same pictures skips the tower and all up to the last
picture. A beginning ends after a picture, never inside one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from inference.kv_cache import Snapshot

MOST_BYTES = 2**30
"""Of all beginnings kept: two of 85 slices on the 4B."""
MOST = 4

Beginning = tuple[tuple[int, ...], tuple[bytes, ...]]
"""Token ids, and the SHA-256 of each picture among them."""


class Prefixes:
    """The beginnings used last, by what was read. Of one model."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._kept = most_bytes, OrderedDict[Beginning, Snapshot]()

    def find(self, ids: Sequence[int], pictures: Sequence[bytes]) -> Snapshot | None:
        """The longest beginning of this prompt that leaves something to read, None where there is none."""
        found = [key for key in self._kept if len(key[0]) < len(ids) and tuple(ids[: len(key[0])]) == key[0]
                 and tuple(pictures[: len(key[1])]) == key[1]]  # fmt: skip
        if not found:
            return None
        best = max(found, key=lambda key: len(key[0]))
        self._kept.move_to_end(best)
        return self._kept[best]

    def keep(self, ids: Sequence[int], pictures: Sequence[bytes], snapshot: Snapshot) -> None:
        """What does not fit alone is not kept; else the oldest go."""
        if snapshot.bytes > self._most:
            return
        self._kept[tuple(ids), tuple(pictures)] = snapshot
        while len(self._kept) > MOST or sum(one.bytes for one in self._kept.values()) > self._most:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)

    def forget(self) -> None:
        self._kept.clear()
