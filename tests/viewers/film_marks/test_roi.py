"""Which pixels an area holds, against a test of every single centre, and statistics against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Kind, ellipse, polygon, rectangle
from viewers.film_marks import roi
from viewers.film_marks.roi import Tally, covered
from viewers.geometry import Size

SIZE = Size(60, 45)


@pytest.fixture(autouse=True, params=[65_536, 130])
def band(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and in bands of a few rows."""
    monkeypatch.setattr(roi, "_BAND", request.param)


def whole(geometry: BaseGeometry, kind: Kind) -> np.ndarray:
    """The mask over the whole frame."""
    full = np.zeros((SIZE.height, SIZE.width), bool)
    for region, mask in covered(geometry, kind, SIZE):
        full[region.y : region.bottom, region.x : region.right] = mask
    return full


def centres() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    return x + 0.5, y + 0.5


@pytest.mark.parametrize("seed", range(40))
def test_a_polygon_holds_the_pixels_whose_centres_lie_in_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = polygon([tuple(place) for place in random.uniform(-8, 65, (random.integers(3, 12), 2))])
    assert (whole(shape, Kind.POLYGON) == shapely.contains_xy(shape, *centres())).all()


def test_a_polygon_with_a_hole_and_parts() -> None:
    shape = shapely.MultiPolygon(
        [shapely.box(2.2, 2.2, 20.7, 30.1).difference(shapely.box(5.1, 6.3, 9.9, 12.2)), shapely.box(30.3, 3, 40, 8.7)]
    )
    assert (whole(shape, Kind.POLYGON) == shapely.contains_xy(shape, *centres())).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_centre_on_the_outline_counts_as_if_it_lay_a_little_right_and_down(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = polygon([tuple(place) for place in random.integers(0, 40, (6, 2)) + 0.5])
    x, y = centres()
    assert (whole(shape, Kind.POLYGON) == shapely.contains_xy(shape, x + 1e-5, y + 1e-8)).all()


@pytest.mark.parametrize("seed", range(10))
def test_an_ellipse_by_its_formula(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.uniform(-5, 62, (2, 2))
    found = whole(ellipse(tuple(a), tuple(b)), Kind.ELLIPSE)
    (cx, cy), (rx, ry) = (a + b) / 2, abs(a - b) / 2
    truth = [[((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 <= 1 for x in range(60)] for y in range(45)]
    assert (found == np.array(truth)).all()


def test_areas_that_touch_share_no_pixel_and_leave_none_out() -> None:
    left, right = rectangle((10.5, 3.5), (20.5, 9.5)), rectangle((20.5, 3.5), (30.5, 9.5))  # edges run through centres
    together = rectangle((10.5, 3.5), (30.5, 9.5))
    for kind in (Kind.RECTANGLE, Kind.POLYGON):
        one, other = whole(left, kind), whole(right, kind)
        assert not (one & other).any()
        assert (one | other).sum() == whole(together, kind).sum() == 20 * 6


def test_an_area_without_a_centre_or_outside_holds_nothing() -> None:
    assert not list(covered(rectangle((10.6, 10.6), (11.4, 11.4)), Kind.RECTANGLE, SIZE))
    assert not list(covered(ellipse((100, 100), (120, 120)), Kind.ELLIPSE, SIZE))
    assert not list(covered(polygon([(-9, -9), (-1, -9), (-5, -1)]), Kind.POLYGON, SIZE))


def test_statistics_against_numpy() -> None:
    values = np.random.default_rng(1).normal(-500, 300, 20_000).astype(np.float32)
    values[::100] = np.nan
    tally = Tally()
    for piece in np.split(values, [1, 7, 7000, 7100]):
        tally.add(piece)
    found = tally.statistics
    truth = values[np.isfinite(values)].astype(np.float64)
    assert found is not None
    assert found.pixels == len(truth)
    assert found.mean == pytest.approx(truth.mean(), rel=1e-9)
    assert found.sd == pytest.approx(truth.std(ddof=0), rel=1e-9)
    assert (found.least, found.most) == (truth.min(), truth.max())
    assert tally.seen == len(values)
    tally = Tally()
    tally.add(np.array([math.nan], np.float32))
    assert tally.statistics is None
