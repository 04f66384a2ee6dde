"""Images turned by quarters and flipped, value for value."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QTransform

_KEPT = 4


class TurnedImages:
    """Keeps the last few, so that a pane that is painted again turns nothing again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, bool], QImage] = {}

    def get(self, image: QImage, quarters: int, flipped: bool) -> QImage:
        """`image` mirrored left to right where `flipped`, then turned by `quarters` × 90° clockwise."""
        key = (image.cacheKey(), quarters, flipped)
        found = self._kept.get(key)
        if found is None:
            found = image.flipped(Qt.Orientation.Horizontal) if flipped else image
            if quarters:
                found = found.transformed(QTransform().rotate(90 * quarters))
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found
