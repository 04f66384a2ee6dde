"""Where slices cut each other, by hand-made planes."""

from __future__ import annotations

import numpy as np
import pytest

from viewers.geometry import Size
from viewers.reference_lines import line_on
from viewers.sources.slice_plane import SlicePlane

X, Y, Z = np.eye(3)


def axial(z: float, reference: str = "1.2") -> SlicePlane:
    return SlicePlane(np.array([-100.0, -80.0, z]), X, Y, (0.5, 0.5), reference)


def sagittal(x: float, reference: str = "1.2") -> SlicePlane:
    """Anterior to picture-left, head up; from y -60 to 40 and from z 100 down to 0."""
    return SlicePlane(np.array([x, -60.0, 100.0]), Y, -Z, (1.0, 1.0), reference)


def test_a_sagittal_slice_is_a_line_from_front_to_back() -> None:
    (x0, y0), (x1, y1) = line_on(axial(50.0), sagittal(10.0), Size(101, 101))  # type: ignore[misc]
    assert x0 == x1 == pytest.approx((10 + 100) / 0.5 + 0.5)
    assert sorted((y0, y1)) == pytest.approx([(-60.5 + 80) / 0.5 + 0.5, (40.5 + 80) / 0.5 + 0.5])


def test_an_axial_slice_is_a_level_line_on_a_sagittal_one() -> None:
    (x0, y0), (x1, y1) = line_on(sagittal(10.0), axial(30.0), Size(400, 400))  # type: ignore[misc]
    assert y0 == y1 == pytest.approx(70.5)
    assert sorted((x0, x1)) == pytest.approx([-80.25 + 60.5, 119.75 + 60.5])


def test_an_oblique_slice_cuts_where_both_planes_say() -> None:
    tipped = SlicePlane(np.array([-50.0, -50.0, 20.0]), X, (Y + Z) / np.sqrt(2), (1.0, 1.0), "1.2")
    for x, y in line_on(axial(40.0), tipped, Size(101, 101)) or ():
        place = axial(40.0).place(x, y)
        assert float(tipped.normal @ (place - tipped.origin)) == pytest.approx(0.0, abs=1e-9)
        assert place[1] == pytest.approx(-30.0)  # 20 mm up the slope are 20 mm to the back


@pytest.mark.parametrize(
    "other",
    [
        sagittal(10.0, "9.9"),
        sagittal(10.0, ""),
        axial(50.0),
        SlicePlane(np.array([10.0, -60.0, 500.0]), Y, -Z, (1.0, 1.0), "1.2"),
    ],
)
def test_what_does_not_meet_has_no_line(other: SlicePlane) -> None:
    assert line_on(axial(50.0), other, Size(101, 101)) is None
    assert line_on(axial(50.0, ""), sagittal(10.0, ""), Size(101, 101)) is None
