"""Lengths on the picture are true and round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewers.camera import Camera
from viewers.geometry import Provenance, Size, Spacing
from viewers.overview import Overview
from viewers.scalebar import bar_for, round_length


@given(st.floats(1e-6, 1e7))
def test_a_round_length_is_1_2_or_5_and_nearly_as_long_as_asked(most: float) -> None:
    length = round_length(most)
    assert most / 2.5001 <= length <= most * (1 + 1e-6)
    assert f"{length:e}"[0] in "125"
    assert float(f"{length:.0e}") == pytest.approx(length)


@pytest.mark.parametrize(
    ("mm", "scale", "width", "label"),
    [
        (0.0005, 1.0, 100, "50 µm"),  # 100 px of 0.5 µm
        (0.0005, 0.01, 100, "5 mm"),
        (0.143, 0.4, 139.86, "5 cm"),
        (0.00025, 60.0, 120, "0.5 µm"),
    ],
)
def test_the_bar_is_drawn_to_scale(mm: float, scale: float, width: float, label: str) -> None:
    found = bar_for(Spacing(mm, mm, Provenance.SLIDE), scale, 160)
    assert found[1] == label
    assert found[0] == pytest.approx(width, rel=1e-3)


def test_a_length_on_the_detector_says_so() -> None:
    assert bar_for(Spacing(0.2, 0.2, Provenance.DETECTOR), 1.0, 160)[1] == "2 cm at detector"
    assert bar_for(Spacing(0.2, 0.2, Provenance.PATIENT), 1.0, 160)[1] == "2 cm"


def test_without_spacing_the_bar_counts_pixels() -> None:
    assert bar_for(None, 0.5, 160) == (100.0, "200 px")
    assert bar_for(None, 1e-5, 160)[1] == "10\u00a0000\u00a0000 px"


def test_the_overview_goes_where_it_is_pressed() -> None:
    camera, overview = Camera(Size(10_000, 5_000)), Overview()
    camera.resize(800, 600)
    assert overview.rect(camera).isEmpty(), "everything is visible already"
    camera.zoom_to(1.0)
    rect = overview.rect(camera)
    assert (rect.width(), rect.height()) == (168, 84)
    assert overview.place(camera, rect.left() + 42, rect.top() + 63) == pytest.approx((2500, 3750))
    assert overview.place(camera, rect.left() - 5, rect.top()) is None


def test_the_box_in_the_overview_is_what_the_pane_shows() -> None:
    camera, overview = Camera(Size(10_000, 5_000)), Overview()
    camera.resize(800, 600)
    camera.zoom_to(0.5)
    camera.centre_on(2000, 1000)
    rect, box = overview.rect(camera), overview.view_box(camera)
    assert box.center().x() - rect.left() == pytest.approx(2000 * 168 / 10_000)
    assert box.width() == pytest.approx(1600 * 168 / 10_000)
