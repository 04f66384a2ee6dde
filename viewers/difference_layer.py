"""A difference of two films over the one in a pane, with its legend."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from viewers import theme
from viewers.blit import blit
from viewers.camera import Camera
from viewers.difference import Difference, diverging
from viewers.lettering import draw_plate, pane_font
from viewers.qimage import to_paintable, to_qimage

WIDTH = 300.0
"""Screen pixels of the legend."""
_BAR_HEIGHT, _PAD = 12.0, 8.0
_TOP, _BELOW = 68.0, 96.0
"""Screen pixels at the pane's top and bottom that titles and corners need."""
_WRAP = int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)


class DifferenceLayer:
    """Opaque, so that every colour is one of the legend's. `notes` are lines below the legend: how the films were aligned."""

    def __init__(self, difference: Difference, notes: Sequence[str]) -> None:
        self.difference, self.notes = difference, tuple(notes)
        self._image = to_paintable(difference.colours())

    def paint(self, painter: QPainter, camera: Camera) -> None:
        """The painter's unit is the device pixel, turned as `Canvas.washes` are."""
        target = camera.to_device((0, 0, camera.size.width, camera.size.height))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        blit(painter, self._image, target, camera.device_bounds())
        painter.restore()

    def paint_legend(self, painter: QPainter, base: QFont, camera: Camera) -> QRectF:
        """Beside the film where there is room; returns what it covers. The painter's unit is the screen pixel."""
        bold, small = pane_font(base, bold=True), pane_font(base, theme.SMALL_POINTS)
        wide = min(WIDTH, camera.width - 2 * theme.MARGIN)
        inner, line = wide - 2 * _PAD, QFontMetricsF(small).height()
        feet = "; ".join(text for text in (self.difference.unit, self.difference.fitted, *self.notes) if text)
        foot = QFontMetricsF(small).boundingRect(QRectF(0, 0, inner, 1000), _WRAP, feet).height()
        head = QFontMetricsF(bold).height()
        place = _place(camera, wide, round(head + _BAR_HEIGHT + line + foot + 3.5 * _PAD))
        painter.save()
        draw_plate(painter, place)
        painter.setPen(QColor(theme.PLATE_TEXT))
        painter.setFont(bold)
        row = QRectF(place.left() + _PAD, place.top() + _PAD, inner, head)
        painter.drawText(row, Qt.AlignmentFlag.AlignHCenter, "current − prior")
        painter.setFont(small)
        painter.drawText(row, Qt.AlignmentFlag.AlignLeft, "darker now")
        painter.drawText(row, Qt.AlignmentFlag.AlignRight, "brighter now")
        bar = QRectF(row.left(), row.bottom() + _PAD / 2, inner, _BAR_HEIGHT)
        painter.drawImage(bar, to_qimage(diverging(int(inner))[None, :, :]))
        painter.setPen(QPen(QColor(theme.PLATE_EDGE), 1))
        painter.drawRect(bar)
        painter.setPen(QPen(QColor(theme.PLATE_TEXT), 1))
        painter.drawLine(QPointF(bar.center().x(), bar.top()), QPointF(bar.center().x(), bar.bottom() + 3))
        figures = QRectF(bar.left(), bar.bottom() + 2, inner, line)
        limit = f"{self.difference.limit:g}"
        for text, side in ((f"−{limit}", Qt.AlignmentFlag.AlignLeft), ("0", Qt.AlignmentFlag.AlignHCenter)):
            painter.drawText(figures, side, text)
        painter.drawText(figures, Qt.AlignmentFlag.AlignRight, f"+{limit}")
        painter.setPen(QColor(theme.PLATE_FAINT))
        painter.drawText(QRectF(bar.left(), figures.bottom() + _PAD / 2, inner, foot), _WRAP, feet)
        painter.restore()
        return place


def _place(camera: Camera, wide: float, high: float) -> QRectF:
    """Above, below, right or left of the film, whichever first has room; else over its top edge."""
    x0, y0, x1, y1 = camera.on_screen((0, 0, camera.size.width, camera.size.height))
    middle, gap = (camera.width - wide) / 2, theme.MARGIN
    if y0 - gap - high >= _TOP:
        return QRectF(round(middle), round(y0 - gap - high), wide, high)
    if y1 + gap + high <= camera.height - _BELOW:
        return QRectF(round(middle), round(y1 + gap), wide, high)
    top = round(max(_TOP, (camera.height - high) / 2))
    if camera.width - x1 >= wide + 2 * gap:
        return QRectF(round(camera.width - wide - gap), top, wide, high)
    return QRectF(gap, top, wide, high) if x0 >= wide + 2 * gap else QRectF(round(middle), _TOP, wide, high)
