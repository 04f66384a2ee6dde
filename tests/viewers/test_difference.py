"""The difference of two films against what was put into them: a lesion, another exposure, a known shift."""

from __future__ import annotations

import numpy as np
import pytest

from inference.demo.chest import Finding, draw_pair
from inference.demo.film import draw_film
from viewers.alignment import align
from viewers.difference import NOWHERE, Difference, diverging, rounded_up, subtracted

SAME = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def test_a_new_lesion_stands_out_where_it_is_and_nothing_else_does() -> None:
    pair = draw_pair(1_000_003)
    from dataclasses import replace

    lesion = Finding("opacity", "right", 0.8, (0.5, 0.6), 7)
    now = replace(pair.current, findings=(lesion,))
    before = replace(pair.prior, findings=())
    current, prior = draw_film(now, 512, 512), draw_film(before, 560, 560)
    fixed, moving = current.values.astype(np.float32), prior.values.astype(np.float32)
    found = align(fixed, moving, np.array([[560 / 512, 0, 0], [0, 560 / 512, 0]]))
    assert not found.refused
    difference = subtracted(fixed, moving, found.matrix)
    mask = current.findings[("opacity", "right")]
    values = difference.values
    inside, outside = values[mask], values[~mask & np.isfinite(values)]
    assert inside.mean() > 8 * np.abs(outside).mean()
    assert np.percentile(inside, 25) > np.percentile(outside, 99)
    y, x = np.unravel_index(np.nanargmax(values), values.shape)
    assert mask[y, x]


def test_another_exposure_is_fitted_and_the_lesion_does_not_pull_the_fit() -> None:
    rng = np.random.default_rng(0)
    prior = rng.random((300, 300)).cumsum(0).astype(np.float32)
    prior = prior - prior.min()
    current = prior * 1.7 + 40
    current[40:110, 60:150] += 100
    found = subtracted(current, prior, SAME)
    assert found.values[60:90, 80:130] == pytest.approx(100, abs=1)
    assert found.values[150:290, :] == pytest.approx(0, abs=1)
    assert found.fitted == "prior × 1.7 + 40"
    assert found.unit == "normalised grey values"


def test_hounsfield_units_are_subtracted_as_they_are() -> None:
    prior = np.full((64, 64), -700, np.float32)
    prior[:, 32:] = 40
    current = prior + 25
    found = subtracted(current, prior, SAME, "HU")
    assert found.values == pytest.approx(25)
    assert (found.unit, found.fitted) == ("HU", "")


def test_where_the_prior_does_not_reach_there_is_no_value_and_its_own_colour() -> None:
    rng = np.random.default_rng(4)
    prior = rng.random((80, 80)).astype(np.float32)
    found = subtracted(prior, prior, np.array([[1.0, 0, 30], [0, 1.0, 0]]), "HU")
    assert np.isnan(found.values[:, 55:]).all()
    assert np.isfinite(found.values[:, :50]).all()
    assert (found.colours()[:, 55:] == NOWHERE).all()


@pytest.mark.parametrize("prior", [np.full((40, 40), 3.0), None])
def test_films_without_anything_in_common_are_refused(prior: np.ndarray | None) -> None:
    current = np.tile(np.arange(40.0), (40, 1))
    with pytest.raises(ValueError, match="grey level"):
        subtracted(current, -current if prior is None else prior, SAME)


def test_colours_are_those_of_the_legend_and_the_ends_differ_in_blue_and_red() -> None:
    values = np.array([[-50.0, 0.0, 50.0, 999.0]], np.float32)
    colours = Difference(values, 50.0, "HU", "").colours()[0].astype(int)
    legend = diverging().astype(int)
    assert (colours[0] == legend[0]).all()
    assert (colours[2] == legend[-1]).all()
    assert (colours[3] == legend[-1]).all()
    assert colours[1].max() < 40, "unchanged is nearly black"
    assert colours[0][2] > colours[0][0] + 80, "darker now is blue"
    assert colours[2][0] > colours[2][2] + 80, "brighter now is orange"
    light = 0.2126 * legend[:, 0] + 0.7152 * legend[:, 1] + 0.0722 * legend[:, 2]
    assert (np.diff(light[128:]) >= -0.5).all()
    assert (np.diff(light[:128]) <= 0.5).all()


@pytest.mark.parametrize(("value", "limit"), [(0.013, 0.015), (1.0, 1.0), (137, 150), (201, 300), (951, 1000), (9.0, 10.0)])
def test_limits_are_round(value: float, limit: float) -> None:
    assert rounded_up(value) == pytest.approx(limit)
