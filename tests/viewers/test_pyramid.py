"""The steps a slide is painted from, and the order in which tiles are read."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.pyramid import Pyramid, TileKey, halved
from viewers.relay import Relay
from viewers.sources import Level
from viewers.tiles import TileStore


class Numbered:
    """A slide whose pixel is its own coordinate: red = column // 16, green = row // 16, blue = 7."""

    kind, modality, name, frames, facts, spacing = "slide", "SM", "numbered", 1, None, None
    path, notes = Path("numbered.svs"), ()

    def __init__(self, width: int, height: int, downs: tuple[int, ...] = (1,), tile: int = 256) -> None:
        self.size = Size(width, height)
        self.levels = tuple(
            Level(Size(math.ceil(width / down), math.ceil(height / down)), float(down), Size(tile, tile)) for down in downs
        )
        self.read: list[tuple[int, int, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken: set[tuple[int, int, int]] = set()
        self.closed = threading.Event()

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        self.gate.wait(20)
        self.read.append((level, column, row))
        if (level, column, row) in self.broken or ("all", 0, 0) in self.broken:
            raise SourceError(self.path, "numbered.svs cannot be read in one place.")
        kind = self.levels[level]
        xs = np.arange(column * 256, min((column + 1) * 256, kind.size.width)) * kind.downsample
        ys = np.arange(row * 256, min((row + 1) * 256, kind.size.height)) * kind.downsample
        tile = np.full((len(ys), len(xs), 3), 7, np.uint8)
        tile[..., 0], tile[..., 1] = (xs // 16)[None, :], (ys // 16)[:, None]
        return tile

    def close(self) -> None:
        self.closed.set()


def pyramid(source: Any) -> Pyramid:
    return Pyramid(source)


def test_wide_gaps_and_a_large_last_level_get_halved_steps() -> None:
    made = pyramid(Numbered(40_000, 30_000, (1, 4, 8)))
    assert [step.downsample for step in made.steps] == [1, 2, 4, 8, 16, 32]
    assert [step.stored for step in made.steps] == [0, None, 1, 2, None, None]
    assert made.steps[-1].size == Size(1250, 938)


def test_the_step_is_the_coarsest_that_need_not_be_enlarged() -> None:
    made = pyramid(Numbered(40_000, 30_000, (1, 4, 8)))
    for scale, step in ((8.0, 0), (1.0, 0), (0.72, 0), (0.69, 1), (0.5, 1), (0.25, 2), (0.01, 5)):
        assert made.step_for(scale) == step, scale


def test_halving_is_the_mean_of_four() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    even = np.pad(pixels, ((0, 1), (0, 1), (0, 0)), mode="edge").astype(float)
    truth = even.reshape(3, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved(pixels) - truth).max() <= 0.5


def test_a_halved_tile_covers_what_its_extent_says() -> None:
    source = Numbered(3000, 2500)
    made = pyramid(source)
    key = TileKey(1, 5, 4)
    assert made.extent(key) == (2560, 2048, 3000, 2500)
    tile = made.read(key)
    assert tile.shape == (226, 220, 3)
    xs = np.arange(2560, 3000) // 16
    assert np.abs(tile[0, :, 0].astype(float) - xs.reshape(-1, 2).mean(axis=1)).max() <= 0.5


def test_the_tiles_of_a_box_are_those_it_meets() -> None:
    made = pyramid(Numbered(3000, 2500))
    assert made.keys(0, (255.5, 256, 512, 300)) == [TileKey(0, 0, 1), TileKey(0, 1, 1)]
    assert len(made.keys(0, (-1e6, -1e6, 1e6, 1e6))) == 12 * 10
    assert made.keys(0, (5000, 0, 6000, 100)) == []


def test_visible_tiles_come_from_the_middle_then_coarser_then_neighbours(qtbot: QtBot) -> None:
    source: Any = Numbered(8192, 8192, (1, 2, 4))
    source.gate.clear()
    store = TileStore(source, Relay())
    store.plan((2560, 2560, 3328, 3328), 0)
    source.gate.set()
    qtbot.waitUntil(
        lambda: len(store._loader._done) > 0 and store._loader._wishes == [] and not store._loader._busy, timeout=20_000
    )
    levels = [level for level, _, _ in source.read]
    first_fine = source.read.index((0, 11, 11))
    assert set(levels[:first_fine]) == {2}, "the coarsest step comes first"
    visible = [(column, row) for level, column, row in source.read if level == 0][:9]
    assert set(visible) == {(column, row) for column in (10, 11, 12) for row in (10, 11, 12)}
    assert visible[0] == (11, 11)
    after = source.read[first_fine + 9 :]
    assert {level for level, _, _ in after[:4]} <= {0, 1}
    assert len([one for one in after if one[0] == 0]) > 9, "neighbours are read ahead"
    store.close()
    qtbot.waitUntil(source.closed.is_set, timeout=20_000)


def wished(store: TileStore) -> tuple[list[TileKey], list[TileKey]]:
    """What is wanted now and what may be needed later, the most urgent first; nobody has begun any of it."""
    loader = store._loader
    keys = [wish.key for wish in reversed(loader._wishes)]
    return keys[: len(keys) - loader._spare], keys[len(keys) - loader._spare :]


def test_along_the_way_comes_before_the_neighbours_and_after_what_is_seen(qtbot: QtBot) -> None:
    source: Any = Numbered(8192, 8192, (1, 2, 4))
    source.gate.clear()
    store = TileStore(source, Relay())
    box, soon, then = (2560, 2560, 3328, 3328), (3584, 2560, 4352, 3328), (4608, 2560, 5376, 3328)
    store.plan(box, 0, [(soon, 0), (then, 0)])
    seen, spare = wished(store)
    assert [key for key in seen if key.step == 0] == sorted(
        (TileKey(0, column, row) for row in (10, 11, 12) for column in (10, 11, 12)),
        key=lambda key: abs(key.column - 11) + abs(key.row - 11),
    )
    assert set(spare[:9]) == {TileKey(0, column, row) for column in (14, 15, 16) for row in (10, 11, 12)}
    assert spare[0] == TileKey(0, 15, 11), "the middle of where it will be"
    assert set(spare[9:18]) == {TileKey(0, column, row) for column in (18, 19, 20) for row in (10, 11, 12)}
    assert {key.step for key in spare[18:22]} == {1}, "then the level above"
    assert TileKey(0, 9, 11) in spare[22:], "then the neighbours"
    assert len(spare) == len(set(spare))

    store.plan(box, 0, [((1280, 1280, 4608, 4608), 2), (soon, 0)])
    _, spare = wished(store)
    assert TileKey(0, 18, 11) not in spare[:20], "the way before is dropped"
    store.plan((0, 0, 500, 500), 0)
    seen, spare = wished(store)
    assert not [key for key in (*seen, *spare) if key.step == 0 and key.column > 4]
    source.gate.set()
    store.close()
    qtbot.waitUntil(source.closed.is_set, timeout=20_000)


def test_the_level_about_to_be_needed_is_asked_for_while_zooming(qtbot: QtBot) -> None:
    source: Any = Numbered(8192, 8192, (1, 2, 4))
    source.gate.clear()
    store = TileStore(source, Relay())
    store.plan((2048, 2048, 4096, 4096), 1, [((2560, 2560, 3584, 3584), 0)])
    _, spare = wished(store)
    assert spare[:16] == [key for key in spare[:16] if key.step == 0]
    assert {(key.column, key.row) for key in spare[:16]} == {(x, y) for x in range(10, 14) for y in range(10, 14)}
    source.gate.set()
    store.close()
    qtbot.waitUntil(source.closed.is_set, timeout=20_000)


def test_stale_tiles_are_never_begun(qtbot: QtBot) -> None:
    source: Any = Numbered(8192, 8192, (1, 2, 4))
    store = TileStore(source, Relay())
    qtbot.waitUntil(lambda: (store.collect() and store.overview_ready) or store.overview_ready, timeout=20_000)
    source.gate.clear()
    source.read.clear()
    store.plan((0, 0, 3000, 3000), 0)
    for place in range(20):
        store.plan((4096, 4096, 4196 + place, 4196), 0)
    source.gate.set()
    qtbot.waitUntil(lambda: not store._loader._wishes and not store._loader._busy, timeout=20_000)
    far = [one for one in source.read if one[0] == 0 and one[1] < 14 and one[2] < 14]
    assert len(far) <= 4, "only what threads had begun already"
    store.close()
    qtbot.waitUntil(source.closed.is_set, timeout=20_000)


def test_the_cache_is_bounded_and_the_coarsest_step_stays(qtbot: QtBot) -> None:
    source: Any = Numbered(8192, 8192, (1, 2, 4))
    limit = 8 * 256 * 256 * 4
    store = TileStore(source, Relay(), limit)
    for x in range(0, 6000, 700):
        store.plan((x, x, x + 500, x + 500), 0)
        qtbot.waitUntil(lambda: not store._loader._wishes and not store._loader._busy, timeout=20_000)
        store.collect()
        assert store._cache.used <= limit
    assert all(store.get(key) is not None for key in store.overview_keys)
    assert len(store.overview_keys) == 64
    store.close()
    qtbot.waitUntil(source.closed.is_set, timeout=20_000)


def test_a_tile_that_fails_is_remembered_with_its_reason(qtbot: QtBot) -> None:
    source: Any = Numbered(1000, 1000)
    source.broken.add((0, 1, 1))
    store = TileStore(source, Relay())
    qtbot.waitUntil(lambda: (store.collect() and store.overview_ready) or store.overview_ready, timeout=20_000)
    assert store.failed == {TileKey(0, 1, 1): "numbered.svs cannot be read in one place."}
    assert store.complete((0, 0, 1000, 1000), 0)
    count = len(source.read)
    store.plan((0, 0, 1000, 1000), 0)
    assert store.pending == 0
    assert len(source.read) == count
    store.close()


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_magnified_or_not_every_step_is_reachable(share: float) -> None:
    made = pyramid(Numbered(40_000, 30_000, (1, 4, 8)))
    for index, step in enumerate(made.steps):
        assert made.step_for(1 / step.downsample) == index
        assert abs(made.step_for(share / step.downsample) - index) <= 1
