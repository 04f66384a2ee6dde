"""Plain pictures too large to be painted as one: the same pixels, in tiles and halved levels."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from viewers.channels import halved_values
from viewers.errors import SourceError
from viewers.geometry import Region, Size, Spacing
from viewers.sources import Level, Source
from viewers.sources.files import opened_file
from viewers.sources.level_read import read_region
from viewers.sources.plain import MAX_PIXELS, Plain
from viewers.sources.resample import cut
from viewers.sources.tiff import TIFF

TILED_FROM = 4096 * 4096
"""Pixels from which a picture is painted in tiles."""
_TILE = 512
_COARSEST = 2048
"""Longest side of the last level."""


class Large(Plain):
    """Decoded once, when first read; then every level is cut from memory."""

    def __init__(self, path: Path, spacing: Spacing | None = None) -> None:
        super().__init__(path, spacing)
        sizes = [self.size]
        while max(sizes[-1].width, sizes[-1].height) > _COARSEST:
            sizes.append(Size(-(-sizes[-1].width // 2), -(-sizes[-1].height // 2)))
        self.levels = tuple(Level(size, float(2**number), Size(_TILE, _TILE)) for number, size in enumerate(sizes))
        self._pictures: list[NDArray[np.uint8]] = []
        self._decoding = Lock()

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        if region.frame:
            raise SourceError(self.path, f"{self.name} has one frame; frame {region.frame + 1} does not exist.")
        return read_region(self, self._pixels, region, size or region.size)

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        if not 0 <= level < len(self.levels):
            raise SourceError(self.path, f"{self.name} has {len(self.levels)} levels; level {level} does not exist.")
        size, x, y = self.levels[level].size, column * _TILE, row * _TILE
        if not (0 <= x < size.width and 0 <= y < size.height):
            raise SourceError(self.path, f"{self.name} has no tile {column}, {row} on level {level}.")
        return self._pixels(level, x, y, Size(min(_TILE, size.width - x), min(_TILE, size.height - y)))

    def close(self) -> None:
        with self._decoding:
            self._pictures.clear()
        super().close()

    def _pixels(self, level: int, x: int, y: int, size: Size) -> NDArray[np.uint8]:
        with self._decoding:  # whoever comes while another thread decodes waits for the same pixels
            if not self._pictures:
                pictures: list[NDArray[np.uint8]] = [self._decoded().astype(np.uint8, copy=False)]
                for _ in self.levels[1:]:
                    pictures.append(_halved(pictures[-1]))
                self._pictures = pictures
            picture = self._pictures[level]
        return cut(picture, Region(x, y, size.width, size.height), 0)


def opened(path: Path, spacing: Spacing | None = None) -> Source:
    """A plain picture of any size; a TIFF too large to be decoded at once is read strip by strip. Raises SourceError."""
    size = _stripped_size(path)
    if size is not None and size.width * size.height > MAX_PIXELS:
        from viewers.sources.planes import Planes

        return Planes(path, spacing, "picture")
    plain = Plain(path, spacing)
    if plain.size.width * plain.size.height <= TILED_FROM:
        return plain
    plain.close()
    return Large(path, spacing)


def _stripped_size(path: Path) -> Size | None:
    """Of the first picture of a TIFF, by its directory alone; None where that does not tell."""
    from viewers.sources import planes

    with opened_file(path) as file:
        if not file.read(4).startswith(TIFF):
            return None
    return planes.first_size(path)


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In bands, so that the wider numbers of a sum never take up more than a band."""
    height, width = pixels.shape[:2]
    out = np.empty((-(-height // 2), -(-width // 2), 3), np.uint8)
    for top in range(0, height, 1024):
        band = np.moveaxis(pixels[top : top + 1024], -1, 0)
        out[top // 2 : (top + 1024) // 2] = np.moveaxis(halved_values(band), 0, -1)
    return out
