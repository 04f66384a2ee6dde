"""The sign that panes are linked: a chain at the pane's top."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from app.icons import icon
from viewers import theme
from viewers.canvas import Canvas
from viewers.lettering import draw_plate

SIGN = QRectF(0, 0, 24, 24)


def paint_chain(view: Canvas, painter: QPainter) -> None:
    place = SIGN.translated(round((view.width() - SIGN.width()) / 2), theme.MARGIN)
    draw_plate(painter, place)
    icon("mdi6.link-variant", theme.PLATE_TEXT, theme.PLATE_FAINT).paint(painter, place.adjusted(4, 4, -4, -4).toRect())
