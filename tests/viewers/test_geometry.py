"""Places, sizes and spacings are valid from birth."""

from __future__ import annotations

import math

import pytest

from viewers.geometry import Provenance, Region, Size, Spacing


def test_a_region_is_read_from_text_and_written_again() -> None:
    region = Region.parse("10,-20,30,40", frame=2)
    assert (region.x, region.y, region.width, region.height, region.frame) == (10, -20, 30, 40, 2)
    assert str(region) == "10,-20,30,40 frame 2"
    assert (region.right, region.bottom) == (40, 20)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1.5,2,3,4", "1,2,0,4", "1,2,3,-4"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="region"):
        Region.parse(text)


def test_intersection_covers_what_both_cover() -> None:
    assert Region(0, 0, 10, 10).intersection(Region(5, -5, 10, 10)) == Region(5, 0, 5, 5)
    assert Region(0, 0, 10, 10).intersection(Region(10, 0, 5, 5)) is None


def test_a_size_fits_without_growing() -> None:
    assert Size(4000, 2000).fitted(1000) == Size(1000, 500)
    assert Size(40, 20).fitted(1000) == Size(40, 20)
    assert Size(100_000, 1).fitted(10) == Size(10, 1)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_spacing_is_above_zero(bad: float) -> None:
    with pytest.raises(ValueError, match="spacing"):
        Spacing(bad, 1.0, Provenance.PATIENT)


def test_half_a_micrometre_is_twenty_times() -> None:
    spacing = Spacing(0.0005, 0.0005, Provenance.SLIDE)
    assert spacing.mpp == pytest.approx(0.5)
    assert spacing.magnification == pytest.approx(20.0)
