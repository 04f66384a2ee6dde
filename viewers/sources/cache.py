"""Decoded frames kept within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np
from numpy.typing import NDArray


class FrameCache:
    """The most recently used arrays up to `limit` bytes; thread-safe. What it hands out is read-only.

    Two threads that miss the same frame at the same time both make it; one result is kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._arrays: OrderedDict[Hashable, NDArray[np.generic]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], NDArray[np.generic]]) -> NDArray[np.generic]:
        """The array under `key`, made by `make` when it is not held. An array larger than the limit is not kept."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        made = make()
        made.flags.writeable = False
        with self._lock:
            if key not in self._arrays and made.nbytes <= self._limit:
                self._arrays[key] = made
                self._held += made.nbytes
                while self._held > self._limit:
                    self._held -= self._arrays.popitem(last=False)[1].nbytes
        return made

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._arrays

    def clear(self) -> None:
        with self._lock:
            self._arrays.clear()
            self._held = 0
