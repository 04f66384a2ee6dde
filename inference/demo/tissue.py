"""Periodic H&E-like textures at 0.5 µm per pixel: fibres, glands and nuclei in haematoxylin and eosin, absorbed from white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PERIOD = 1024
"""Pixels after which a texture repeats."""
Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stain:
    """Optical density of the two dyes in red, green and blue, and how strongly this slide took them."""

    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    strength: float
    white: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Stain:
        """A stain near the vectors of Ruifrok and Johnston (Anal Quant Cytol Histol 2001;23:291)."""
        shake = rng.normal(0.0, 0.035, 6)
        h = (0.65 + shake[0], 0.70 + shake[1], 0.29 + shake[2])
        e = (0.09 + 0.5 * shake[3], 0.90 + shake[4], 0.20 + shake[5])
        return Stain(h, e, float(rng.uniform(0.85, 1.15)), float(rng.uniform(240, 248)))


@dataclass(frozen=True, slots=True)
class Cells:
    """Nuclei of one kind: per mm², radius in µm with its spread, elongation, irregularity, density of dye."""

    per_mm2: float
    radius: float
    spread: float
    long: float
    ragged: float
    dye: float


STROMA_CELLS = Cells(700.0, 2.6, 0.5, 2.4, 0.06, 0.75)
GLAND_CELLS = Cells(0.0, 3.2, 0.3, 1.3, 0.06, 0.72)
TUMOUR_CELLS = Cells(4200.0, 5.2, 1.2, 1.25, 0.16, 0.95)
LYMPHOCYTE_CELLS = Cells(9500.0, 2.9, 0.25, 1.0, 0.04, 1.10)


def draw_texture(name: str, stain: Stain, seed: list[int]) -> NDArray[np.uint8]:
    """uint8 (1024, 1024, 3) of "background", "stroma", "tumour" or "lymphocytes"; its edges meet."""
    rng = np.random.default_rng(seed)
    if name == "background":
        return np.broadcast_to(np.uint8(round(stain.white)), (PERIOD, PERIOD, 3)).copy()
    blue = np.zeros((PERIOD, PERIOD), np.float32)
    if name == "stroma":
        pink = 0.34 + 0.13 * _fibres(rng) + 0.05 * _wave(rng, 12)
        _scatter(blue, STROMA_CELLS, rng)
        _glands(blue, pink, rng)
    elif name == "tumour":
        pink = 0.30 + 0.07 * _fibres(rng) + 0.06 * _wave(rng, 16)
        blue += 0.10 + 0.03 * _wave(rng, 24)
        _scatter(blue, TUMOUR_CELLS, rng)
    else:
        pink = 0.20 + 0.05 * _fibres(rng) + 0.04 * _wave(rng, 16)
        blue += 0.08
        _scatter(blue, LYMPHOCYTE_CELLS, rng)
    blue *= 0.92 + 0.14 * _wave(rng, 200)
    return _absorb(blue, pink, stain, rng)


def _absorb(blue: Field, pink: Field, stain: Stain, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Beer and Lambert: what two dyes leave of white light."""
    grain = rng.normal(0.0, 1.6, blue.shape).astype(np.float32)
    channels = []
    for h, e in zip(stain.haematoxylin, stain.eosin, strict=True):
        light = np.exp(-np.float32(stain.strength) * (np.float32(1.35 * h) * blue + np.float32(e) * pink))
        channels.append(np.clip(np.float32(stain.white) * light + grain, 0, 255))
    return np.stack(channels, 2).astype(np.uint8)


def _wave(rng: np.random.Generator, cells: int) -> Field:
    """Periodic smooth noise, about -1..1."""
    lattice = rng.uniform(-1.0, 1.0, (cells, cells)).astype(np.float32)
    wrapped = np.pad(lattice, 2, mode="wrap")
    box = (2.0, 2.0, 2.0 + cells, 2.0 + cells)
    return np.asarray(Image.fromarray(wrapped).resize((PERIOD, PERIOD), Image.Resampling.BICUBIC, box=box))


def _fibres(rng: np.random.Generator) -> Field:
    """Periodic wavy bundles, about -1..1."""
    axis = (np.arange(PERIOD, dtype=np.float32) / np.float32(PERIOD)) * np.float32(2 * np.pi)
    bend = 1.6 * _wave(rng, 6) + 0.5 * _wave(rng, 14)
    x, y = axis[None, :], axis[:, None]
    a, b = int(rng.integers(8, 15)), int(rng.integers(14, 24)) * int(rng.choice([-1, 1]))
    return np.asarray(0.6 * np.sin(a * x + b * y + 3.0 * bend) + 0.4 * np.sin(2 * a * x + 3 * b * y + 7.0 * bend))


def _scatter(blue: Field, cells: Cells, rng: np.random.Generator) -> None:
    """Draws nuclei at jittered lattice points, so that they crowd without lying on one another."""
    area = (PERIOD * 0.5e-3) ** 2
    across = max(2, round(np.sqrt(cells.per_mm2 * area)))
    pitch = PERIOD / across
    ys, xs = np.mgrid[0:across, 0:across].reshape(2, -1) * pitch
    centres = np.stack([xs, ys], 1) + rng.uniform(-0.42, 0.42, (across * across, 2)) * pitch
    keep = rng.random(len(centres)) < 0.93
    _stamp(blue, centres[keep], cells, rng)


def _stamp(
    blue: Field, centres: NDArray[np.float64], cells: Cells, rng: np.random.Generator, turns: NDArray[np.float64] | None = None
) -> None:
    """Draws one nucleus per centre (pixels) by polygon, wrapped around the edges; darker rim, paler inside."""
    margin = 48
    canvas = Image.new("F", (PERIOD + 2 * margin, PERIOD + 2 * margin))
    pen = ImageDraw.Draw(canvas)
    angles = np.linspace(0.0, 2.0 * np.pi, 14, endpoint=False)
    n = len(centres)
    radius = np.clip(rng.normal(cells.radius, cells.spread, n), 0.5 * cells.radius, 1.7 * cells.radius) / 0.5
    turn = rng.uniform(0.0, np.pi, n) if turns is None else turns
    dye = cells.dye * rng.uniform(0.75, 1.15, n)
    ripple = 1.0 + cells.ragged * rng.normal(0.0, 1.0, (n, 14)).cumsum(1) / 4.0
    ripple -= np.linspace(0.0, 1.0, 14) * (ripple[:, -1:] - ripple[:, :1])
    stretch = np.sqrt(cells.long)
    u, v = np.cos(angles) * radius[:, None] * ripple * stretch, np.sin(angles) * radius[:, None] * ripple / stretch
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    outline = np.stack([cos * u - sin * v, sin * u + cos * v], 2)
    for at, shape, dark in zip(centres % PERIOD, outline, dye.tolist(), strict=True):
        for dx in _wraps(at[0], margin):
            for dy in _wraps(at[1], margin):
                middle = at + margin + (dx, dy)
                pen.polygon((shape + middle).ravel().tolist(), fill=dark)
                pen.polygon((0.72 * shape + middle).ravel().tolist(), fill=0.84 * dark)
    drawn = np.asarray(canvas)[margin:-margin, margin:-margin]
    for axis in (0, 1):
        drawn = 0.5 * drawn + 0.25 * (np.roll(drawn, 1, axis) + np.roll(drawn, -1, axis))
    np.maximum(blue, drawn, out=blue)


def _wraps(at: float, margin: int) -> tuple[int, ...]:
    """The shifts at which something near an edge has to be drawn again."""
    if at < margin:
        return (0, PERIOD)
    return (0, -PERIOD) if at > PERIOD - margin else (0,)


def _glands(blue: Field, pink: Field, rng: np.random.Generator) -> None:
    """A few round glands: an open lumen, a pale rim of epithelium, a ring of nuclei."""
    axis = np.arange(PERIOD, dtype=np.float32)
    for _ in range(7):
        centre, radius = rng.uniform(0, PERIOD, 2), rng.uniform(36.0, 62.0)
        dx = (axis - centre[0] + PERIOD / 2) % PERIOD - PERIOD / 2
        dy = (axis - centre[1] + PERIOD / 2) % PERIOD - PERIOD / 2
        away = np.hypot(dx[None, :] * rng.uniform(0.8, 1.2), dy[:, None])
        inside = np.clip((radius - away) / 3.0, 0.0, 1.0)
        lumen = np.clip((0.42 * radius - away) / 3.0, 0.0, 1.0)
        blue *= 1.0 - inside
        pink *= 1.0 - 0.35 * inside
        blue += 0.05 * inside
        pink *= 1.0 - 0.9 * lumen
        blue *= 1.0 - lumen
        count = int(2 * np.pi * radius * 0.8 / 12)
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.03, count)
        ring = centre + 0.8 * radius * np.stack([np.cos(angle), np.sin(angle)], 1)
        _stamp(blue, ring, GLAND_CELLS, rng, angle)
