"""The legend of a heatmap: its colours with the real numbers they stand for."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from viewers import theme
from viewers.lettering import Lettering, clear_image, draw_plate, draw_sharp, pane_font
from viewers.overlay import HeatmapLayer
from viewers.qimage import to_qimage

_WIDTH, _BAR_WIDTH, _BAR_HEIGHT, _PAD = 160.0, 12.0, 96.0, 8.0


def number(value: float) -> str:
    """Three significant figures with a real minus sign: 0.125, −1.9, 12.3."""
    return f"{value:.3g}".replace("-", "−")


def draw_legend(painter: QPainter, lettering: Lettering, layer: HeatmapLayer, base: QFont, right: float, top: float) -> QRectF:
    """The phrase, the colour bar with high, threshold and low, the unit, and "not validated" where that is so.

    Its right and top edges are there (screen pixels); returns the place it takes.
    """
    ratio = painter.device().devicePixelRatioF()
    said = (layer.phrase, layer.unit, layer.validated, layer.map, layer.low, layer.high, layer.threshold)
    image = lettering.kept(("legend", *said, base.key(), ratio), lambda: _rendered(layer, base, ratio))
    place = QRectF(QPointF(right - _WIDTH, round(top)), image.deviceIndependentSize())
    draw_sharp(painter, image, place.left(), place.top())
    return place


def _rendered(layer: HeatmapLayer, base: QFont, ratio: float) -> QImage:
    height = _BAR_HEIGHT + 3.5 * _PAD + _words_height(layer, base) + (1 if layer.validated else 2) * _line(base)
    rect = QRectF(0, 0, _WIDTH, round(height))
    image = clear_image(rect.width(), rect.height(), ratio)
    painter = QPainter(image)
    draw_plate(painter, rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    words, line = QRectF(rect).adjusted(_PAD, _PAD, -_PAD, 0), _line(base)
    words.setHeight(_words_height(layer, base))
    painter.setFont(pane_font(base, bold=True))
    painter.setPen(QColor(theme.PLATE_TEXT))
    painter.setClipRect(rect.adjusted(2, 2, -2, -2))
    painter.drawText(words, _WRAP, layer.phrase)
    bar = QRectF(words.left() + 2, words.bottom() + _PAD, _BAR_WIDTH, _BAR_HEIGHT)
    _draw_bar(painter, layer, base, bar)
    painter.setFont(pane_font(base, theme.SMALL_POINTS))
    painter.setPen(QColor(theme.PLATE_FAINT))
    foot = QRectF(words.left(), bar.bottom() + _PAD / 2, words.width(), line)
    painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, layer.unit)
    if not layer.validated:
        painter.setPen(QColor(theme.WARNING))
        painter.drawText(foot.translated(0, line), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "not validated")
    painter.end()
    return image


_WRAP = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)


def _draw_bar(painter: QPainter, layer: HeatmapLayer, base: QFont, bar: QRectF) -> None:
    image = to_qimage(layer.colours(int(_BAR_HEIGHT))[::-1, None, :])
    share = min(max((layer.threshold - layer.low) / (layer.high - layer.low), 0.0), 1.0)
    cut = bar.bottom() - share * bar.height()
    painter.drawImage(bar, image)
    hidden = QRectF(bar.left(), cut, bar.width(), bar.bottom() - cut)
    painter.fillRect(hidden, QColor(theme.SURROUND))
    painter.fillRect(hidden, QColor(255, 255, 255, 22))
    painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(bar)
    painter.setFont(pane_font(base))
    line, left = _line(base), bar.right() + 12
    marks = [(bar.top(), number(layer.high), ""), (bar.bottom(), number(layer.low), "")]
    painter.setPen(QPen(QColor(theme.PLATE_TEXT), 1.5))
    painter.drawLine(QPointF(bar.left() - 3, cut), QPointF(bar.right() + 8, cut))
    middle = min(max(cut, bar.top() + 1.5 * line), bar.bottom() - 1.5 * line)
    marks.append((middle, number(layer.threshold), " threshold"))
    for place, figure, word in marks:
        top = min(max(place - line / 2, bar.top() - 2), bar.bottom() - line + 2)
        painter.setPen(QColor(theme.PLATE_TEXT))
        painter.drawText(QRectF(left, top, 120, line), Qt.AlignmentFlag.AlignVCenter, figure)
        if word:
            painter.setPen(QColor(theme.PLATE_FAINT))
            indent = painter.fontMetrics().horizontalAdvance(figure)
            painter.drawText(QRectF(left + indent, top, 120, line), Qt.AlignmentFlag.AlignVCenter, word)


def _line(base: QFont) -> float:
    return QFontMetricsF(pane_font(base)).height() + 2


def _words_height(layer: HeatmapLayer, base: QFont) -> float:
    metrics = QFontMetricsF(pane_font(base, bold=True))
    box = metrics.boundingRect(QRectF(0, 0, _WIDTH - 2 * _PAD, 10_000), _WRAP, layer.phrase)
    return min(box.height(), 4 * metrics.height())
