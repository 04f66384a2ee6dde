"""Short texts with a halo, and plates of text, drawn once and kept as images: a moving picture costs no text layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import partial

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from viewers import theme
from viewers.cache import ByteCache
from viewers.theme import Ink

_KEPT = 8 * 2**20
"""Bytes of images."""
_WORD = re.compile(r"\S+(?: (?=\D)\S+)*")
"""Words that hang together, up to the next number."""
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
    """Draws text in screen pixels; remembers what it drew last."""

    def __init__(self) -> None:
        self._images: ByteCache[Hashable, QImage] = ByteCache(_KEPT)

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
        """One line whose top is `y`; `x` is its left edge, its right edge or its middle as `align` says.

        Words are kept one by one: of a line whose number changes with every step, only the number is drawn anew.
        """
        if not text:
            return
        ratio, metrics = painter.device().devicePixelRatioF(), QFontMetricsF(font)
        if align == Qt.AlignmentFlag.AlignRight:
            x -= metrics.horizontalAdvance(text)
        elif align == Qt.AlignmentFlag.AlignHCenter:
            x -= metrics.horizontalAdvance(text) / 2
        for word in _WORD.finditer(text):
            image = self.kept((word[0], font.key(), ink, ratio), partial(_rendered, word[0], font, ink, ratio))
            draw_sharp(painter, image, x + metrics.horizontalAdvance(text[: word.start()]) - _HALO, y - _HALO)

    def kept(self, key: Hashable, make: Callable[[], QImage]) -> QImage:
        """The image of `key`, made where it is not remembered."""
        image = self._images.get(key)
        if image is None:
            image = make()
            self._images.put(key, image, image.sizeInBytes())
        return image


def draw_sharp(painter: QPainter, image: QImage, x: float, y: float) -> None:
    """Draw an image made for the painter's pixel ratio near (x, y) in screen pixels, on whole device pixels."""
    ratio = painter.device().devicePixelRatioF()
    painter.drawImage(QPointF(round(x * ratio) / ratio, round(y * ratio) / ratio), image)


def clear_image(width: float, height: float, ratio: float) -> QImage:
    """A transparent image of that many screen pixels, at least one device pixel."""
    image = QImage(max(1, round(width * ratio)), max(1, round(height * ratio)), QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(0)
    return image


def _rendered(text: str, font: QFont, ink: Ink, ratio: float) -> QImage:
    metrics = QFontMetricsF(font)
    image = clear_image(metrics.horizontalAdvance(text) + 2 * _HALO, metrics.height() + 2 * _HALO, ratio)
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
