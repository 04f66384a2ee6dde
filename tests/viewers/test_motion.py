"""Where a moving view will be, by the arithmetic of even motion."""

from __future__ import annotations

import pytest

from viewers.camera import Camera
from viewers.geometry import Size
from viewers.motion import Motion, shifted


def camera() -> Camera:
    one = Camera(Size(100_000, 80_000))
    one.resize(1000, 800)
    one.zoom_to(0.5)
    one.centre_on(50_000, 40_000)
    return one


def test_an_even_drag_is_foreseen() -> None:
    """600 screen pixels a second, 60 frames a second, for half a second."""
    view, motion = camera(), Motion()
    for frame in range(30):
        motion.look(frame / 60, view)
        view.pan(-10, 0)
    view.pan(10, 0)
    (soon, scale), (then, _) = motion.ahead(view)
    assert scale == 0.5
    assert (soon[0] + soon[2]) / 2 - view.x == pytest.approx(600 / 0.5 * 0.15, rel=0.02)
    assert (then[0] + then[2]) / 2 - view.x == pytest.approx(600 / 0.5 * 0.3, rel=0.02)
    assert soon[2] - soon[0] == pytest.approx(2000)
    assert (soon[1], soon[3]) == pytest.approx((39_200, 40_800))


def test_an_even_zoom_is_foreseen() -> None:
    """Two doublings a second."""
    view, motion = camera(), Motion()
    for frame in range(30):
        motion.look(frame / 60, view)
        view.zoom(2 ** (2 / 60))
    scale = view.device_scale / 2 ** (2 / 60)
    view.zoom(2 ** (-2 / 60))
    (soon, at), (then, later) = motion.ahead(view)
    assert at == pytest.approx(scale * 2**0.3, rel=0.02)
    assert later == pytest.approx(scale * 2**0.6, rel=0.02)
    assert soon[2] - soon[0] == pytest.approx(1000 / at, rel=0.01)
    assert then[2] - then[0] < soon[2] - soon[0]


def test_at_rest_nothing_is_foreseen() -> None:
    view, motion = camera(), Motion()
    assert motion.ahead(view) == []
    motion.look(0.0, view)
    view.pan(300, 0)
    motion.look(0.016, view)
    assert motion.ahead(view)
    motion.look(1.0, view)
    assert motion.ahead(view) == [], "it rested"
    for frame in range(60):
        motion.look(2 + frame / 60, view)
        view.pan(0.5, 0)
    assert motion.ahead(view) == [], "30 px a second is a tremor"


def test_a_jump_is_not_taken_for_a_flight() -> None:
    view, motion = camera(), Motion()
    motion.look(0.0, view)
    view.centre_on(90_000, 40_000)
    motion.look(0.016, view)
    for box, _ in motion.ahead(view):
        assert abs((box[0] + box[2]) / 2 - view.x) <= 3 * 800 / 0.5 + 1e-6


def test_a_box_is_moved_and_widened_about_its_middle() -> None:
    assert shifted((0, 0, 10, 20), 5, -5) == (5, -5, 15, 15)
    assert shifted((0, 0, 10, 20), 0, 0, 2) == (-5, -10, 15, 30)
