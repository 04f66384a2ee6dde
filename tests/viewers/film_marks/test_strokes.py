"""Lengths, angles and ratios by trigonometry, with pixels that are not square."""

from __future__ import annotations

import math

import numpy as np
import pytest

from viewers.film_marks import strokes
from viewers.geometry import Provenance, Spacing

TALL = Spacing(0.5, 2.0, Provenance.PATIENT)
"""A pixel is four times as high as wide."""


def places(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, float)


def pixels_of(*points_mm: tuple[float, float]) -> np.ndarray:
    """Where places in mm lie in pixels of `TALL`."""
    return np.array([(x / 0.5, y / 2.0) for x, y in points_mm])


def test_lengths() -> None:
    line = places((0, 0), (6, 4))
    assert strokes.length(line, None) == pytest.approx(math.hypot(6, 4))
    assert strokes.length(line, TALL) == pytest.approx(math.hypot(3, 8))


@pytest.mark.parametrize("degrees", [0.0, 12.5, 45.0, 90.0, 134.0, 180.0])
@pytest.mark.parametrize("turn", [0.0, 77.0, 200.0])
def test_an_angle_is_the_patients_not_the_pixels(degrees: float, turn: float) -> None:
    first, last = math.radians(turn), math.radians(turn + degrees)
    corners = pixels_of((10 * math.cos(first), 10 * math.sin(first)), (0, 0), (25 * math.cos(last), 25 * math.sin(last)))
    assert strokes.angle(corners, TALL) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize(("one", "other"), [(10, -25), (50, -55), (0, 0), (-30, -12), (80, -85), (60, -61)])
def test_cobbs_angle(one: float, other: float) -> None:
    """By the tilts of the end plates; beyond 60° the smaller angle."""

    def stroke(tilt: float, backwards: bool) -> np.ndarray:
        across, down = 20 * math.cos(math.radians(tilt)), 20 * math.sin(math.radians(tilt))
        ends = pixels_of((40, 40), (40 + across, 40 + down))
        return ends[::-1] if backwards else ends

    apart = abs(one - other)
    truth = apart if max(abs(one), abs(other)) <= 60 else min(apart, 180 - apart)
    for flips in ((False, False), (True, False), (False, True), (True, True)):
        found = strokes.cobb(stroke(one, flips[0]), stroke(other, flips[1]), TALL)
        assert found == pytest.approx(truth, abs=1e-6)


def test_parallel_strokes_are_parallel_whichever_way_they_were_drawn() -> None:
    one, other = places((0, 0), (10, 3)), places((25, 9.5), (5, 3.5))
    assert strokes.between(one, other, None) == pytest.approx(0, abs=1e-6)
    assert strokes.between(one, places((0, 0), (-3, 10)), None) == pytest.approx(90, abs=1e-6)
