"""Linked films against formulas: places in the patient, mm from the middle, mirrored sides, windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from viewers.camera import Camera
from viewers.film_linking import Film, follow, keep_depth, keep_place, matching_frame, matching_place, matching_window, relation
from viewers.geometry import Provenance, Size, Spacing
from viewers.grayscale import Window
from viewers.sources.slice_plane import SlicePlane

ACROSS, DOWN = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])


def spacing(x_mm: float, y_mm: float | None = None) -> Spacing:
    return Spacing(x_mm, y_mm or x_mm, Provenance.PATIENT)


def stack(
    start: float, step: float, count: int, mm: float = 0.7, frame: str = "1.2", origin: tuple[float, float] = (0, 0)
) -> Film:
    """Axial slices at z = start, start + step …"""
    planes = [SlicePlane(np.array([*origin, start + step * at]), ACROSS, DOWN, (mm, mm), frame) for at in range(count)]
    return Film(Size(512, 512), spacing(mm), planes)


def film(width: int, height: int, mm: float | None, edges: tuple[str, str] = ("L", "F"), side: str = "") -> Film:
    return Film(Size(width, height), spacing(mm) if mm else None, [None], edges, side)


def test_slices_of_one_frame_of_reference_agree_in_mm() -> None:
    thin, thick = stack(-100, 1.25, 161), stack(-80, 5.0, 30)
    assert relation(thin, thick) == "position"
    for frame in (0, 40, 77, 160):
        z = -100 + 1.25 * frame
        nearest = min(range(30), key=lambda at: abs(-80 + 5.0 * at - z))
        found = matching_frame(thin, frame, thick)
        assert found is not None
        assert abs(-80 + 5.0 * found - z) == pytest.approx(abs(-80 + 5.0 * nearest - z))
    assert matching_frame(thick, 3, thin) == round((-80 + 15 + 100) / 1.25)


def test_stacks_that_run_the_other_way_meet_at_the_same_place() -> None:
    up = stack(0, 2.0, 51)
    down = [SlicePlane(np.array([0.0, 0, 100 - 2.0 * at]), ACROSS, -DOWN, (0.7, 0.7), "1.2") for at in range(51)]
    other = Film(Size(512, 512), spacing(0.7), down)
    assert matching_frame(up, 10, other) == 40
    elsewhere = Film(Size(512, 512), spacing(0.7), [SlicePlane(one.origin, ACROSS, -DOWN, (0.7, 0.7), "9.9") for one in down])
    assert relation(up, elsewhere) == "picture"
    assert matching_frame(up, 10, elsewhere) == 40


def test_planes_that_cross_share_no_slice_and_no_place() -> None:
    axial = stack(0, 2.0, 20)
    sagittal = Film(
        Size(256, 256), spacing(1.0),
        [SlicePlane(np.array([float(at), 0, 0]), DOWN, np.array([0, 0, -1.0]), (1, 1), "1.2") for at in range(20)],
    )  # fmt: skip
    assert relation(axial, sagittal) == "none"
    assert matching_frame(axial, 3, sagittal) is None
    assert matching_place(axial, 3, 10, 10, sagittal, 3) is None


def test_without_a_common_frame_slices_go_by_share_until_the_reader_shifts_one() -> None:
    one, other = stack(0, 2.0, 101, frame="1"), stack(37, 1.0, 201, frame="2")
    assert matching_frame(one, 25, other) == 50
    keep_depth(one, 30, other, 90)
    for frame in (10, 30, 44):
        assert matching_frame(one, frame, other) == 90 + round((frame - 30) * 2.0 / 1.0)
    assert matching_frame(other, 100, one) == 35, "and back"


def test_a_shift_holds_also_in_one_frame_of_reference_and_without_any_positions() -> None:
    one, other = stack(0, 2.0, 50), stack(0, 2.0, 50)
    keep_depth(one, 10, other, 14)
    assert matching_frame(one, 20, other) == 24
    assert matching_frame(other, 24, one) == 20
    bare, longer = Film(Size(9, 9), None, [None] * 10), Film(Size(9, 9), None, [None] * 19)
    assert matching_frame(bare, 4, longer) == 8
    keep_depth(bare, 4, longer, 6)
    assert matching_frame(bare, 7, longer) == 9


def test_places_of_one_frame_of_reference_agree_in_the_patient() -> None:
    one = stack(0, 2.0, 5, mm=0.5, origin=(-128, -128))
    other = stack(0, 2.0, 5, mm=0.8, origin=(-150, -90))
    x, y = 300.0, 211.0
    patient = np.array([-128 + (x - 0.5) * 0.5, -128 + (y - 0.5) * 0.5])
    expected = ((patient[0] + 150) / 0.8 + 0.5, (patient[1] + 90) / 0.8 + 0.5)
    assert matching_place(one, 2, x, y, other, 2) == pytest.approx(expected)


def test_zoom_shows_the_same_length_as_large() -> None:
    one, other = film(3000, 3000, 0.14), film(1760, 2140, 0.2)
    cameras = Camera(one.size), Camera(other.size)
    for camera in cameras:
        camera.resize(700, 800)
    cameras[0].look(1400, 1500, 0.9, 0, False)
    assert follow(one, 0, cameras[0], other, 0, cameras[1], pan=True, zoom=True)
    mm = [cameras[0].scale / 0.14, cameras[1].scale / 0.2]
    assert mm[0] == pytest.approx(mm[1]), "screen pixels a millimetre"
    assert (cameras[1].x - 880) * 0.2 == pytest.approx((1400 - 1500) * 0.14)
    assert (cameras[1].y - 1070) * 0.2 == pytest.approx((1500 - 1500) * 0.14)


def test_without_spacing_shares_of_the_pane_agree() -> None:
    one, other = film(1000, 1000, None), film(400, 800, 0.2)
    cameras = Camera(one.size), Camera(other.size)
    for camera in cameras:
        camera.resize(500, 500)
    cameras[0].look(250, 600, cameras[0].fit_scale * 2, 0, False)
    follow(one, 0, cameras[0], other, 0, cameras[1], pan=True, zoom=True)
    assert cameras[1].scale == pytest.approx(2 * cameras[1].fit_scale)
    assert (cameras[1].x, cameras[1].y) == pytest.approx((100, 480))


def test_mammograms_of_both_sides_move_as_mirror_images() -> None:
    """Right: chest wall at picture-right, medial (the patient's left) below. Left: chest wall at picture-left, medial below."""
    right, left = film(400, 600, 0.1, ("P", "L"), "R"), film(400, 600, 0.1, ("A", "R"), "L")
    assert matching_place(right, 0, 260, 350, left, 0) == pytest.approx((140, 350))
    oblique = film(400, 600, 0.1, ("A", "F"), "L")
    assert matching_place(film(400, 600, 0.1, ("P", "F"), "R"), 0, 260, 350, oblique, 0) == pytest.approx((140, 350))


def test_two_frontal_films_of_which_one_is_stored_mirrored() -> None:
    assert matching_place(film(400, 400, 0.2), 0, 300, 250, film(400, 400, 0.2, ("R", "F")), 0) == pytest.approx((100, 250))


def test_pictures_fitted_alike_stay_fitted_and_others_do_not() -> None:
    one, alike, larger = film(1000, 1000, 0.2), film(2000, 2000, 0.1), film(2000, 2000, 0.2)
    cameras = [Camera(each.size) for each in (one, alike, larger)]
    for camera in cameras:
        camera.resize(500, 500)
    cameras[1].look(900, 900, 1, 0, False)
    follow(one, 0, cameras[0], alike, 0, cameras[1], pan=True, zoom=True)
    assert cameras[1].fitted
    follow(one, 0, cameras[0], larger, 0, cameras[2], pan=True, zoom=True)
    assert not cameras[2].fitted
    assert cameras[2].scale == pytest.approx(cameras[0].scale)


def test_each_part_is_linked_by_itself() -> None:
    one, other = film(1000, 1000, 0.2), film(1000, 1000, 0.1)
    cameras = Camera(one.size), Camera(other.size)
    for camera in cameras:
        camera.resize(500, 500)
        camera.look(500, 500, 1.0, 0, False)
    cameras[0].look(450, 500, 2.0, 0, False)
    follow(one, 0, cameras[0], other, 0, cameras[1], pan=False, zoom=True)
    assert (cameras[1].x, cameras[1].scale) == pytest.approx((500, 1.0))
    follow(one, 0, cameras[0], other, 0, cameras[1], pan=True, zoom=False)
    assert (cameras[1].x, cameras[1].scale) == pytest.approx((400, 1.0))


def test_turns_are_each_panes_own() -> None:
    one, other = film(1000, 1000, 0.2), film(1000, 1000, 0.2)
    cameras = Camera(one.size), Camera(other.size)
    for camera in cameras:
        camera.resize(500, 500)
    cameras[1].turn_to(90)
    cameras[0].look(300, 400, 1.5, 30, True)
    follow(one, 0, cameras[0], other, 0, cameras[1], pan=True, zoom=True)
    assert (cameras[1].angle, cameras[1].flipped) == (90, False)
    assert (cameras[1].x, cameras[1].y) == pytest.approx((300, 400))


def test_a_place_the_reader_shifted_stays_shifted() -> None:
    one, other = film(1000, 1000, 0.2), film(500, 500, 0.4)
    here, there = Camera(one.size), Camera(other.size)
    for camera in (here, there):
        camera.resize(500, 500)
    here.look(600, 500, 1.0, 0, False)
    there.look(280, 260, 2.0, 0, False)  # without a shift it would be (300, 250)
    keep_place(one, 0, here, other, 0, there)
    assert matching_place(one, 0, 600, 500, other, 0) == pytest.approx((280, 260))
    assert matching_place(one, 0, 700, 500, other, 0) == pytest.approx((330, 260))
    assert matching_place(other, 0, 280, 260, one, 0) == pytest.approx((600, 500))


def test_aligned_films_go_by_their_map() -> None:
    one, other = film(1000, 1000, 0.2), film(1000, 1000, 0.2)
    turn = math.radians(5)
    matrix = np.array([[1.1 * math.cos(turn), -1.1 * math.sin(turn), 30], [1.1 * math.sin(turn), 1.1 * math.cos(turn), -12]])
    one.aligned[1] = matrix
    cameras = Camera(one.size), Camera(other.size)
    for camera in cameras:
        camera.resize(500, 500)
    cameras[0].look(400, 300, 1.2, 0, False)
    follow(one, 0, cameras[0], other, 0, cameras[1], pan=True, zoom=True, number=1)
    assert (cameras[1].x, cameras[1].y) == pytest.approx(tuple(matrix @ [400, 300, 1]))
    assert cameras[1].scale == pytest.approx(1.2 / 1.1)


def test_windows_of_one_unit_are_the_same_and_of_others_lie_alike() -> None:
    lung = Window(-600, 1500, "lung")
    assert matching_window(lung, Window(40, 400), Window(50, 350), absolute=True) == lung
    assert matching_window(None, lung, lung, absolute=False) is None
    found = matching_window(Window(2560, 1024), Window(2048, 4096), Window(500, 1000), absolute=False)
    assert found is not None
    assert (found.centre, found.width) == pytest.approx((500 + 512 / 4096 * 1000, 250))


def test_an_anchored_picture_touches_its_edge_and_goes_on_doing_so() -> None:
    for flipped in (False, True):
        for angle in (0, 90, 180):
            camera = Camera(Size(300, 600))
            camera.resize(900, 500)
            if flipped:
                camera.flip()
            camera.turn_to(angle)
            camera.anchor = 1.0
            camera.fit()
            for width in (900, 1200, 700):
                camera.resize(width, 500)
                assert camera.fitted
                x0, _, x1, _ = camera.on_screen((0, 0, 300, 600))
                assert x1 == pytest.approx(width)
                assert x0 >= 0
