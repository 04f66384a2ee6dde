"""The one place where numpy arrays become Qt images and back. Every image owns its memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

_CHANNELS = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}


def to_qimage(pixels: NDArray[np.uint8]) -> QImage:
    """uint8 (h, w) grey, (h, w, 3) RGB or (h, w, 4) RGBA with straight alpha, as an image of the same meaning.

    Raises ValueError for any other dtype or shape. Safe from any thread.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in _CHANNELS or pixels.size == 0:
        raise ValueError(f"an image is uint8 (height, width[, 3 or 4]), not {pixels.dtype} {pixels.shape}")
    return _wrapped(np.ascontiguousarray(pixels), channels, _CHANNELS[channels])


def to_paintable(pixels: NDArray[np.uint8]) -> QImage:
    """As `to_qimage`, in the format that QPainter draws fastest (RGB32; ARGB32 premultiplied where there is alpha)."""
    image = to_qimage(pixels)
    alpha = image.hasAlphaChannel()
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied if alpha else QImage.Format.Format_RGB32)


def argb_to_qimage(words: NDArray[np.uint32]) -> QImage:
    """uint32 (h, w), each 0xAARRGGBB with premultiplied alpha."""
    words = np.ascontiguousarray(words)
    return _wrapped(words.view(np.uint8).reshape(*words.shape, 4), 4, QImage.Format.Format_ARGB32_Premultiplied)


def to_array(image: QImage) -> NDArray[np.uint8]:
    """An image as uint8 RGB (h, w, 3); alpha is dropped. The array is a copy."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3).copy()


def _wrapped(pixels: NDArray[np.uint8], channels: int, form: QImage.Format) -> QImage:
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, width * channels, form).copy()
