"""Large plain pictures, in tiles: the pixels of Pillow, and halved levels by the mean of 2 × 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from viewers.geometry import Region, Size
from viewers.slide_view import SlideView
from viewers.sources import TiledSource, open_source
from viewers.sources.large import Large
from viewers.sources.planes import Planes

WIDTH, HEIGHT = 4500, 3801


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (HEIGHT // 9 + 1, WIDTH // 9 + 1, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(9, 0).repeat(9, 1)[:HEIGHT, :WIDTH])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
def test_tiles_are_pillows_pixels(tmp_path: Path, pixels: np.ndarray, name: str) -> None:
    Image.fromarray(pixels).save(tmp_path / name, **({"compress_level": 1} if name == "a.png" else {}))
    truth = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    source = open_source(tmp_path / name)
    assert isinstance(source, TiledSource)
    assert (source.kind, source.size, len(source.levels)) == ("picture", Size(WIDTH, HEIGHT), 3)
    for column, row in ((0, 0), (3, 2), (8, 7)):
        part = truth[row * 512 : (row + 1) * 512, column * 512 : (column + 1) * 512]
        assert np.array_equal(source.read_tile(0, column, row), part)
    padded = np.pad(truth, ((0, 1), (0, 0), (0, 0)), mode="edge").astype(float)
    mean = np.floor(padded.reshape(1901, 2, 2250, 2, 3).mean((1, 3)) + 0.5)
    assert np.array_equal(source.read_tile(1, 4, 3), mean[1536:, 2048:])
    outside = source.read(Region(WIDTH - 10, 0, 20, 10))
    assert np.array_equal(outside[:, :10], truth[:10, -10:])
    assert (outside[:, 10:] == 0).all()
    source.close()


def test_small_ones_remain_as_they_are(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels[:3000, :3000]).save(tmp_path / "a.bmp")
    source = open_source(tmp_path / "a.bmp")
    assert not isinstance(source, TiledSource)


def test_it_is_painted_as_a_slide_on_black(show_view: Callable[..., Any], tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.bmp")
    view = show_view(open_source(tmp_path / "a.bmp"))
    assert isinstance(view, SlideView)
    assert isinstance(view.source, Large)
    assert view.background == "#000000"


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_strips_beyond_the_limit_are_read_strip_by_strip(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    wide = np.concatenate([pixels, pixels[:, ::-1]], axis=1)[:3800]
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, wide, rowsperstrip=100, photometric="rgb", compression=compression, metadata=None)
    monkeypatch.setattr("viewers.sources.large.MAX_PIXELS", 20_000_000)
    source = open_source(path)
    assert isinstance(source, Planes)
    assert isinstance(source, TiledSource)
    assert source.kind == "picture"
    assert np.array_equal(source.read(Region(4000, 1000, 1000, 700)), wide[1000:1700, 4000:5000])
    assert [level.size for level in source.levels] == [Size(9000, 3800), Size(1125, 475)]
    mean = wide.reshape(475, 8, 1125, 8, 3).mean((1, 3))
    coarse = np.concatenate([source.read_tile(1, column, 0) for column in range(3)], axis=1)
    assert np.abs(coarse - mean).max() <= 1.5, "three roundings of a half"
    assert np.abs(coarse - mean).mean() < 0.6
    source.close()


def test_a_picture_of_900_million_pixels_opens_in_little_memory(tmp_path: Path) -> None:
    path, side = tmp_path / "flat.tif", 30_000
    stored = tifffile.memmap(path, shape=(side, side, 3), dtype=np.uint8, photometric="rgb", metadata=None)  # a sparse file
    stored[5120:5632, 5120:5632] = (0, 200, 0)
    stored.flush()
    del stored
    before = psutil.Process().memory_info().rss
    source = open_source(path)
    assert isinstance(source, Planes)
    tile = source.read_tile(0, 10, 10)
    assert tile.shape == (512, 512, 3)
    assert (tile == (0, 200, 0)).all()
    assert psutil.Process().memory_info().rss - before < 500 * 2**20
    source.close()
