"""Writes a phantom slide as a pyramidal tiled TIFF that OpenSlide opens, µm per pixel in its resolution tags."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.demo.slide import CELL, MPP, SlidePhantom

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE = 256
QUALITY = 80
_PERIOD = 1024
"""Base pixels after which a texture of the phantom repeats (inference.demo.tissue.PERIOD)."""


def write_slide(path: Path, phantom: SlidePhantom, progress: Callable[[float], None] | None = None) -> None:
    """Levels halve until one tile holds all. `progress` gets 0..1. Tiles of one class alone are encoded once and reused."""
    import tifffile

    steps = _steps(phantom)
    total = sum(_columns(phantom, step) * _rows(phantom, step) for step in steps)
    done = 0
    encoded: dict[tuple[int, int, int, int], bytes] = {}

    def tiles(step: int) -> Iterator[bytes]:
        nonlocal done
        places = [(column, row) for row in range(_rows(phantom, step)) for column in range(_columns(phantom, step))]
        with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
            for data in pool.map(lambda place: _tile(phantom, step, place[0], place[1], encoded), places):
                done += 1
                if progress is not None and done % 256 == 0:
                    progress(done / total)
                yield data

    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for step in steps:
            tiff.write(
                tiles(step),
                shape=(phantom.height // step, phantom.width // step, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                subsampling=(2, 2),
                compression="jpeg",
                subfiletype=0 if step == 1 else 1,
                resolution=(10_000 / (MPP * step),) * 2,
                resolutionunit="CENTIMETER",
                software="Hilum phantom",
                metadata=None,
            )


def write_patch(path: Path, pixels: NDArray[np.uint8]) -> None:
    """A patch at the phantom's own µm per pixel as a small tiled TIFF of one level."""
    import tifffile

    tifffile.imwrite(
        path, pixels, tile=(256, 256), photometric="rgb", compression="deflate", resolution=(10_000 / MPP,) * 2,
        resolutionunit="CENTIMETER", software="Hilum phantom", metadata=None,
    )  # fmt: skip


def _steps(phantom: SlidePhantom) -> list[int]:
    steps = [1]
    while max(phantom.width, phantom.height) // steps[-1] > 2 * TILE:
        steps.append(steps[-1] * 2)
    return steps


def _columns(phantom: SlidePhantom, step: int) -> int:
    return -(-(phantom.width // step) // TILE)


def _rows(phantom: SlidePhantom, step: int) -> int:
    return -(-(phantom.height // step) // TILE)


def _tile(phantom: SlidePhantom, step: int, column: int, row: int, encoded: dict[tuple[int, int, int, int], bytes]) -> bytes:
    x, y = column * TILE, row * TILE
    around = _around(phantom, step, x, y)
    if around.min() != around.max():
        return _jpeg(phantom.tile(step, x, y, TILE, TILE))
    side = max(1, _PERIOD // step)
    key = (step, int(around[0, 0]), x % side, y % side)
    if key not in encoded:
        encoded[key] = _jpeg(phantom.tile(step, x, y, TILE, TILE))
    return encoded[key]


def _around(phantom: SlidePhantom, step: int, x: int, y: int) -> NDArray[np.uint8]:
    """The classes of every cell that may show in a tile; cells two away blur into it, and outside is background."""
    left, top = x * step // CELL - 2, y * step // CELL - 2
    right, bottom = -(-(x + TILE) * step // CELL) + 2, -(-(y + TILE) * step // CELL) + 2
    rows, columns = phantom.class_map.shape
    inside = phantom.class_map[max(0, top) : bottom, max(0, left) : right]
    beyond = top < 0 or left < 0 or bottom > rows or right > columns
    return np.append(inside.ravel(), 0)[None] if beyond else inside


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(pixels, level=QUALITY, colorspace="RGB", outcolorspace="YCBCR", subsampling="420"))
