"""H&E-like slides of any size: a map of tissue classes at 64 px a cell, and any tile at any downsampling, from a seed.

Every class is one periodic texture, drawn once; a tile repeats the textures and blends them by the class map. Base pixels
are 0.5 µm, so that a 30,000 px slide is 15 mm.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.demo.tissue import PERIOD, Stain, draw_texture

CELL = 64
"""Base pixels of one cell of the class map."""
MPP = 0.5
BACKGROUND, STROMA, TUMOUR, LYMPHOCYTES = range(4)
CLASSES = ("background", "stroma", "tumour", "lymphocytes")

Rgb = NDArray[np.uint8]


class SlidePhantom:
    """One slide. `width` and `height` are base pixels at 0.5 µm; at least 256 each, else ValueError."""

    def __init__(self, seed: int, width: int = 32768, height: int = 30720) -> None:
        if min(width, height) < 256:
            raise ValueError(f"a slide phantom needs 256 pixels a side, not {width} x {height}")
        self.seed, self.width, self.height = seed, width, height
        self.stain = Stain.draw(np.random.default_rng([seed, 23]))
        self._levels: dict[tuple[int, int], NDArray[np.uint8]] = {}

    @cached_property
    def class_map(self) -> NDArray[np.uint8]:
        """uint8 (rows, columns), the index into `CLASSES` of every cell of 64 x 64 base pixels."""
        rows, columns = -(-self.height // CELL), -(-self.width // CELL)
        rng = np.random.default_rng([self.seed, 29])
        longer = max(rows, columns)
        y = ((np.arange(rows) + 0.5) / longer)[:, None]
        x = ((np.arange(columns) + 0.5) / longer)[None, :]
        rough = _noise(rng, 6, rows, columns, longer) * 0.6 + _noise(rng, 18, rows, columns, longer) * 0.4
        piece = np.full((rows, columns), -9.0)
        for _ in range(rng.integers(1, 4)):
            cx, cy = rng.uniform(0.3, 0.7) * columns / longer, rng.uniform(0.3, 0.7) * rows / longer
            rx, ry = rng.uniform(0.2, 0.36), rng.uniform(0.17, 0.32)
            piece = np.maximum(piece, 1.0 - np.hypot((x - cx) / rx, (y - cy) / ry))
        tissue = piece + 0.22 * rough > 0.0
        growth = _noise(rng, 5, rows, columns, longer) + 0.5 * _noise(rng, 20, rows, columns, longer)
        swarm = _noise(rng, 12, rows, columns, longer) + 0.5 * _noise(rng, 40, rows, columns, longer)
        inside = growth[tissue] if tissue.any() else growth
        tumour = tissue & (growth > np.quantile(inside, 1.0 - rng.uniform(0.15, 0.35)))
        crowd = tissue & ~tumour & (swarm > np.quantile(swarm[tissue] if tissue.any() else swarm, 1.0 - rng.uniform(0.08, 0.16)))
        classes = np.zeros((rows, columns), np.uint8)
        classes[tissue] = STROMA
        classes[tumour] = TUMOUR
        classes[crowd] = LYMPHOCYTES
        return classes

    def tile(self, downsample: int, x: int, y: int, w: int, h: int) -> Rgb:
        """uint8 (h, w, 3) of the level `downsample` (a power of two up to 1024); x, y in pixels of that level, beyond the
        slide is background."""
        weights = self.weights(downsample, x, y, w, h)
        present = [c for c in range(len(CLASSES)) if weights[c].any()]
        out = np.zeros((h, w, 3), np.uint16)
        for c in present:
            texture = self._texture(c, downsample)
            side = texture.shape[0]
            left, top = x % side, y % side
            if left + w <= side and top + h <= side:  # a plain cut is twice as fast as taking every pixel by its place
                piece = texture[top : top + h, left : left + w]
            else:
                piece = texture[(y + np.arange(h))[:, None] % side, (x + np.arange(w)) % side]
            if len(present) == 1:
                return np.ascontiguousarray(piece)
            out += piece.astype(np.uint16) * weights[c][..., None]
        return (out >> 8).astype(np.uint8)

    def weights(self, downsample: int, x: int, y: int, w: int, h: int) -> NDArray[np.uint16]:
        """uint16 (classes, h, w): how much of every class a pixel of a tile holds, 256 in all; borders are ragged."""
        scale = downsample / CELL
        x0, y0, x1, y1 = x * scale, y * scale, (x + w) * scale, (y + h) * scale
        pad = 2
        left, top = int(np.floor(x0)) - pad, int(np.floor(y0)) - pad
        right, bottom = int(np.ceil(x1)) + pad, int(np.ceil(y1)) + pad
        rows = np.arange(top, bottom)
        columns = np.arange(left, right)
        full = self.class_map.shape
        outside = ((rows < 0) | (rows >= full[0]))[:, None] | ((columns < 0) | (columns >= full[1]))
        cells = self.class_map[np.clip(rows, 0, full[0] - 1)][:, np.clip(columns, 0, full[1] - 1)]
        cells = np.where(outside, np.uint8(BACKGROUND), cells)
        result = np.zeros((len(CLASSES), h, w), np.uint16)
        found = np.unique(cells)
        if len(found) == 1:
            result[found[0]] = 256
            return result
        box = (x0 - left, y0 - top, x1 - left, y1 - top)
        method = Image.Resampling.BICUBIC if downsample < CELL else Image.Resampling.BOX
        share = np.stack(
            [np.asarray(Image.fromarray((cells == c).astype(np.float32)).resize((w, h), method, box=box)) for c in found]
        )
        if downsample < CELL:
            share = np.clip((share - share.max(0) + 0.12) / 0.12, 0.0, 1.0)
        share /= share.sum(0)
        whole = np.round(share * 256.0).astype(np.uint16)
        whole[0] += np.uint16(256) - whole.sum(0).astype(np.uint16)
        result[found] = whole
        return result

    def thumbnail(self, longest: int = 1024) -> Rgb:
        """uint8, the whole slide with its longer side at most `longest` pixels."""
        downsample = 1
        while max(self.width, self.height) / downsample > longest:
            downsample *= 2
        return self.tile(downsample, 0, 0, -(-self.width // downsample), -(-self.height // downsample))

    def share(self, downsample: int, x: int, y: int, w: int, h: int) -> tuple[float, ...]:
        """How much of a tile every class holds, 0..1 each."""
        return tuple(float(v) for v in self.weights(downsample, x, y, w, h).mean((1, 2)) / 256.0)

    def _texture(self, kind: int, downsample: int) -> NDArray[np.uint8]:
        """The periodic texture of a class at a level, uint8 (side, side, 3)."""
        key = (kind, downsample)
        if key not in self._levels:
            if downsample == 1:
                self._levels[key] = draw_texture(CLASSES[kind], self.stain, [self.seed, 31, kind])
            elif downsample <= PERIOD:
                finer = self._texture(kind, downsample // 2).astype(np.uint16)
                mean = finer[::2, ::2] + finer[1::2, ::2] + finer[::2, 1::2] + finer[1::2, 1::2]
                self._levels[key] = ((mean + 2) >> 2).astype(np.uint8)
            else:
                raise ValueError(f"a slide phantom has no level downsampled by {downsample}")
        return self._levels[key]


def _noise(rng: np.random.Generator, cells: int, rows: int, columns: int, longer: int) -> NDArray[np.float32]:
    """Smooth noise, about -1..1, `cells` lattice cells along the longer side."""
    lattice = rng.uniform(-1.0, 1.0, (cells + 1, cells + 1)).astype(np.float32)
    box = (0.0, 0.0, cells * columns / longer, cells * rows / longer)
    return np.asarray(Image.fromarray(lattice).resize((columns, rows), Image.Resampling.BICUBIC, box=box))
