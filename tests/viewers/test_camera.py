"""The camera's arithmetic, in plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewers.camera import MAX_ZOOM, Camera
from viewers.geometry import Region, Size


def camera(width: float = 800, height: float = 600, ratio: float = 1.0, size: Size | None = None) -> Camera:
    made = Camera(size or Size(4000, 2000))
    made.resize(width, height, ratio)
    return made


def test_a_new_camera_shows_the_whole_picture_in_the_middle() -> None:
    made = camera()
    assert made.scale == pytest.approx(0.2)
    assert made.to_screen(0, 0) == pytest.approx((0, 100))
    assert made.to_screen(4000, 2000) == pytest.approx((800, 500))
    assert made.visible_region() == Region(0, 0, 4000, 2000)


def test_a_fitted_camera_stays_fitted_when_the_pane_grows() -> None:
    made = camera()
    made.resize(1600, 1200)
    assert made.scale == pytest.approx(0.4)


def test_resizing_after_a_pan_keeps_centre_and_scale() -> None:
    made = camera()
    made.zoom_to(1.0)
    made.centre_on(1000, 900)
    made.resize(300, 200)
    assert (made.x, made.y, made.scale) == (1000, 900, 1.0)
    assert made.visible_region(2) == Region(850, 800, 300, 200, 2)


@given(u=st.floats(0, 800), v=st.floats(0, 600), factor=st.floats(1.05, 8), x=st.floats(500, 3500), y=st.floats(500, 1500))
def test_zooming_keeps_what_is_under_the_cursor(u: float, v: float, factor: float, x: float, y: float) -> None:
    made = camera()
    made.zoom_to(1.0)
    made.centre_on(x, y)
    before = made.from_screen(u, v)
    made.zoom(factor, u, v)
    after = made.from_screen(u, v)
    inside = 0 < made.x < 4000 and 0 < made.y < 2000
    assert not inside or after == pytest.approx(before, abs=1e-6)


def test_one_to_one_means_pixels_of_the_monitor() -> None:
    made = camera(ratio=2.0)
    made.zoom_to(1.0)
    assert made.scale == 0.5
    x0, y0, x1, y1 = made.to_device((1000, 500, 1256, 756))
    assert (x1 - x0, y1 - y0) == (256, 256)
    assert x0 == round(x0)
    assert y0 == round(y0)


def test_limits_hold_whatever_is_asked() -> None:
    made = camera()
    made.zoom_to(1e9)
    assert made.device_scale == MAX_ZOOM
    made.pan(-1e9, 1e9)
    assert (made.x, made.y) == (4000, 0)
    made.zoom_to(1e-9)
    assert made.scale == pytest.approx(0.1)


def test_panning_moves_the_picture_with_the_hand() -> None:
    made = camera()
    made.zoom_to(2.0)
    before = made.to_screen(2000, 1000)
    made.pan(10, -6)
    after = made.to_screen(2000, 1000)
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((10, -6))


def test_tall_pixels_are_shown_tall() -> None:
    made = Camera(Size(100, 100), aspect=2.0)
    made.resize(400, 400)
    assert made.to_screen(100, 100) == pytest.approx((300, 400))
    assert made.to_screen(0, 0) == pytest.approx((100, 0))


def test_dragged_regions_go_to_the_nearest_pixels_and_stay_inside() -> None:
    made = camera(size=Size(800, 600))
    assert made.region_between((300.4, 200.4), (100.6, 50.6), 1) == Region(101, 51, 199, 149, 1)
    assert made.region_between((-50, -50), (10, 10)) == Region(0, 0, 10, 10)
    assert made.region_between((10, 10), (10.2, 10.2)) is None


def test_showing_a_region_puts_it_in_the_middle() -> None:
    made = camera()
    made.show(Region(1000, 500, 100, 50))
    assert made.to_screen(1050, 525) == pytest.approx((400, 300))
    seen = made.visible_region()
    assert seen.x <= 1000
    assert seen.right >= 1100


@pytest.mark.parametrize("angle", [0, 37.5, 90, 180, 270, 301])
@pytest.mark.parametrize("flipped", [False, True])
def test_turned_points_are_those_of_the_rotation_matrix(angle: float, flipped: bool):
    made = Camera(Size(4000, 2000))
    made.resize(800, 600)
    made.zoom_to(0.5)
    made.centre_on(1500, 700)
    made.turn_to(angle)
    if flipped:
        made.flip()
    turn = np.radians(-angle if flipped else angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([-1 if flipped else 1, 1])
    for x, y in ((1500, 700), (1600, 650), (0, 0)):
        truth = np.array([400, 300]) + matrix @ ((np.array([x, y]) - (1500, 700)) * 0.5)
        assert made.to_screen(x, y) == pytest.approx(tuple(truth))
        assert made.from_screen(*made.to_screen(x, y)) == pytest.approx((x, y))


def test_a_flip_mirrors_what_is_seen_left_to_right_at_any_angle():
    made = Camera(Size(4000, 2000))
    made.resize(800, 600)
    made.turn_to(30)
    u, v = made.to_screen(1000, 1700)
    made.flip()
    assert made.to_screen(1000, 1700) == pytest.approx((800 - u, v))


@pytest.mark.parametrize("angle", [0, 20, 90, 200])
def test_turned_pictures_fit_zoom_and_pan(angle: float):
    made = Camera(Size(4000, 2000))
    made.resize(800, 600)
    made.turn_to(angle)
    x0, y0, x1, y1 = made.on_screen((0, 0, 4000, 2000))
    assert min(x0, y0) >= -1e-6
    assert max(x1 - 800, y1 - 600) <= 1e-6
    assert x0 == pytest.approx(0) or y0 == pytest.approx(0)
    under = made.from_screen(250, 260)
    made.zoom_to(1.0, 250, 260)
    assert made.from_screen(250, 260) == pytest.approx(under)
    place = made.from_screen(400, 300)
    made.pan(30, -20)
    assert made.to_screen(*place) == pytest.approx((430, 280))
    seen = made.visible()
    for u, v in ((0, 0), (800, 0), (800, 600), (0, 600)):
        x, y = made.from_screen(u, v)
        assert seen[0] - 1e-6 <= x <= seen[2] + 1e-6
        assert seen[1] - 1e-6 <= y <= seen[3] + 1e-6
