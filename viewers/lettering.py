"""Short texts with a halo, drawn once and kept as images, so that a moving picture costs no text layout."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from viewers import theme
from viewers.theme import Ink

_KEPT = 256
_HALO = 1.6
"""Screen pixels of halo on each side."""


def pane_font(base: QFont, points: float = theme.TEXT_POINTS, bold: bool = False) -> QFont:
    """The application's font at `points`, with a fallback that has every sign we write."""
    font = QFont(base)
    font.setFamilies([*base.families(), theme.FONT])
    font.setPointSizeF(max(points, theme.SMALL_POINTS))
    font.setBold(bold)
    return font


class Lettering:
    """Draws text in screen pixels; remembers the last few hundred texts."""

    def __init__(self) -> None:
        self._images: dict[tuple[str, str, Ink, float], QImage] = {}

    def width(self, text: str, font: QFont) -> float:
        return QFontMetricsF(font).horizontalAdvance(text)

    def height(self, font: QFont) -> float:
        return QFontMetricsF(font).height()

    def draw(
        self,
        painter: QPainter,
        text: str,
        x: float,
        y: float,
        font: QFont,
        ink: Ink,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        """One line whose top is `y`; `x` is its left edge, its right edge or its middle as `align` says."""
        if not text:
            return
        ratio = painter.device().devicePixelRatioF()
        image = self._image(text, font, ink, ratio)
        width = image.width() / ratio - 2 * _HALO
        if align == Qt.AlignmentFlag.AlignRight:
            x -= width
        elif align == Qt.AlignmentFlag.AlignHCenter:
            x -= width / 2
        place = QPointF(round((x - _HALO) * ratio) / ratio, round((y - _HALO) * ratio) / ratio)
        painter.drawImage(place, image)

    def _image(self, text: str, font: QFont, ink: Ink, ratio: float) -> QImage:
        key = (text, font.key(), ink, ratio)
        image = self._images.pop(key, None)
        if image is None:
            image = _rendered(text, font, ink, ratio)
            if len(self._images) >= _KEPT:
                self._images.pop(next(iter(self._images)))
        self._images[key] = image
        return image


def _rendered(text: str, font: QFont, ink: Ink, ratio: float) -> QImage:
    metrics = QFontMetricsF(font)
    width, height = metrics.horizontalAdvance(text) + 2 * _HALO, metrics.height() + 2 * _HALO
    image = QImage(max(1, round(width * ratio)), max(1, round(height * ratio)), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(0)
    path = QPainterPath()
    path.addText(QPointF(_HALO, _HALO + metrics.ascent()), font, text)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(QColor(ink.halo), 2 * _HALO)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.strokePath(path, pen)
    painter.setPen(QColor(ink.text))
    painter.setFont(font)
    painter.drawText(QPointF(_HALO, _HALO + metrics.ascent()), text)
    painter.end()
    return image


def draw_plate(painter: QPainter, rect: QRectF) -> None:
    """The dark ground of a legend or a message, legible on any picture."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
    painter.setBrush(QColor(theme.PLATE))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.restore()
