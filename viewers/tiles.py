"""The tiles of one slide in memory: what is wanted, what is there, what cannot be read."""

from __future__ import annotations

import os

from PySide6.QtGui import QImage

from viewers.cache import ByteCache, memory_share
from viewers.camera import Box
from viewers.loader import Loader
from viewers.pyramid import Pyramid, TileKey
from viewers.qimage import to_paintable
from viewers.relay import Relay
from viewers.sources import TiledSource

CACHE_SHARE, CACHE_MOST = 0.12, 2**30
_PREFETCH = 96
"""Neighbour tiles asked for at most; they wait until everything visible is there."""


class TileStore:
    """Decodes on two to four threads and keeps decoded tiles within `limit` bytes.

    The coarsest step is loaded first and never dropped, so that there is always something to paint. All methods are for
    the GUI thread; `relay.arrived` says there when to call `collect`. After `close` the last thread closes the source.
    """

    def __init__(self, source: TiledSource, relay: Relay, limit: int | None = None) -> None:
        self.pyramid = Pyramid(source)
        self.relay = relay
        self.failed: dict[TileKey, str] = {}
        self._last = len(self.pyramid.steps) - 1
        size = self.pyramid.size
        self._pinned_keys = self.pyramid.keys(self._last, (0, 0, size.width, size.height))
        self._pinned: dict[TileKey, QImage] = {}
        self._cache: ByteCache[TileKey, QImage] = ByteCache(limit or memory_share(CACHE_SHARE, CACHE_MOST))
        pyramid = self.pyramid
        self._loader: Loader[TileKey, QImage] = Loader(
            lambda key: to_paintable(pyramid.read(key)),
            min(4, max(2, (os.cpu_count() or 2) - 1)),
            relay.announce,
            relay.closing(source),
            "hilum-tiles",
        )
        self._loader.want(self._pinned_keys)

    def get(self, key: TileKey) -> QImage | None:
        return self._pinned.get(key) or self._cache.get(key)

    @property
    def overview_ready(self) -> bool:
        return all(key in self._pinned or key in self.failed for key in self._pinned_keys)

    @property
    def overview_keys(self) -> list[TileKey]:
        return self._pinned_keys

    @property
    def used_bytes(self) -> int:
        return self._cache.used + sum(image.sizeInBytes() for image in self._pinned.values())

    @property
    def pending(self) -> int:
        return self._loader.pending

    def plan(self, box: Box, step: int) -> None:
        """Ask for what a view of `box` (level-0 pixels) at `step` needs; what nobody began of earlier plans is dropped.

        Order: the coarsest step, the visible tiles from the middle outwards, the step above them, the neighbours.
        """
        wide, high = box[2] - box[0], box[3] - box[1]
        around = box[0] - wide / 2, box[1] - high / 2, box[2] + wide / 2, box[3] + high / 2
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        keys = [*self._pinned_keys, *self._outwards(step, box, middle)]
        if step < self._last:
            keys += self._outwards(step + 1, box, middle)
        keys += self._outwards(step, around, middle)[:_PREFETCH]
        self._loader.want(key for key in dict.fromkeys(keys) if self._missing(key))

    def complete(self, box: Box, step: int) -> bool:
        """Whether every visible tile is there in full sharpness or has failed for good."""
        return not any(self._missing(key) for key in self.pyramid.keys(step, box))

    def collect(self) -> bool:
        """Take in what the threads have made; whether there was anything."""
        results = self._loader.take()
        pinned = set(self._pinned_keys) if results else set()
        for key, result in results:
            if isinstance(result, Exception):
                self.failed[key] = str(result) or type(result).__name__
            elif key in pinned:
                self._pinned[key] = result
            else:
                self._cache.put(key, result, result.sizeInBytes())
        return bool(results)

    def retry(self) -> None:
        """Forget failures; the next plan asks again."""
        self.failed.clear()

    def close(self) -> None:
        self._loader.close()
        self._cache.clear()

    def _missing(self, key: TileKey) -> bool:
        return key not in self._pinned and key not in self._cache and key not in self.failed

    def _outwards(self, step: int, box: Box, middle: tuple[float, float]) -> list[TileKey]:
        def distance(key: TileKey) -> float:
            x0, y0, x1, y1 = self.pyramid.extent(key)
            return abs((x0 + x1) / 2 - middle[0]) + abs((y0 + y1) / 2 - middle[1])

        return sorted(self.pyramid.keys(step, box), key=distance)
