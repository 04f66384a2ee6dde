"""Model pixels against the published formulas written out by hand, and against what the vendor's code gets wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.preprocess import ct, mri, slide, xray
from inference.preprocess.padding import Padding, pad_square, resize


def grey(rgb: np.ndarray) -> np.ndarray:
    assert rgb.dtype == np.uint8
    assert rgb.shape[-1] == 3
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0]


def test_xray_window_is_centre_plus_minus_half_width_rounded() -> None:
    stored = np.array([[0, 999, 1000, 1500, 2000, 2500, 3000, 3001, 4095]], np.uint16)
    got = grey(xray.to_rgb(stored, window=(2000.0, 2000.0), bits=16))
    # (x − 1000) / 2000 · 255, rounded half to even: 63.75 → 64, 127.5 → 128, 191.25 → 191
    assert got.tolist() == [[0, 0, 0, 64, 128, 191, 255, 255, 255]]


def test_xray_odd_width_uses_floor_division() -> None:
    got = grey(xray.to_rgb(np.array([[7, 8, 10, 12, 13]], np.int16), window=(10.0, 5.0)))
    assert got.tolist() == [[0, 0, 128, 255, 255]]  # 10 ± 2


def test_xray_rescale_comes_before_the_window_and_signed_values_do_not_wrap() -> None:
    stored = np.array([[-100, 0, 100]], np.int16)
    got = grey(xray.to_rgb(stored, slope=2.0, intercept=50.0, window=(50.0, 400.0)))
    assert got.tolist() == [[0, 128, 255]]  # −150, 50, 250 in −150 … 250


def test_xray_without_window_stretches_from_least_to_greatest() -> None:
    got = grey(xray.to_rgb(np.array([[100, 200, 300, 500]], np.uint16)))
    assert got.tolist() == [[0, 64, 128, 255]]  # 63.75, 127.5


def test_xray_8_bit_without_window_stays_as_it_is_and_saturates_after_a_rescale() -> None:
    stored = np.array([[10, 60, 200]], np.uint8)
    assert grey(xray.to_rgb(stored, bits=8)).tolist() == [[10, 60, 200]]
    assert grey(xray.to_rgb(stored, slope=2.0, intercept=-30.0, bits=8)).tolist() == [[0, 90, 255]]


def test_xray_monochrome1_is_turned_over_last() -> None:
    stored = np.array([[100, 200, 300, 500]], np.uint16)
    assert grey(xray.to_rgb(stored, monochrome1=True)).tolist() == [[255, 191, 127, 0]]
    assert grey(xray.to_rgb(stored, window=(300.0, 400.0), monochrome1=True)).tolist() == [[255, 191, 127, 0]]


@pytest.mark.parametrize("window", [(100.0, 0.0), (100.0, 1.0), (100.0, -5.0), (float("nan"), 10.0), (0.0, float("inf"))])
def test_xray_window_that_cannot_be_used_is_ignored(window: tuple[float, float]) -> None:
    stored = np.array([[0, 51, 255 * 4]], np.uint16)
    assert np.array_equal(xray.to_rgb(stored, window=window), xray.to_rgb(stored))


def test_xray_constant_and_not_finite() -> None:
    assert grey(xray.to_rgb(np.full((2, 2), 700, np.uint16))).max() == 0
    assert grey(xray.to_rgb(np.array([[np.nan, 0.0, 1.0]], np.float32))).tolist() == [[0, 0, 255]]


@settings(max_examples=40, deadline=None)
@given(st.integers(-2000, 2000), st.integers(2, 4000), st.booleans())
def test_xray_is_monotone_in_the_stored_value(centre: int, width: int, turned: bool) -> None:
    stored = np.arange(-3000, 3000, 7, dtype=np.int16)[None]
    got = grey(xray.to_rgb(stored, window=(float(centre), float(width)), monochrome1=turned)).astype(int)[0]
    steps = np.diff(got)
    assert (steps <= 0).all() if turned else (steps >= 0).all()


def test_ct_channels_are_the_three_windows_of_the_version() -> None:
    hu = np.array([[-2000.0, -1024.0, -135.0, 0.0, 40.0, 80.0, 215.0, 1024.0, 3000.0]])
    new = ct.to_rgb(hu, "1.5")
    # red (x + 1024) / 2048 · 255; green (x + 135) / 350 · 255; blue x / 80 · 255
    assert new[0, :, 0].tolist() == [0, 0, 111, 128, 132, 137, 154, 255, 255]
    assert new[0, :, 1].tolist() == [0, 0, 0, 98, 128, 157, 255, 255, 255]
    assert new[0, :, 2].tolist() == [0, 0, 0, 0, 128, 255, 255, 255, 255]
    old = ct.to_rgb(hu, "1.0")
    assert old[0, :, 0].tolist() == [0, 23, 124, 139, 143, 148, 163, 255, 255]  # (x + 1225) / 2250 · 255
    assert np.array_equal(old[..., 1:], new[..., 1:])


def test_ct_soft_tissue_is_not_the_vendors_black_green_channel() -> None:
    assert ct.to_rgb(np.array([[50.0]]))[0, 0, 1] == 135  # 135 … 215 HU, as the vendor's server has it, gives 0


def test_ct_air_stays_dark_where_casting_back_to_uint16_would_make_it_white() -> None:
    assert ct.to_rgb(np.array([[-1000.0]]))[0, 0].tolist() == [3, 0, 0]  # (−1000 cast to uint16 is 64536: 255, 255, 255)


def test_ct_slices_are_sorted_along_their_normal_not_along_x() -> None:
    positions = [(5.0, 0.0, 30.0), (9.0, 0.0, 10.0), (1.0, 0.0, 20.0)]
    assert ct.by_position(positions, (1, 0, 0, 0, 1, 0)) == [1, 2, 0]
    sagittal = [(3.0, 9.0, 1.0), (1.0, 7.0, 2.0), (2.0, 8.0, 3.0)]
    assert ct.by_position(sagittal, (0, 1, 0, 0, 0, 1)) == [1, 2, 0]


@pytest.mark.parametrize("slices", [0, 1, 2, 84, 85])
def test_few_slices_are_all_taken(slices: int) -> None:
    assert ct.choose(slices) == list(range(slices))


@pytest.mark.parametrize("slices", [86, 87, 169, 200, 512, 10_000])
def test_slices_are_evenly_spread_from_the_first_to_the_last(slices: int) -> None:
    chosen = ct.choose(slices)
    assert len(chosen) == 85
    assert (chosen[0], chosen[-1]) == (0, slices - 1)
    steps = np.diff(chosen)
    assert steps.min() >= 1
    assert np.abs(steps - (slices - 1) / 84).max() < 1
    assert np.abs(np.array(chosen) - np.linspace(0, slices - 1, 85)).max() <= 0.5


def test_mri_takes_least_and_greatest_of_the_acquisition() -> None:
    volume = np.array([[[0, 100]], [[200, 400]]], np.int16)
    assert grey(mri.to_rgb(volume)).tolist() == [[[0, 64]], [[128, 255]]]
    assert grey(mri.to_rgb(volume[1], (0.0, 400.0))).tolist() == [[128, 255]]
    assert grey(mri.to_rgb(np.full((2, 2), 5))).max() == 0


def test_slide_over_white() -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 51]]], np.uint8)
    assert slide.over_white(rgba)[0].tolist() == [[10, 20, 30], [255, 255, 255], [204, 224, 244]]  # alpha 0.2


def test_slide_field_follows_the_trained_resolution() -> None:
    assert slide.field(1000, 800, 0.5, 2.0, 96) == slide.Field(384, True)
    assert slide.field(384, 384, 0.5, 2.0, 96) == slide.Field(384, False)
    coarse = slide.field(1000, 800, 8.0, 2.0, 96)
    assert not coarse.crops
    assert "coarser" in coarse.remark
    assert not slide.field(1000, 800, None, 2.0, 96).crops


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 90), st.integers(1, 90))
def test_slide_crops_cover_every_pixel(length: int, window: int, stride: int) -> None:
    stride = min(stride, window)
    covered = np.zeros(length, bool)
    for start in slide.corners(length, window, stride):
        assert start == 0 or start + window <= length
        covered[start : start + window] = True
    assert covered.all()


def test_slide_crop_beyond_the_edge_is_white() -> None:
    part = slide.crop(np.zeros((5, 5, 3), np.uint8), 3, 3, 4)
    assert part.shape == (4, 4, 3)
    assert part[:2, :2].max() == 0
    assert part[2:].min() == 255
    assert part[:, 2:].min() == 255


def test_slide_patches_keep_their_order() -> None:
    chosen = slide.patches(1000, 125)
    assert len(chosen) == 125
    assert chosen == sorted(set(chosen))
    assert slide.patches(3, 125) == [0, 1, 2]


def test_padding_goes_half_to_each_side_and_its_remainder_to_bottom_and_right() -> None:
    square = pad_square(np.full((3, 6, 3), 7, np.uint8))
    assert square.shape == (6, 6, 3)
    assert (square[..., 0] == 7).any(axis=1).tolist() == [False, True, True, True, False, False]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 0.9), st.floats(0, 0.9))
def test_boxes_come_back_through_the_padding(height: int, width: int, u: float, v: float) -> None:
    """A point of the picture, placed in the padded square, lands on itself."""
    padding = Padding(height, width)
    x, y = u * width, v * height
    bx, by = (x + padding.left) / padding.side * 1000, (y + padding.top) / padding.side * 1000
    left, top, _, _ = padding.box_to_pixels(by, bx, 1000, 1000)
    assert left == pytest.approx(x, abs=1e-6 * padding.side)
    assert top == pytest.approx(y, abs=1e-6 * padding.side)


def test_tf_bilinear_takes_two_neighbours_and_truncates() -> None:
    row = np.array([0, 10, 20, 200], np.uint8)
    picture = np.repeat(np.repeat(row[None, :, None], 4, 0), 3, 2)
    # half-pixel centres of 2 over 4: 0.5 and 2.5 → (0 + 10) / 2 and (20 + 200) / 2
    assert resize(picture, 2, "bilinear-tf")[0, :, 0].tolist() == [5, 110]
    # 3 over 4: centres 1/6, 1.5, 2 5/6 → 1.67, 15, 170 (truncated)
    assert resize(picture, 3, "bilinear-tf")[0, :, 0].tolist() == [1, 15, 170]
