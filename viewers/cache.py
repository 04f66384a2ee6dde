"""A cache bounded in bytes that forgets what was used least recently."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteCache(Generic[K, V]):
    """Holds values of a stated size up to `limit` bytes altogether. Not locked: one thread owns it.

    The newest value stays even when it alone is larger than the limit, so that what was just made can be shown.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        self.drop(key)
        self._entries[key] = value, size
        self.used += size
        while self.used > self.limit and len(self._entries) > 1:
            _, (_, freed) = self._entries.popitem(last=False)
            self.used -= freed

    def drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        self.used -= entry[1] if entry else 0

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def clear(self) -> None:
        self._entries.clear()
        self.used = 0

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)


def memory_share(share: float, most: int) -> int:
    """`share` (0 … 1) of the machine's memory in bytes, at most `most`."""
    import psutil

    return min(most, int(psutil.virtual_memory().total * share))
