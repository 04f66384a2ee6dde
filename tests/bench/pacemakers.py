"""Chest phantoms with a finding that the demonstration models were never shown: a pacemaker, drawn over the finished film as
metal is, in the patient's own frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.demo.chest import Chest, draw_pair
from inference.demo.film import Film, Thorax, draw_film
from inference.demo.reports import report

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """`pixels` uint8 (height, width); `mask` of the pacemaker, empty where `side`, the patient's, is ""."""

    seed: int
    chest: Chest
    side: Literal["left", "right", ""]
    plain: NDArray[np.uint8]
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def draw(seed: int, side_px: int = 320) -> Case:
    """One film; every second patient has a pacemaker, on the left twice as often as on the right."""
    rng = np.random.default_rng([seed, 71])
    width = int(side_px * (1.0, 1.0, 0.85, 1.15)[seed % 4])
    chest = draw_pair(seed).current
    film = draw_film(chest, side_px, width)
    side: Literal["left", "right", ""] = SIDES[int(rng.random() < 1 / 3)] if rng.random() < 0.5 else ""
    if not side:
        return Case(seed, chest, "", film.pixels, film.pixels, np.zeros(film.pixels.shape, bool))
    pixels, mask = implanted(film, chest, side, rng)
    return Case(seed, chest, side, film.pixels, pixels, mask)


def implanted(
    film: Film, chest: Chest, side: Literal["left", "right"], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The film with a generator below the clavicle and a lead to the heart; what they cover."""
    thorax = Thorax(chest, *film.pixels.shape)
    flip = 1.0 if side == "left" else -1.0
    a = chest.anatomy
    x, y = flip * (a.wall * rng.uniform(0.62, 0.86)), a.apex + rng.uniform(0.13, 0.20)
    turn, across, down = rng.uniform(-0.5, 0.5), rng.uniform(0.036, 0.050), rng.uniform(0.028, 0.040)
    dx, dy = thorax.x - x, thorax.y - y
    u, v = (np.cos(turn) * dx + np.sin(turn) * dy) / across, (np.cos(turn) * dy - np.sin(turn) * dx) / down
    generator = u**4 + v**4 < 1.0
    tip = (rng.uniform(0.03, 0.08), a.heart_y + rng.uniform(-0.01, 0.04))
    lead = _lead(thorax, [(x, y - down), (flip * 0.09, a.apex + 0.07), (-0.025, a.apex + 0.16), (-0.035, a.heart_y - 0.03), tip])
    value = film.pixels.astype(np.float32)
    strength = rng.uniform(0.75, 1.0)
    value = np.maximum(value, generator * strength * rng.uniform(215, 250))
    value = np.maximum(value, value + lead * (225 - value) * 0.8)
    return np.clip(value, 0, 255).astype(np.uint8), generator | (lead > 0.5)


def _lead(thorax: Thorax, points: list[tuple[float, float]]) -> NDArray[np.float32]:
    """0..1: a line through the points, 0.007 of the picture's shorter side wide."""
    nearest = np.full(thorax.shape, np.inf, np.float32)
    for (x0, y0), (x1, y1) in pairwise(points):
        along = ((thorax.x - x0) * (x1 - x0) + (thorax.y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
        t = np.clip(along, 0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(thorax.x - x0 - t * (x1 - x0), thorax.y - y0 - t * (y1 - y0)))
    return np.clip((0.0055 - nearest) / 0.004, 0.0, 1.0).astype(np.float32)


def text(case: Case) -> str:
    """The phantom's report as the demonstration drafter writes it, with a sentence on the pacemaker."""
    findings, impression = report(case.chest).split(" Impression: ")
    said = f"{case.side.capitalize()} pacemaker." if case.side else "No pacemaker."
    if case.side:
        impression = said if impression == "No acute finding." else f"{impression} {said}"
    return f"{findings} {said} Impression: {impression}"


def read(text: str) -> Literal["left", "right", "", "?"]:
    """On which side a draft sees a pacemaker: "" none, "?" where it does not say."""
    body = text.split("Impression:")[0].lower()
    for part in body.split("."):
        words = part.split()
        if "pacemaker" in words and "no" not in words:
            return "left" if "left" in words else "right" if "right" in words else "?"
    return ""
