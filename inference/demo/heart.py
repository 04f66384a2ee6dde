"""Draws a film of a beating heart as ultrasound shows it, four chambers from the apex: grey frames and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.demo.film import noise_field

Field = NDArray[np.floating[Any]]
NORMAL, REDUCED = (0.54, 0.68), (0.16, 0.36)
"""Ejection fractions, by area, of hearts that contract normally, and of those that do so weakly."""


@dataclass(frozen=True, slots=True)
class Heart:
    """`ejection` is the share of the left ventricle's area that goes with a beat; `fluid` stands around the heart."""

    ejection: float = 0.6
    fluid: bool = False
    beats: float = 1.5
    """How many the film shows."""

    @property
    def weak(self) -> bool:
        return self.ejection < 0.45


def draw_case(rng: np.random.Generator) -> Heart:
    """Half of them weak, two in five with fluid."""
    weak = rng.random() < 0.5
    return Heart(float(rng.uniform(*(REDUCED if weak else NORMAL))), bool(rng.random() < 0.4), float(rng.uniform(1.0, 2.0)))


def filled(heart: Heart, at: NDArray[np.float64], begins: float = 0.0) -> NDArray[np.float64]:
    """The left ventricle's area as a share of its largest, at moments 0..1 of the film; `begins` is the phase of the first."""
    phase = (begins + heart.beats * at) % 1.0
    out = np.where(phase < 0.35, phase / 0.35, np.clip((0.85 - phase) / 0.5, 0.0, 1.0))
    return 1.0 - heart.ejection * (0.5 - 0.5 * np.cos(np.pi * out))


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """`frames` uint8 (frames, height, width); `filled` the left ventricle's area in each as a share of its largest."""

    frames: NDArray[np.uint8]
    filled: NDArray[np.float64]


def draw_film(heart: Heart, seed: int, at: NDArray[np.float64], height: int = 240, width: int = 320) -> Film:
    """The frames at moments 0..1; the same heart for the same seed. Raises ValueError below 64 pixels a side."""
    if min(height, width) < 64:
        raise ValueError(f"a film of a heart needs 64 pixels a side, not {width} x {height}")
    rng = np.random.default_rng([seed, 71])
    x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height)[None, :]
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    begins, tilt = float(rng.uniform(0.0, 1.0)), np.float32(rng.uniform(-0.15, 0.15))
    wide, tall = np.float32(rng.uniform(0.115, 0.145)), np.float32(rng.uniform(0.23, 0.27))
    bright, rim = np.float32(rng.uniform(0.85, 1.1)), np.float32(rng.uniform(0.03, 0.05))
    cx, cy = np.float32(rng.uniform(0.03, 0.08)), np.float32(0.42)
    u, v = np.cos(tilt) * (x - cx) + np.sin(tilt) * (y - cy), np.cos(tilt) * (y - cy) - np.sin(tilt) * (x - cx)
    sector = (np.arctan2(np.abs(x), y - 0.01) < 0.72) & (np.hypot(x, y) < 0.96) & (np.hypot(x, y) > 0.06)
    grain = [noise_field(int(rng.integers(2**31)), 70, height, width) for _ in range(3)]
    drawn = []
    shares = filled(heart, at, begins)
    for number, share in enumerate(shares):
        across, along, wall = wide * np.float32(share**0.7), tall * np.float32(share**0.3), np.float32(0.08 - 0.035 * share)
        left, muscle = _chamber(u, v, across, along), _chamber(u, v, across + wall, along + wall)
        right = _chamber(u + np.float32(0.25), v + np.float32(0.03), np.float32(0.075), np.float32(0.19))
        right_muscle = _chamber(u + np.float32(0.25), v + np.float32(0.03), np.float32(0.10), np.float32(0.215))
        atria = np.maximum(
            _chamber(u + np.float32(0.01), v - tall - np.float32(0.15), np.float32(0.09), np.float32(0.10)),
            _chamber(u + np.float32(0.24), v - tall - np.float32(0.13), np.float32(0.085), np.float32(0.09)),
        )
        grey = 0.30 + 0.0 * u + 0.12 * grain[0]
        if heart.fluid:
            around = np.maximum(
                _chamber(u, v, across + wall + rim, along + wall + rim),
                _chamber(u + np.float32(0.25), v + np.float32(0.03), np.float32(0.10) + rim, np.float32(0.215) + rim),
            )
            grey = grey * (1 - around) + 0.03 * around
        for tissue in (muscle, right_muscle):
            grey = grey * (1 - tissue) + (0.55 + 0.22 * grain[number % 2 + 1]) * tissue
        for hollow in (left, right, atria):
            grey = grey * (1 - hollow) + (0.04 + 0.02 * grain[1]) * hollow
        speckle = 1.0 + 0.18 * rng.standard_normal((height, width)).astype(np.float32)
        drawn.append(np.clip(grey * bright * speckle * sector * 255.0, 0, 255).astype(np.uint8))
    return Film(np.stack(drawn), shares)


def _chamber(u: Field, v: Field, wide: np.floating[Any], tall: np.floating[Any]) -> Field:
    """0..1, an egg with its narrow end upwards."""
    away = np.hypot(u / (wide * (1.0 + 0.25 * np.clip(v / tall, -1, 1))), v / tall)
    return np.asarray(np.clip((1.0 - away) / np.float32(0.06) + 0.5, 0.0, 1.0))
