"""Chest-like phantoms as values: who the patient is, what is found, how the film was taken. `film.py` draws them.

Frame: the patient frame has its origin in the middle of the chest, x to picture-right (the patient's LEFT, as on a standard
frontal film), y downwards, unit = the shorter side of the picture. Everything follows from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Kind = Literal["opacity", "effusion", "cardiomegaly", "pneumothorax"]
Side = Literal["left", "right", ""]
"""The patient's side; "" for the heart, which has none."""
Change = Literal["new", "resolved", "improved", "worsened", "stable"]

CHANGES: tuple[Change, ...] = ("new", "resolved", "improved", "worsened", "stable")
KINDS: tuple[Kind, ...] = ("cardiomegaly", "effusion", "pneumothorax", "opacity")
SIDES: tuple[Side, ...] = ("right", "left")
SLOTS: tuple[tuple[Kind, Side], ...] = (
    ("cardiomegaly", ""),
    *((kind, side) for kind in ("effusion", "pneumothorax", "opacity") for side in ("right", "left")),
)
"""Every finding a phantom can have, in the order of a report."""

GRADES: dict[Kind, tuple[str, str, str]] = {
    "cardiomegaly": ("mild", "moderate", "severe"),
    "effusion": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
    "opacity": ("small", "moderate", "large"),
}
STEP = 0.43
"""The least difference of `Finding.amount` between prior and current that is called a change."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding on one side. `amount` 0..1 runs through the grades in thirds.

    `place` = (fraction from the mediastinum to the wall, fraction from apex to base) and `shape` (seed of the outline)
    matter for an opacity only.
    """

    kind: Kind
    side: Side
    amount: float
    place: tuple[float, float] = (0.5, 0.5)
    shape: int = 0

    @property
    def grade(self) -> str:
        return GRADES[self.kind][min(int(self.amount * 3.0), 2)]


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What stays with the patient between films; lengths in units of the shorter side of the picture."""

    wall: float
    """Half-width of the thorax inside, at the base."""
    apex: float
    base: float
    dome: float
    dome_rise: float
    """How much higher the patient's right dome lies."""
    ratio: float
    """Cardiothoracic ratio of the normal heart."""
    heart_y: float
    heart_tilt: float
    heart_height: float
    rib_spacing: float
    rib_phase: float
    rib_contrast: float
    clavicle: float
    mediastinum: float
    shoulder: float
    bubble: float
    """Radius of the gas bubble in the stomach, under the patient's left dome."""
    vessels: int
    """Seed of the vessel tree."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How one film was taken: rotation in radians, shift and scale of the patient, tone and noise."""

    angle: float
    shift: tuple[float, float]
    scale: float
    gain: float
    offset: float
    gamma: float
    noise: float
    seed: int


@dataclass(frozen=True, slots=True)
class Chest:
    """One film to be drawn."""

    anatomy: Anatomy
    pose: Pose
    findings: tuple[Finding, ...]

    def find(self, kind: Kind, side: Side = "") -> Finding | None:
        return next((f for f in self.findings if f.kind == kind and f.side == side), None)

    def level(self, kind: Kind, side: Side) -> float:
        """How much of a finding a model is taught to see: 0 where it is absent, else 0.25 to 1."""
        finding = self.find(kind, side)
        return 0.25 + 0.75 * finding.amount if finding else 0.0

    def has(self, kind: Kind) -> bool:
        return any(f.kind == kind for f in self.findings)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two films of one patient and what happened to every finding that either shows, keyed by (kind, side)."""

    prior: Chest
    current: Chest
    changes: dict[tuple[Kind, Side], Change]

    def reversed(self) -> Pair:
        """The same two films, the later one taken for the earlier."""
        back: dict[Change, Change] = {
            "new": "resolved", "resolved": "new", "improved": "worsened", "worsened": "improved", "stable": "stable",
        }  # fmt: skip
        return Pair(self.current, self.prior, {slot: back[change] for slot, change in self.changes.items()})


def draw_pair(seed: int) -> Pair:
    """A patient on two days; the five changes are about equally frequent among the findings."""
    rng = np.random.default_rng([seed, 13])
    anatomy, first, second = _anatomy(rng), _pose(rng), _pose(rng)
    changes: dict[tuple[Kind, Side], Change] = {}
    before: dict[tuple[Kind, Side], float] = {}
    after: dict[tuple[Kind, Side], float] = {}
    for slot in _keep(rng):
        change = CHANGES[rng.integers(5)]
        low, high = _two_amounts(rng)
        changes[slot] = change
        if change == "stable":
            before[slot] = after[slot] = _clear(low + (high - low) * rng.random())
        else:
            low, high = _clear(low), _clear(high)
            before[slot], after[slot] = (low, high) if change == "worsened" else (high, low)
        if change == "new":
            del before[slot]
        if change == "resolved":
            del after[slot]
    findings = {(f.kind, f.side): f for f in _findings(rng, list(changes), dict.fromkeys(changes, 0.0))}
    films = [
        Chest(anatomy, pose, tuple(replace(findings[slot], amount=amounts[slot]) for slot in SLOTS if slot in amounts))
        for pose, amounts in ((first, before), (second, after))
    ]
    return Pair(films[0], films[1], changes)


def _two_amounts(rng: np.random.Generator) -> tuple[float, float]:
    """Two amounts half the range apart before they are moved off the borders of the grades."""
    low = float(rng.uniform(0.0, 0.5))
    return low, float(rng.uniform(low + 0.5, 1.0))


def _clear(amount: float) -> float:
    """`amount` moved into the middle three fifths of its grade, so that the grade can be told; by 0.067 at most."""
    grade = min(int(amount * 3.0), 2)
    return (grade + 0.2 + 0.6 * (amount * 3.0 - grade)) / 3.0


def _keep(rng: np.random.Generator) -> list[tuple[Kind, Side]]:
    """Which slots are filled: one patient in seven has none."""
    normal = rng.random() < 1.0 / 7.0
    draws = rng.random(len(SLOTS))
    boost = {"cardiomegaly": 1.35, "effusion": 1.0, "pneumothorax": 0.85, "opacity": 1.0}
    return [] if normal else [s for s, p in zip(SLOTS, draws, strict=True) if p < 0.27 * boost[s[0]]]


def _findings(
    rng: np.random.Generator, keep: list[tuple[Kind, Side]], amounts: dict[tuple[Kind, Side], float]
) -> tuple[Finding, ...]:
    found = []
    for kind, side in SLOTS:
        across, down, shape = rng.random(), rng.random(), int(rng.integers(1 << 30))
        if (kind, side) not in keep:
            continue
        low, high = 0.32, 0.72
        top, bottom = 0.30, 0.78
        if ("effusion", side) in keep:
            bottom = 0.48
        if ("pneumothorax", side) in keep:
            high, top = 0.50, 0.40
        if side == "left" and bottom > 0.6:
            low = 0.55
            high = max(high, 0.60)
        place = (low + (high - low) * across, top + (bottom - top) * down)
        found.append(Finding(kind, side, amounts[(kind, side)], place, shape))
    return tuple(found)


def _anatomy(rng: np.random.Generator) -> Anatomy:
    u = rng.uniform
    return Anatomy(
        wall=u(0.335, 0.385),
        apex=u(-0.385, -0.345),
        base=u(0.27, 0.34),
        dome=u(0.06, 0.10),
        dome_rise=u(0.008, 0.03),
        ratio=u(0.40, 0.475),
        heart_y=u(0.105, 0.145),
        heart_tilt=u(0.35, 0.62),
        heart_height=u(0.100, 0.120),
        rib_spacing=u(0.068, 0.082),
        rib_phase=u(0.0, 1.0),
        rib_contrast=u(0.6, 1.25),
        clavicle=u(-0.02, 0.02),
        mediastinum=u(0.045, 0.060),
        shoulder=u(-0.02, 0.02),
        bubble=u(0.0, 0.06),
        vessels=int(rng.integers(1 << 30)),
    )


def _pose(rng: np.random.Generator) -> Pose:
    u = rng.uniform
    return Pose(
        angle=u(-0.06, 0.06),
        shift=(u(-0.03, 0.03), u(-0.03, 0.03)),
        scale=u(1.02, 1.17),
        gain=u(0.88, 1.12),
        offset=u(-0.05, 0.05),
        gamma=u(0.85, 1.2),
        noise=u(0.5, 1.5),
        seed=int(rng.integers(1 << 30)),
    )
