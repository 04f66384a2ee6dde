"""A small picture of a source, kept as a JPEG: ten thousand lie in a browser, of which a screen shows a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap

from viewers.cache import ByteCache
from viewers.qimage import to_qimage

_LEVEL = 90
"""Of JPEG's quality."""


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """Cheap to keep, not to look at: see `Thumbnails`."""

    jpeg: bytes

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> Thumbnail:
        """Of uint8 grey (height, width) or RGB (height, width, 3). For any thread."""
        import imagecodecs

        if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
            pixels = pixels[..., 0]
        return cls(bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=_LEVEL)))

    def image(self) -> QImage:
        import imagecodecs

        return to_qimage(imagecodecs.jpeg8_decode(self.jpeg))


class Thumbnails:
    """Those painted last, fitted into a square of `side` points and as sharp as the screen. For the GUI thread."""

    def __init__(self, side: int, limit: int = 8 * 2**20) -> None:
        self._side = side
        self._painted: ByteCache[tuple[Thumbnail, float], QPixmap] = ByteCache(limit)

    def get(self, thumbnail: Thumbnail, ratio: float) -> QPixmap:
        """`ratio`: device pixels in a point."""
        found = self._painted.get((thumbnail, ratio))
        if found is None:
            most = QSize(round(self._side * ratio), round(self._side * ratio))
            fitted = thumbnail.image().scaled(
                most, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            found = QPixmap.fromImage(fitted)
            found.setDevicePixelRatio(ratio)
            self._painted.put((thumbnail, ratio), found, found.width() * found.height() * 4)
        return found
