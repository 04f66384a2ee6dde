"""The distribution of a map's values, coloured as on the picture, with the threshold drawn on it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers import theme
from viewers.overlay import HeatmapLayer

BARS = 64
_HEIGHT = 72


class Histogram(QWidget):
    """Bars are as high as the root of their count, so that rare values are seen too. A press or drag sets the threshold."""

    thresholdMoved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Distribution of the values")
        self.setToolTip("How often each value occurs (root scale). Drag to hide what lies below.")
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self._layer: HeatmapLayer | None = None

    def show_layer(self, layer: HeatmapLayer | None) -> None:
        self._layer = layer
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's form
        painter = QPainter(self)
        area = QRectF(self.rect()).adjusted(0, 0, -1, -1)
        painter.fillRect(area, QColor(theme.SURROUND))
        layer = self._layer
        if layer is not None and layer.steps is not None:
            self._paint_bars(painter, layer, area)
        painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint_bars(self, painter: QPainter, layer: HeatmapLayer, area: QRectF) -> None:
        heights, colours = np.sqrt(_bars(layer)), layer.colours(BARS)
        heights = heights / max(1.0, float(heights.max())) * (area.height() - 6)
        share = (layer.threshold - layer.low) / (layer.high - layer.low)
        width = area.width() / BARS
        for index, (height, colour) in enumerate(zip(heights.tolist(), colours.tolist(), strict=True)):
            hidden = (index + 0.5) / BARS < share
            painter.fillRect(
                QRectF(area.left() + index * width, area.bottom() - height, width + 0.5, height),
                QColor(theme.PLATE_EDGE) if hidden else QColor(*colour),
            )
        at = area.left() + min(max(share, 0.0), 1.0) * area.width()
        painter.setPen(QPen(QColor(theme.PLATE_TEXT), 1.5))
        painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._set(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._set(event)

    def _set(self, event: QMouseEvent) -> None:
        layer = self._layer
        if layer is not None and layer.present:
            share = min(max(event.position().x() / max(1, self.width()), 0.0), 1.0)
            self.thresholdMoved.emit(layer.low + (layer.high - layer.low) * share)


def _bars(layer: HeatmapLayer) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Cells by legend value; by rank they are as many everywhere, but for values that many cells share."""
    assert layer.steps is not None
    if not layer.rank:
        return layer.steps.bars(BARS).astype(np.float64)
    places = np.minimum((layer.steps.ranks * BARS).astype(np.intp), BARS - 1)
    return np.bincount(places, layer.steps.counts, BARS).astype(np.float64)
