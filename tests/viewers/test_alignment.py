"""Alignment against known maps: phantoms whose pose is known, a chest under a known affine; and pairs that must be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.demo.chest import Chest, draw_pair
from inference.demo.film import draw_film
from viewers.alignment import SIDE, align, reduced, rescaled, warped

Array = NDArray[np.float64]


def pose(chest: Chest, height: int, width: int) -> Array:
    """From the patient frame of a phantom to pixel centres of its film, by the numbers it was drawn with."""
    turned = chest.pose
    cos, sin = np.cos(turned.angle) * turned.scale, np.sin(turned.angle) * turned.scale
    linear = np.array([[cos, -sin], [sin, cos]])
    unit = min(height, width)
    shift = (np.array(turned.shift) + np.array([width, height]) * (0.5 / unit)) * unit - 0.5
    return np.column_stack([linear * unit, shift])


def between(fixed: Array, moving: Array) -> Array:
    linear = moving[:, :2] @ np.linalg.inv(fixed[:, :2])
    return np.column_stack([linear, moving[:, 2] - linear @ fixed[:, 2]])


def corner_error(found: Array, known: Array, height: int, width: int) -> float:
    """Mean distance of the four corners, in pixels of the moving film."""
    ends = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]).T
    return float(np.linalg.norm(found @ ends - known @ ends, axis=0).mean())


def centred(fixed: tuple[int, int], moving: tuple[int, int]) -> Array:
    scale = moving[0] / fixed[0]
    return np.array(
        [
            [scale, 0, (moving[1] - 1) / 2 - scale * (fixed[1] - 1) / 2],
            [0, scale, (moving[0] - 1) / 2 - scale * (fixed[0] - 1) / 2],
        ]
    )


@pytest.mark.parametrize("seed", [1_000_001, 1_000_005, 1_000_007])
def test_two_films_of_a_phantom_at_two_sizes_with_findings_that_changed(seed: int) -> None:
    pair = draw_pair(seed)
    fixed = draw_film(pair.current, 512, 512).values.astype(np.float32)
    moving = draw_film(pair.prior, 640, 560).values.astype(np.float32)
    found = align(fixed, moving, centred((512, 512), (640, 560)))
    known = between(pose(pair.current, 512, 512), pose(pair.prior, 640, 560))
    assert corner_error(found.matrix, known, 512, 512) < 2.0
    assert not found.refused
    assert found.after > 0.8 > found.before


def test_a_general_affine_with_another_window_noise_and_a_new_lesion() -> None:
    """The prior is the current film sampled through a map with shear and unequal scales, by a formula of its own."""
    rng = np.random.default_rng(3)
    prior = draw_film(draw_pair(1_000_004).prior, 512, 512).values.astype(np.float64) / 4095
    known = np.array([[1.06, 0.05, -22.0], [-0.04, 0.95, 17.0]])
    y, x = np.mgrid[0:512, 0:512].astype(np.float64)
    u, v = known[0, 0] * x + known[0, 1] * y + known[0, 2], known[1, 0] * x + known[1, 1] * y + known[1, 2]
    left, top = np.clip(np.floor(u).astype(int), 0, 510), np.clip(np.floor(v).astype(int), 0, 510)
    du, dv = np.clip(u - left, 0, 1), np.clip(v - top, 0, 1)
    current = (
        prior[top, left] * (1 - du) * (1 - dv) + prior[top, left + 1] * du * (1 - dv)
        + prior[top + 1, left] * (1 - du) * dv + prior[top + 1, left + 1] * du * dv
    )  # fmt: skip
    current = 300 + 900 * np.clip((current - 0.1) / 0.7, 0, 1) ** 1.4 + rng.normal(0, 25, current.shape)
    current += 350 * (np.hypot(x - 170, y - 300) < 26)
    found = align(current.astype(np.float32), (prior * 4095).astype(np.float32), centred((512, 512), (512, 512)))
    assert corner_error(found.matrix, known, 512, 512) < 2.0
    assert not found.refused


def test_what_does_not_fit_is_refused_in_words() -> None:
    film = draw_film(draw_pair(1_000_001).current, 384, 384).values.astype(np.float32)
    start = centred((384, 384), (384, 384))
    rng = np.random.default_rng(1)
    for other in (np.rot90(film), rng.random((384, 384), np.float32), np.zeros((384, 384), np.float32)):
        found = align(film, np.ascontiguousarray(other), start)
        assert "fit" in found.refused or "turn" in found.refused or "too little" in found.refused


def real(folder: Path, name: str) -> NDArray[np.float32]:
    found = sorted(folder.glob(f"{name}*.jpg"))
    if not found:
        pytest.skip("no real films here")
    with Image.open(found[0]) as picture:
        return reduced(np.asarray(picture.convert("L")).astype(np.float32), 512)[0]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("f6575117", "ac4f6e4e", True),  # one patient, four days apart
        ("7afaaccc", "e22aa56f", True),  # one patient, one day apart
        ("7afaaccc", "f6575117", False),
        ("e22aa56f", "f6575117", False),
        ("7afaaccc", "cae2c0a9", False),
    ],
)
def test_real_films_of_one_patient_fit_and_of_two_are_refused(one: str, other: str, alike: bool, shared: Path) -> None:
    fixed, moving = real(shared / "cxr", one), real(shared / "cxr", other)
    found = align(fixed, moving, centred(fixed.shape, moving.shape))  # type: ignore[arg-type]
    assert bool(found.refused) != alike, found.words
    if alike:
        assert found.after > found.before + 0.2


def test_maps_follow_pictures_that_are_made_smaller() -> None:
    """A place's pixel centre, through a map between halved and quartered pictures, by hand."""
    matrix = np.array([[1.5, 0.2, 10.0], [-0.1, 1.2, -4.0]])
    small = rescaled(matrix, 0.5, 0.25)
    x, y = 37.0, 81.0
    expected = (matrix @ [x, y, 1] + 0.5) * 0.25 - 0.5
    assert small @ [(x + 0.5) * 0.5 - 0.5, (y + 0.5) * 0.5 - 0.5, 1] == pytest.approx(expected)


def test_warping_looks_up_by_the_map_and_says_where_nothing_is() -> None:
    picture = np.arange(600, dtype=np.float32).reshape(20, 30)
    found = warped(picture, np.array([[1.0, 0, 3], [0, 1.0, 2]]), (10, 40))
    assert found[4, 5] == picture[6, 8]
    assert np.isnan(found[4, 35])


def test_making_smaller_keeps_the_mean_and_the_shape() -> None:
    rng = np.random.default_rng(2)
    picture = rng.random((900, 1400)).astype(np.float32)
    small, factor = reduced(picture, SIDE)
    assert small.shape == (247, 384)
    assert factor == pytest.approx(384 / 1400)
    assert float(small.mean()) == pytest.approx(float(picture.mean()), abs=1e-3)
