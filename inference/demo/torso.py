"""A chest and upper abdomen as CT or MR shows it, with a lesion in the liver, fluid behind a lung, and their masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.demo.chest import Side

SPACING = (5.0, 1.6, 1.6)
"""Millimetres between slices, rows and columns."""
HU = {
    "air": -1000,
    "fat": -90,
    "muscle": 50,
    "lung": -830,
    "heart": 45,
    "liver": 62,
    "spine": 420,
    "marrow": 180,
    "lesion": 18,
    "fluid": 8,
}
"""Before noise."""
SIGNAL = {
    "air": 10,
    "fat": 620,
    "muscle": 170,
    "lung": 40,
    "heart": 210,
    "liver": 250,
    "spine": 60,
    "marrow": 340,
    "lesion": 560,
    "fluid": 880,
}
"""Of the same tissues in a T2-weighted MR sequence, before noise; no unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """`hu` int16 (slices, rows, columns), slice 0 lowest (towards the feet), rows to the patient's back, columns to the
    patient's left; `lesion` bool, alike; `spacing_mm` of the three axes."""

    hu: NDArray[np.int16]
    lesion: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """What is found in a scan. Sides are the patient's, "" for none."""

    lesion: bool = True
    """Of low density, in the liver."""
    fluid: tuple[Side, ...] = ()
    """Behind the lungs of those sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """`values` int16 (slices, rows, columns) as in `Volume`, HU or the signal of MR; of each finding (name, side) its mask, bool
    alike."""

    values: NDArray[np.int16]
    masks: dict[tuple[str, Side], NDArray[np.bool_]]


def draw_volume(seed: int, slices: int = 48, side: int = 256) -> Volume:
    """A volume with a lesion from its seed; the lower half shows the liver, the upper the lungs."""
    drawn = draw_slices(seed, Case(), (np.arange(slices) + 0.5) / slices, slices, side)
    return Volume(drawn.values, drawn.masks["lesion", ""], SPACING)


def draw_slices(
    seed: int, case: Case, at: NDArray[np.float64], slices: int = 48, side: int = 256, tissues: Mapping[str, int] = HU
) -> Slices:
    """Some slices of a volume of so many, `at` their heights, 0 … 1 from the feet upwards; the same body for the same seed.
    `tissues` is `HU` or `SIGNAL`."""
    rng = np.random.default_rng([seed, 41])
    z = at[:, None, None].astype(np.float32)
    y = (((np.arange(side) + 0.5) / side - 0.5) * 2)[None, :, None].astype(np.float32)
    x = (((np.arange(side) + 0.5) / side - 0.5) * 2)[None, None, :].astype(np.float32)
    wide, deep = rng.uniform(0.80, 0.90), rng.uniform(0.56, 0.64)

    def inside(cx: float, cy: float, cz: float, rx: float, ry: float, rz: float) -> NDArray[np.bool_]:
        return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1.0)

    body = np.broadcast_to((x / wide) ** 2 + (y / deep) ** 2 < 1.0, (len(at), side, side))
    muscle = np.broadcast_to((x / (wide - 0.07)) ** 2 + (y / (deep - 0.07)) ** 2 < 1.0, body.shape)
    hu = np.full(body.shape, tissues["air"], np.float32)
    hu[body], hu[muscle] = tissues["fat"], tissues["muscle"]
    middle = wide * 0.5
    lungs = inside(-middle, -0.02, 1.0, 0.33, 0.42, 0.55) | inside(middle, -0.02, 1.0, 0.31, 0.42, 0.60)
    hu[lungs & muscle] = tissues["lung"]
    hu[inside(0.10, -0.16, 0.72, 0.26, 0.24, 0.24)] = tissues["heart"]
    liver = inside(-0.34, -0.04, 0.18, 0.42, 0.40, 0.36) & muscle & ~lungs
    hu[liver] = tissues["liver"]
    spine = np.broadcast_to(x**2 + (y - deep * 0.62) ** 2 < 0.115**2, body.shape)
    marrow = np.broadcast_to(x**2 + (y - deep * 0.62) ** 2 < 0.085**2, body.shape)
    hu[spine], hu[marrow] = tissues["spine"], tissues["marrow"]
    for turn in np.linspace(0.25, 2 * np.pi - 0.25, 18):
        rib = inside(float(np.sin(turn)) * (wide - 0.08), -float(np.cos(turn)) * (deep - 0.08), 0.75, 0.03, 0.025, 0.4)
        hu[rib] = tissues["spine"]
    radius = rng.uniform(0.08, 0.13)
    centre = (-0.34 + rng.uniform(-0.12, 0.12), -0.04 + rng.uniform(-0.10, 0.10), 0.20 + rng.uniform(-0.05, 0.05))
    lesion = inside(*centre, radius, radius, radius * side * SPACING[1] / (2 * slices * SPACING[0])) & liver
    density = rng.uniform(-8, 8)
    masks: dict[tuple[str, Side], NDArray[np.bool_]] = {}
    if case.lesion:
        hu[lesion] = tissues["lesion"] + density
        masks["lesion", ""] = lesion
    own = np.random.default_rng([seed, 43])
    for lung in case.fluid:
        half = np.broadcast_to(x > 0 if lung == "left" else x < 0, body.shape)
        masks["fluid", lung] = half & lungs & muscle & (y > own.uniform(0.06, 0.22)) & (z < own.uniform(0.72, 0.9)) & ~spine
        hu[masks["fluid", lung]] = tissues["fluid"]
    hu += rng.standard_normal(hu.shape, np.float32) * np.float32(9.0)
    return Slices(np.clip(np.round(hu), -1024, 3071).astype(np.int16), masks)
