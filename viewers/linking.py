"""Panes that move together: how places of one slide lie on another, and where a camera must look to see the same. No Qt."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from viewers.camera import Camera

Point = tuple[float, float]
CLOSEST_PX = 16.0
"""Screen pixels that two picked places must lie apart: closer, a shaky hand turns the slide."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """Turns, scales and shifts places, all in level-0 pixels: z ↦ factor · z + shift with z = x + iy, of the mirrored z where
    `mirrored`. y points down, so that a positive angle of `factor` turns clockwise."""

    factor: complex = 1 + 0j
    shift: complex = 0j
    mirrored: bool = False

    @classmethod
    def between(cls, here: Sequence[Point], there: Sequence[Point], mirrored: bool = False) -> Similarity:
        """The one that takes the two places `here` to the two `there`. Raises ValueError when both of a pair are one place."""
        a, b = (_mirror(complex(*place), mirrored) for place in here)
        c, d = (complex(*place) for place in there)
        if a == b or c == d:
            raise ValueError("The two places are one: pick two that lie apart.")
        factor = (d - c) / (b - a)
        return cls(factor, c - factor * a, mirrored)

    def __call__(self, x: float, y: float) -> Point:
        found = self.factor * _mirror(complex(x, y), self.mirrored) + self.shift
        return found.real, found.imag

    @property
    def scale(self) -> float:
        return abs(self.factor)

    @property
    def angle(self) -> float:
        """Degrees clockwise, 0 … 360."""
        return math.degrees(cmath.phase(self.factor)) % 360.0

    def inverse(self) -> Similarity:
        back = 1 / self.factor
        return Similarity(_mirror(back, self.mirrored), _mirror(-self.shift * back, self.mirrored), self.mirrored)

    def after(self, first: Similarity) -> Similarity:
        """`first`, then this one."""
        factor = self.factor * _mirror(first.factor, self.mirrored)
        shift = self.factor * _mirror(first.shift, self.mirrored) + self.shift
        return Similarity(factor, shift, self.mirrored != first.mirrored)


IDENTITY = Similarity()


def follow(leader: Camera, camera: Camera, to_other: Similarity) -> bool:
    """Let `camera` see the places that `leader` sees, as large and turned the same way; whether that changed anything.

    `to_other` takes the leader's places to the other's. For slides: their pixels are square.
    """
    seen = _look(leader).after(to_other.inverse())
    x, y = to_other(leader.x, leader.y)
    turned = -seen.factor if seen.mirrored else seen.factor
    angle, before = math.degrees(cmath.phase(turned)) % 360.0, _state(camera)
    angle = round(angle) % 360.0 if abs(angle - round(angle)) < 1e-9 else angle
    near = (abs(x - camera.x) + abs(y - camera.y)) * camera.scale < 1e-6
    if near and math.isclose(seen.scale, camera.scale) and angle == camera.angle and seen.mirrored == camera.flipped:
        return False  # a camera that shows the whole slide goes on doing so
    camera.look(x, y, seen.scale, angle, seen.mirrored)
    return _state(camera) != before


@dataclass(slots=True)
class Linked:
    """Panes by number, each with the similarity from its slide into one frame that all share."""

    frames: dict[int, Similarity]

    def between(self, pane: int, other: int) -> Similarity:
        return self.frames[other].inverse().after(self.frames[pane])

    def lead(self, pane: int, cameras: Mapping[int, Camera]) -> list[int]:
        """The pane moved: let the others follow; which of them did."""
        if pane not in self.frames:
            return []
        others = [other for other in self.frames if other != pane and other in cameras]
        return [other for other in others if follow(cameras[pane], cameras[other], self.between(pane, other))]


def _look(camera: Camera) -> Similarity:
    """From a step in level-0 pixels to one on the screen; a flip mirrors left to right before the turn, -1 · conj(z)."""
    factor = cmath.rect(camera.scale, math.radians(camera.angle))
    return Similarity(-factor if camera.flipped else factor, 0j, camera.flipped)


def _state(camera: Camera) -> tuple[object, ...]:
    return camera.x, camera.y, camera.scale, camera.angle, camera.flipped


def _mirror(z: complex, mirrored: bool) -> complex:
    return z.conjugate() if mirrored else z
