"""The two forms of a heatmap's legend: a plate with everything, and a slim bar that hides next to nothing."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from viewers import theme
from viewers.figures import rounded
from viewers.lettering import Lettering, clear_image, draw_plate, pane_font
from viewers.marks import shortened
from viewers.overlay import HeatmapLayer
from viewers.qimage import to_qimage
from viewers.theme import Ink

NARROW, WIDE = 92.0, 160.0
"""Screen pixels the plate is wide: where there is little room, and else."""
_BAR_WIDTH, _BAR_HEIGHT, _PAD = 12.0, 96.0, 8.0
_WORD_BESIDE = 150.0
"""On a narrower plate the word "threshold" stands below its figure."""
_WRAP = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)


def plate(lettering: Lettering, layer: HeatmapLayer, base: QFont, painter: QPainter, width: float) -> QImage:
    """The phrase, the colour bar with high, threshold and low, the unit, and "not validated" where that is so."""
    ratio = painter.device().devicePixelRatioF()
    key = ("legend", *_said(layer), layer.map, base.key(), ratio, width)
    return lettering.kept(key, lambda: _rendered(layer, base, ratio, width))


def slim_width(lettering: Lettering, layer: HeatmapLayer, base: QFont, most: float) -> float:
    font, small = pane_font(base, bold=True), pane_font(base, theme.SMALL_POINTS)
    figures = [lettering.width(rounded(value), small) + _PAD + _BAR_WIDTH for value in (layer.low, layer.high, layer.threshold)]
    words = [lettering.width(layer.phrase, font), *(lettering.width(line, small) for line in _foot(layer))]
    return min(max(*words, *figures), max(most, *figures))


def slim_height(lettering: Lettering, layer: HeatmapLayer, base: QFont, bar: float) -> float:
    small = pane_font(base, theme.SMALL_POINTS)
    lines = len(_foot(layer)) * lettering.height(small)
    return lettering.height(pane_font(base, bold=True)) + bar + lines + 2 * _PAD


def draw_slim(
    painter: QPainter, lettering: Lettering, layer: HeatmapLayer, base: QFont, ink: Ink, place: QRectF, bar_height: float
) -> QRectF:
    """The same without a plate, at the right edge of `place`: only the bar covers anything. Returns what it is held by."""
    font, small, right = pane_font(base, bold=True), pane_font(base, theme.SMALL_POINTS), Qt.AlignmentFlag.AlignRight
    lettering.draw(painter, shortened(layer.phrase, font, place.width()), place.right(), place.top(), font, ink, right)
    bar = QRectF(place.right() - _BAR_WIDTH, place.top() + lettering.height(font) + _PAD, _BAR_WIDTH, bar_height)
    cut = _draw_colours(painter, layer, bar)
    half, left = lettering.height(small) / 2, bar.left() - _PAD
    painter.setPen(QPen(QColor(ink.text), 1.5))
    painter.drawLine(QPointF(bar.left() - 4, cut), QPointF(bar.right(), cut))
    middle = min(max(cut, bar.top() + 2 * half), bar.bottom() - 2 * half)
    for at, value in ((bar.top(), layer.high), (middle, layer.threshold), (bar.bottom(), layer.low)):
        lettering.draw(painter, rounded(value), left, at - half, small, ink, right)
    widest = max(lettering.width(rounded(value), small) for value in (layer.low, layer.high, layer.threshold))
    for index, line in enumerate(_foot(layer)):
        top = bar.bottom() + _PAD + index * lettering.height(small)
        lettering.draw(painter, shortened(line, small, place.width()), place.right(), top, small, ink, right)
    return bar.adjusted(-_PAD - widest, -half, 0, half)


def _said(layer: HeatmapLayer) -> tuple[object, ...]:
    return layer.phrase, layer.unit, layer.validated, layer.low, layer.high, layer.threshold


def _foot(layer: HeatmapLayer) -> list[str]:
    return [line for line in (layer.unit, "" if layer.validated else "not validated") if line]


def _rendered(layer: HeatmapLayer, base: QFont, ratio: float, width: float) -> QImage:
    bold, small, inner, line = pane_font(base, bold=True), pane_font(base, theme.SMALL_POINTS), width - 2 * _PAD, _line(base)
    title = _wrapped_height(layer.phrase, bold, inner, 4)
    feet = [(text, _wrapped_height(text, small, inner, 2)) for text in _foot(layer)]
    height = round(title + _BAR_HEIGHT + 3.5 * _PAD + sum(tall for _, tall in feet))
    image = clear_image(width, height, ratio)
    painter = QPainter(image)
    rect = QRectF(0, 0, width, height)
    draw_plate(painter, rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(rect.adjusted(2, 2, -2, -2))
    painter.setFont(bold)
    painter.setPen(QColor(theme.PLATE_TEXT))
    painter.drawText(QRectF(_PAD, _PAD, inner, title), _WRAP, layer.phrase)
    bar = QRectF(_PAD + 2, title + 2 * _PAD, _BAR_WIDTH, _BAR_HEIGHT)
    _draw_figures(painter, layer, base, bar, beside=width >= _WORD_BESIDE)
    painter.setFont(small)
    top = bar.bottom() + _PAD / 2 + line * 0.1
    for index, (text, tall) in enumerate(feet):
        painter.setPen(QColor(theme.PLATE_FAINT if index == 0 and text == layer.unit else theme.WARNING))
        painter.drawText(QRectF(_PAD, top, inner, tall), _WRAP, text)
        top += tall
    painter.end()
    return image


def _draw_colours(painter: QPainter, layer: HeatmapLayer, bar: QRectF) -> float:
    """The bar, with what the threshold hides greyed; returns where the threshold lies."""
    share = min(max((layer.threshold - layer.low) / (layer.high - layer.low), 0.0), 1.0)
    cut = bar.bottom() - share * bar.height()
    painter.drawImage(bar, to_qimage(layer.colours(int(_BAR_HEIGHT))[::-1, None, :]))
    hidden = QRectF(bar.left(), cut, bar.width(), bar.bottom() - cut)
    painter.fillRect(hidden, QColor(theme.SURROUND))
    painter.fillRect(hidden, QColor(255, 255, 255, 22))
    painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(bar)
    return cut


def _draw_figures(painter: QPainter, layer: HeatmapLayer, base: QFont, bar: QRectF, *, beside: bool) -> None:
    """The bar with its figures at the right; the word "threshold" `beside` its figure or below it."""
    cut, line, left = _draw_colours(painter, layer, bar), _line(base), bar.right() + 12
    painter.setFont(pane_font(base))
    painter.setPen(QPen(QColor(theme.PLATE_TEXT), 1.5))
    painter.drawLine(QPointF(bar.left() - 3, cut), QPointF(bar.right() + 8, cut))
    lines = 1 if beside else 2
    middle = min(max(cut, bar.top() + 1.5 * line), bar.bottom() - (lines + 0.5) * line)
    for place, value in ((bar.top(), layer.high), (middle, layer.threshold), (bar.bottom(), layer.low)):
        top = min(max(place - line / 2, bar.top() - 2), bar.bottom() - line + 2)
        painter.setPen(QColor(theme.PLATE_TEXT))
        painter.drawText(QRectF(left, top, 120, line), Qt.AlignmentFlag.AlignVCenter, rounded(value))
        if place == middle:
            indent = painter.fontMetrics().horizontalAdvance(f"{rounded(value)} ") if beside else 0
            painter.setPen(QColor(theme.PLATE_FAINT))
            painter.setFont(pane_font(base, theme.SMALL_POINTS))
            below = QRectF(left + indent, top if beside else top + line - 2, 120, line)
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, "threshold")
            painter.setFont(pane_font(base))


def _line(base: QFont) -> float:
    return QFontMetricsF(pane_font(base)).height() + 2


def _wrapped_height(text: str, font: QFont, width: float, most: int) -> float:
    """Of `text` wrapped to `width`, at most that many lines."""
    metrics = QFontMetricsF(font)
    return min(metrics.boundingRect(QRectF(0, 0, width, 10_000), _WRAP, text).height(), most * metrics.height())
