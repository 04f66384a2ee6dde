"""The tiles of one slide in memory: what is wanted, what is there, what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtGui import QImage

from viewers.cache import ByteCache, memory_share
from viewers.camera import Box
from viewers.channels import Look
from viewers.loader import Loader
from viewers.pyramid import Pyramid, TileKey
from viewers.qimage import to_paintable
from viewers.relay import Relay
from viewers.sources import TiledSource

OVERHEAD = 1.08
"""What an image takes of memory, in its own bytes: the allocator's share is measured over twenty minutes of looking around."""
CACHE_SHARE, CACHE_MOST = 0.12, 2**30
_PREFETCH = 96
"""Tiles asked for at most along the way of the view, and as many neighbours; they wait until everything visible is there."""


class Wish(NamedTuple):
    """A tile through a look; None for a source that has no channels and no planes."""

    key: TileKey
    look: Look | None


class Held(NamedTuple):
    image: QImage
    look: Look | None


class TileStore:
    """Decodes on two to four threads and keeps decoded tiles within `limit` bytes.

    The coarsest step is loaded first and never dropped, so that there is always something to paint; where that takes long, a
    sketch comes before it. Tiles of an earlier look stay until those of the new one are there. All methods are for the GUI
    thread; `relay.arrived` says there when to call `collect`. After `close` the last thread closes the source.
    """

    def __init__(self, source: TiledSource, relay: Relay, limit: int | None = None, look: Look | None = None) -> None:
        self.pyramid = pyramid = Pyramid(source)
        self.relay = relay
        self.failed: dict[TileKey, str] = {}
        self._look = look
        self._last = pyramid.last
        whole = (0, 0, pyramid.size.width, pyramid.size.height)
        self._pinned_keys = self._outwards(self._last, whole, (whole[2] / 2, whole[3] / 2))
        sketch = [pyramid.keys(step, whole) for step in range(self._last + 1, len(pyramid.steps))]
        self._first_keys = [*(key for keys in sketch for key in keys), *self._pinned_keys]
        self._always = frozenset(self._first_keys)
        self._pinned: dict[TileKey, Held] = {}
        self._cache: ByteCache[TileKey, Held] = ByteCache(limit or memory_share(CACHE_SHARE, CACHE_MOST))
        self._loader: Loader[Wish, QImage] = Loader(
            lambda wish: to_paintable(pyramid.read(wish.key, wish.look)),
            min(4, max(2, (os.cpu_count() or 2) - 1)),
            relay.announce,
            relay.closing(source),
            "hilum-tiles",
        )
        self._loader.want(Wish(key, look) for key in self._first_keys)

    def get(self, key: TileKey) -> QImage | None:
        """As it is there, be it of an earlier look."""
        held = self._pinned.get(key) or self._cache.get(key)
        return None if held is None else held.image

    def set_look(self, look: Look) -> None:
        """Another mix or plane; the next plan asks for it."""
        self._look = look
        self.failed.clear()

    @property
    def overview_ready(self) -> bool:
        return not any(self._missing(key) for key in self._pinned_keys)

    @property
    def overview_keys(self) -> list[TileKey]:
        return self._pinned_keys

    @property
    def used_bytes(self) -> int:
        return self._cache.used + sum(held.image.sizeInBytes() for held in self._pinned.values())

    @property
    def pending(self) -> int:
        return self._loader.pending

    def plan(self, box: Box, step: int, ahead: Sequence[tuple[Box, int]] = ()) -> None:
        """Ask for what a view of `box` (level-0 pixels) at `step` needs; what nobody began of earlier plans is dropped.

        Order: the coarsest step, the visible tiles from the middle outwards; once they are there, what the view will need
        (`ahead`: box and step, the soonest first), the step above the visible ones, the neighbours.
        """
        wide, high = box[2] - box[0], box[3] - box[1]
        around = box[0] - wide / 2, box[1] - high / 2, box[2] + wide / 2, box[3] + high / 2
        middle = _middle(box)
        late = [key for key in self._first_keys if key not in self._pinned]
        old = [key for key in self._first_keys if key in self._pinned]
        keys = [*late, *self._outwards(step, box, middle), *old]
        spare: list[TileKey] = []
        for later, at in ahead:
            spare += self._outwards(at, later, _middle(later))
        spare = list(dict.fromkeys(spare))[:_PREFETCH]
        if step < self._last:
            spare += self._outwards(step + 1, box, middle)
        spare += self._outwards(step, around, middle)[:_PREFETCH]
        self._loader.want(self._missing_wishes(keys), self._missing_wishes(spare))

    def complete(self, box: Box, step: int) -> bool:
        """Whether every visible tile is there in full sharpness or has failed for good."""
        return not any(self._missing(key) for key in self.pyramid.keys(step, box))

    def collect(self) -> bool:
        """Take in what the threads have made; whether there was anything."""
        results = self._loader.take()
        for (key, look), result in results:
            if look != self._look and self.get(key) is not None:
                continue  # of a look that has passed; what is there is no older
            if isinstance(result, Exception):
                if look == self._look:
                    self.failed[key] = str(result) or type(result).__name__
            elif key in self._always:
                self._pinned[key] = Held(result, look)
            else:
                self._cache.put(key, Held(result, look), round(result.sizeInBytes() * OVERHEAD))
        return bool(results)

    def retry(self) -> None:
        """Forget failures; the next plan asks again."""
        self.failed.clear()

    def close(self) -> None:
        self.pyramid.stop()
        self._loader.close()
        self._cache.clear()

    def _missing(self, key: TileKey) -> bool:
        held = self._pinned.get(key) or self._cache.get(key)
        return (held is None or held.look != self._look) and key not in self.failed

    def _missing_wishes(self, keys: Sequence[TileKey]) -> list[Wish]:
        return [Wish(key, self._look) for key in dict.fromkeys(keys) if self._missing(key)]

    def _outwards(self, step: int, box: Box, middle: tuple[float, float]) -> list[TileKey]:
        def distance(key: TileKey) -> float:
            x0, y0, x1, y1 = self.pyramid.extent(key)
            return abs((x0 + x1) / 2 - middle[0]) + abs((y0 + y1) / 2 - middle[1])

        return sorted(self.pyramid.keys(step, box), key=distance)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
