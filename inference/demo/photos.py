"""Draws photographs of skin and of the back of an eye (fundus), from values; sizes are in units of the picture's side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.demo.chest import SIDES, Side
from inference.demo.film import noise_field

Field = NDArray[np.floating[Any]]
Mark = Literal["", "even spot", "uneven spot", "red patch"]
MARKS: tuple[Mark, ...] = ("", "even spot", "uneven spot", "red patch")


@dataclass(frozen=True, slots=True)
class Skin:
    """One mark on skin, "" for none. A pigmented spot is even (round, of one colour) or uneven (ragged, of several)."""

    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Fundus:
    """The eye of a side, how many small haemorrhages and hard exudates it shows, and whether it bled before the retina."""

    eye: Side = "right"
    haemorrhages: int = 0
    exudates: int = 0
    bleeding: bool = False

    @property
    def many(self) -> bool:
        return self.haemorrhages >= MANY


FEW, MANY = (3, 6), 14
"""Haemorrhages of an eye that has few (from, to); from `MANY` on they are many."""
Case = Skin | Fundus


def draw_case(rng: np.random.Generator) -> Case:
    """Skin or fundus, each finding now and then."""
    if rng.random() < 0.45:
        return Skin(MARKS[rng.integers(len(MARKS))])
    draw = rng.random()
    count = 0 if draw < 0.3 else int(rng.integers(FEW[0], FEW[1] + 1)) if draw < 0.68 else int(rng.integers(MANY, 25))
    exudates = int(rng.integers(6, 16)) if count and rng.random() < 0.5 else 0
    return Fundus(SIDES[rng.integers(2)], count, exudates, bool(count and rng.random() < 0.2))


def draw_photo(case: Case, seed: int, side: int = 480) -> NDArray[np.uint8]:
    """uint8 (side, side, 3). Raises ValueError below 64 pixels."""
    if side < 64:
        raise ValueError(f"a photograph needs 64 pixels a side, not {side}")
    rng = np.random.default_rng([seed, 67])
    axis = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(side) - np.float32(0.5)
    x, y = axis[None, :], axis[:, None]
    drawn = _skin(case, rng, x, y, side) if isinstance(case, Skin) else _fundus(case, rng, x, y, side)
    drawn += rng.normal(0.0, 2.0, (side, side, 1)).astype(np.float32)
    return np.asarray(np.clip(np.round(drawn), 0, 255).astype(np.uint8))


def _soft(distance: Field, softness: float) -> Field:
    """0 outside, 1 inside."""
    return np.asarray(np.clip(distance / np.float32(softness) + np.float32(0.5), 0.0, 1.0)[..., None])


def _blend(under: Field, colour: tuple[float, float, float], how: Field) -> None:
    under *= 1.0 - how
    under += np.asarray(colour, np.float32) * how


def _skin(case: Skin, rng: np.random.Generator, x: Field, y: Field, side: int) -> Field:
    """From light to dark, with fine texture and the light from one side."""
    dark = np.float32(rng.uniform(0.0, 1.0))
    tone = (1 - dark) * np.array([232, 190, 165], np.float32) + dark * np.array([120, 80, 58], np.float32)
    texture = (
        1.0
        + 0.035 * noise_field(int(rng.integers(2**31)), 60, side, side)
        + 0.03 * noise_field(int(rng.integers(2**31)), 6, side, side)
    )
    turn = rng.uniform(0, 2 * np.pi)
    light = 1.0 + 0.12 * (np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y)
    drawn = tone * (texture * light)[..., None].astype(np.float32)
    if not case.mark:
        return drawn
    cx, cy = rng.uniform(-0.18, 0.18, 2)
    away, angle = np.hypot(x - np.float32(cx), y - np.float32(cy)), np.arctan2(y - np.float32(cy), x - np.float32(cx))
    if case.mark == "even spot":
        radius = np.float32(rng.uniform(0.09, 0.16)) * (1 + 0.02 * np.cos(2 * angle + np.float32(rng.uniform(0, 6.3))))
        _blend(drawn, tuple(tone * np.float32(rng.uniform(0.42, 0.52)) * (1.0, 0.86, 0.78)), _soft(radius - away, 0.012))
        return drawn
    ripple = np.ones_like(away)
    for k in (2, 3, 5, 7, 9):
        ripple += np.float32(rng.uniform(0.08, 0.34) / np.sqrt(k)) * np.cos(k * angle + np.float32(rng.uniform(0, 6.3)))
    if case.mark == "uneven spot":
        inside = _soft(np.float32(rng.uniform(0.12, 0.18)) * ripple - away, 0.016)
        patchy = 0.5 + 0.5 * np.clip(2.2 * noise_field(int(rng.integers(2**31)), 12, side, side), -1, 1)[..., None]
        brown, black = tone * np.array([0.55, 0.42, 0.36], np.float32), np.array([34, 26, 28], np.float32)
        drawn += (brown * (1 - patchy) + black * patchy - drawn) * inside
        return drawn
    inside = _soft(np.float32(rng.uniform(0.18, 0.27)) * (0.7 + 0.3 * ripple) - away, 0.07)
    flaky = np.clip(3.0 * noise_field(int(rng.integers(2**31)), 40, side, side) - 1.6, 0, 1)[..., None]
    drawn += (tone * np.array([1.02, 0.60, 0.58], np.float32) + 30.0 * flaky - drawn) * inside * np.float32(0.9)
    return drawn


def _fundus(case: Fundus, rng: np.random.Generator, x: Field, y: Field, side: int) -> Field:
    """As a camera sees it: the disc lies towards the nose, on the picture's right in a right eye, the macula in the middle."""
    nose = np.float32(1.0 if case.eye == "right" else -1.0)
    away = np.hypot(x, y)
    red = np.array([rng.uniform(185, 215), rng.uniform(82, 108), rng.uniform(36, 56)], np.float32)
    shade = 1.0 - 0.9 * away**2 + 0.03 * noise_field(int(rng.integers(2**31)), 9, side, side)
    drawn = red * shade[..., None].astype(np.float32)
    macula = np.exp(-((np.hypot(x + nose * np.float32(0.06), y) / np.float32(0.07)) ** 2))
    drawn *= 1.0 - 0.3 * macula[..., None]
    disc = (nose * np.float32(rng.uniform(0.20, 0.25)), np.float32(rng.uniform(-0.02, 0.02)))
    from_disc = np.hypot(x - disc[0], (y - disc[1]) * np.float32(0.92))
    _blend(drawn, (246, 214, 150), _soft(np.float32(rng.uniform(0.062, 0.072)) - from_disc, 0.012))
    _blend(drawn, (255, 240, 205), _soft(np.float32(rng.uniform(0.022, 0.032)) - from_disc, 0.014))
    for up in (-1.0, 1.0):
        for spread, width in ((0.30, 0.0065), (0.20, 0.005), (-0.14, 0.0045)):
            bend = np.float32(up * spread * rng.uniform(0.9, 1.1))
            along = -nose * (x - disc[0]) if spread > 0 else nose * (x - disc[0])
            curve = disc[1] + bend * np.sqrt(np.clip(along, 0.0, 1.0) / np.float32(0.45)) * (1 - np.clip(along, 0, 1) * 0.35)
            vessel = _soft(np.float32(width) - np.abs(y - curve), 0.005) * (along > 0.002)[..., None]
            _blend(drawn, tuple(red * np.array([0.62, 0.42, 0.5])), 0.85 * vessel)
    places: list[tuple[float, float]] = []

    def somewhere(apart: float) -> tuple[float, float]:
        """Not on the disc, not at the rim, not on another one."""
        while True:
            at = rng.uniform(-0.36, 0.36, 2)
            clear = np.hypot(at[0] - disc[0], at[1] - disc[1]) > 0.11 and np.hypot(*at) < 0.37
            if clear and all(np.hypot(at[0] - one[0], at[1] - one[1]) > apart for one in places):
                places.append((float(at[0]), float(at[1])))
                return places[-1]

    for _ in range(case.haemorrhages):
        cx, cy = somewhere(0.055)
        blot = np.hypot(x - np.float32(cx), (y - np.float32(cy)) * np.float32(rng.uniform(0.75, 1.3)))
        _blend(drawn, (92, 12, 14), _soft(np.float32(rng.uniform(0.013, 0.021)) - blot, 0.008))
    if case.exudates:
        cx, cy = somewhere(0.07)
        for _ in range(case.exudates):
            dx, dy = rng.normal(0.0, 0.04, 2)
            dot = np.hypot(x - np.float32(cx + dx), y - np.float32(cy + dy))
            _blend(drawn, (250, 226, 120), _soft(np.float32(rng.uniform(0.007, 0.012)) - dot, 0.006))
    if case.bleeding:
        down, across = np.float32(rng.uniform(0.12, 0.2)), -nose * np.float32(rng.uniform(0.0, 0.12))
        boat = np.minimum(np.float32(0.11) - np.hypot(x - across, (y - down)), y - down)
        _blend(drawn, (104, 10, 12), _soft(boat, 0.01))
    drawn *= _soft(np.float32(0.47) - away, 0.008)
    return drawn
