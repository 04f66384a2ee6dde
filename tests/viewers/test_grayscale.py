"""The greyscale chain against the formulas of PS3.3 C.11 and against pydicom's own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from viewers.grayscale import Function, Grayscale, Lut, Window


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(2048.0, 4096.0), (40.0, 400.0), (1000.5, 1.0), (0.0, 2.0)])
def test_windows_equal_pydicoms(ramp: NDArray[np.uint16], function: Function, centre: float, width: float) -> None:
    dataset = Dataset()
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = centre, width, function
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
    if (function, width) == ("LINEAR", 1.0):
        expected = np.where(ramp > centre - 0.5, 255.0, 0.0)
    else:
        with np.errstate(over="ignore"):
            expected = apply_windowing(ramp, dataset) / 4095 * 255  # pydicom spans the stored range
    ours = Grayscale(windows=(Window(centre, width, "", function),), bits=12).render(ramp)
    assert np.abs(ours - expected).max() <= 0.501


def test_linear_window_at_its_ends() -> None:
    grey = Grayscale(windows=(Window(40, 400),))
    # C.11.2.1.2: x ≤ c − 0.5 − (w − 1)/2 is black, x > c − 0.5 + (w − 1)/2 is white
    values = np.array([-160, -159, 239, 240], np.float32)
    assert grey.apply(values).tolist() == [0, 1, 255, 255]


def test_every_value_alike_through_table_and_formula() -> None:
    stored = np.arange(-32768, 32768, dtype=np.int16).reshape(256, 256)
    grey = Grayscale(slope=0.5, intercept=-100.0, windows=(Window(200, 3000),), photometric="MONOCHROME1", signed=True)
    assert np.array_equal(grey.render(stored), grey.apply(grey.modality_values(stored)))
    assert np.array_equal(grey.render(stored), grey.render(stored.astype(np.int32)))


@pytest.mark.parametrize(
    ("photometric", "shape", "first"),
    [
        ("MONOCHROME1", "", 255), ("MONOCHROME1", "IDENTITY", 0), ("MONOCHROME1", "INVERSE", 255),
        ("MONOCHROME2", "", 0), ("MONOCHROME2", "IDENTITY", 0), ("MONOCHROME2", "INVERSE", 255),
    ],
)  # fmt: skip
def test_inverts_once_at_most(photometric: str, shape: str, first: int, ramp: NDArray[np.uint16]) -> None:
    grey = Grayscale(photometric=photometric, shape=shape)  # type: ignore[arg-type]
    assert grey.render(ramp)[0, 0] == first
    assert grey.render(ramp)[-1, -1] == 255 - first


def test_padding_leaves_the_range_and_is_black() -> None:
    stored = np.array([[-2000, 0], [50, 100]], np.int16)
    grey = Grayscale(padding=(-2000, -2000), signed=True)
    assert grey.bounds(stored) == (0.0, 100.0)
    assert grey.render(stored).tolist() == [[0, 0], [128, 255]]
    white = Grayscale(padding=(-2000, -2000), photometric="MONOCHROME1", signed=True)
    assert white.render(stored).tolist() == [[0, 255], [128, 0]]


def test_a_table_holds_its_ends() -> None:
    lut = Lut(10, 8, np.array([0, 100, 255], np.uint16))
    grey = Grayscale(voi_luts=(lut,))
    assert grey.apply(np.array([-5, 10, 11, 12, 4000], np.float32)).tolist() == [0, 0, 100, 255, 255]


def test_the_first_table_comes_before_the_first_window() -> None:
    lut, window = Lut(0, 8, np.array([0, 255], np.uint16), "NORMAL"), Window(40, 400)
    assert Grayscale(voi_luts=(lut,), windows=(window,)).default_name == "LUT NORMAL"
    assert Grayscale(windows=(window, Window(0, 10))).default_name == "C 40 W 400"
    assert Grayscale().default_name == "full range"


def test_a_constant_picture_without_window_is_drawn() -> None:
    assert Grayscale().render(np.full((4, 4), 7, np.uint16)).std() == 0.0


def test_floats_that_are_no_numbers_are_black() -> None:
    values = np.array([[np.nan, 0.0], [1.0, np.inf]], np.float32)
    assert Grayscale().render(values).tolist()[0] == [0, 0]


@pytest.mark.parametrize(("function", "width"), [("LINEAR", 0.5), ("SIGMOID", 0.0), ("LINEAR_EXACT", -1.0), ("LINEAR", np.nan)])
def test_impossible_windows_are_refused(function: Function, width: float) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(0.0, width, "", function)
