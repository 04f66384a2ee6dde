"""Arrays and Qt images mean the same pixels, whatever the row padding."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from viewers.qimage import argb_to_qimage, to_array, to_paintable, to_qimage


@pytest.mark.parametrize("width", [1, 2, 3, 5, 63])
@pytest.mark.parametrize("channels", [0, 3, 4])
def test_every_pixel_keeps_its_colour(width: int, channels: int) -> None:
    rng = np.random.default_rng(width)
    pixels = rng.integers(0, 256, (7, width, channels) if channels else (7, width), dtype=np.uint8)
    image = to_qimage(pixels)
    assert (image.width(), image.height()) == (width, 7)
    for y in range(7):
        for x in range(width):
            colour = image.pixelColor(x, y)
            found = [colour.red(), colour.green(), colour.blue(), colour.alpha()]
            value = [int(one) for one in np.atleast_1d(pixels[y, x])]
            rgb = value[:3] if channels else value * 3
            assert found == [*rgb, value[3] if channels == 4 else 255]


def test_strided_arrays_are_copied_in_order() -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)[::-1, ::2]
    assert np.array_equal(to_array(to_qimage(pixels)), pixels)
    assert np.array_equal(to_array(to_paintable(pixels)), pixels)


def test_the_image_does_not_depend_on_the_array() -> None:
    pixels = np.full((4, 4, 3), 9, np.uint8)
    image = to_qimage(pixels)
    pixels[:] = 200
    del pixels
    assert image.pixelColor(0, 0) == QColor(9, 9, 9)


def test_words_are_alpha_red_green_blue() -> None:
    image = argb_to_qimage(np.array([[0xFF102030, 0x80402010]], np.uint32))
    assert image.pixelColor(0, 0) == QColor(0x10, 0x20, 0x30)
    assert image.pixelColor(1, 0).alpha() == 0x80
    assert image.format() == QImage.Format.Format_ARGB32_Premultiplied


@pytest.mark.parametrize("shape", [(4,), (0, 4, 3), (4, 4, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        to_qimage(np.zeros(shape, np.uint8))
