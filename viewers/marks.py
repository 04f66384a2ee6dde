"""What is drawn over a picture: selections, boxes, messages. A model's marks are dashed and tagged, a person's solid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from viewers import theme
from viewers.camera import Box, Camera
from viewers.lettering import Lettering, draw_plate, pane_font
from viewers.theme import Ink

_FAR = 20_000.0
"""Marks are cut off this many screen pixels from the pane: Qt's dashing of longer lines takes seconds."""


@dataclass(frozen=True, slots=True)
class BoxMark:
    """A model's box in level-0 pixels."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


def outline(camera: Camera, box: Box) -> QPolygonF:
    """The corners of a box of level-0 pixels in screen pixels, clockwise from its top left one; cut off far outside the pane."""
    seen, far = camera.visible(), _FAR / camera.scale
    down = far / camera.aspect
    x0, x1 = max(box[0], seen[0] - far), min(box[2], seen[2] + far)
    y0, y1 = max(box[1], seen[1] - down), min(box[3], seen[3] + down)
    return QPolygonF([QPointF(*corner) for corner in camera.outline((x0, y0, max(x0, x1), max(y0, y1)))])


def draw_outline(painter: QPainter, shape: QPolygonF, colour: str, dashed: bool) -> None:
    """A closed line with a dark rim, legible on white and on black."""
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 150), 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin))
    painter.drawPolygon(shape)
    pen = QPen(QColor(colour), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)
    if dashed:
        pen.setDashPattern([5, 3])
    painter.setPen(pen)
    painter.drawPolygon(shape)
    painter.restore()


def draw_tag(painter: QPainter, lettering: Lettering, base: QFont, rect: QRectF, text: str, bounds: QRectF) -> None:
    """A small plate with `text` above the rectangle's upper left corner, inside when there is no room."""
    font = pane_font(base, theme.SMALL_POINTS)
    width, height = lettering.width(text, font) + 12, lettering.height(font) + 4
    left = min(max(rect.left() - 1, bounds.left() + 2), bounds.right() - width - 2)
    top = rect.top() - height - 3
    if top < bounds.top():
        top = max(rect.top() + 3, bounds.top() + 2)
    plate = QRectF(round(left), round(top), width, height)
    draw_plate(painter, plate)
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(theme.PROPOSED))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def draw_boxes(
    painter: QPainter, lettering: Lettering, base: QFont, camera: Camera, boxes: Sequence[BoxMark], bounds: QRectF
) -> None:
    for box in boxes:
        shape = outline(camera, (box.x0, box.y0, box.x1, box.y1))
        if shape.boundingRect().intersects(bounds):
            draw_outline(painter, shape, theme.PROPOSED, dashed=True)
            draw_tag(painter, lettering, base, shape.boundingRect(), f"{box.label} · approximate".lstrip(" ·"), bounds)


def draw_lines(
    painter: QPainter, lettering: Lettering, base: QFont, ink: Ink, lines: Sequence[str], corner: str, area: QRectF
) -> float:
    """Lines of text in a corner ("top-left" …) of `area`; returns the height they take."""
    font = pane_font(base)
    line = round(lettering.height(font) + 1)
    top = area.top() if corner.startswith("top") else area.bottom() - line * len(lines)
    right = corner.endswith("right")
    for index, text in enumerate(lines):
        x, align = (area.right(), Qt.AlignmentFlag.AlignRight) if right else (area.left(), Qt.AlignmentFlag.AlignLeft)
        lettering.draw(painter, shortened(text, font, area.width() / 2 - 12), x, top + index * line, font, ink, align)
    return float(line * len(lines))


def shortened(text: str, font: QFont, width: float) -> str:
    """`text` with an ellipsis in its middle where it is wider than `width` screen pixels."""
    return QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, max(40.0, width))


def draw_edge_letters(
    painter: QPainter, lettering: Lettering, base: QFont, ink: Ink, letters: tuple[str, str, str, str], area: QRectF, right: float
) -> None:
    """The patient's sides at the (left, right, top, bottom) edge of `area`, the right one ending at `right`."""
    font = pane_font(base, 12, bold=True)
    half = lettering.height(font) / 2
    middle, centre = area.center().y() - half, area.center().x()
    places = (
        (area.left(), middle, Qt.AlignmentFlag.AlignLeft),
        (right, middle, Qt.AlignmentFlag.AlignRight),
        (centre, area.top(), Qt.AlignmentFlag.AlignHCenter),
        (centre, area.bottom() - 2 * half, Qt.AlignmentFlag.AlignHCenter),
    )
    for letter, (x, y, align) in zip(letters, places, strict=True):
        lettering.draw(painter, letter, x, y, font, ink, align)


def draw_message(painter: QPainter, base: QFont, text: str, bounds: QRectF, plate: bool = True) -> None:
    """A message in the middle of the pane, wrapped."""
    font = pane_font(base, 11)
    room = bounds.adjusted(24, 24, -24, -24)
    room.setWidth(min(room.width(), 560))
    room.moveCenter(bounds.center())
    flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
    words = QFontMetricsF(font).boundingRect(room, flags, text)
    if plate:
        draw_plate(painter, words.adjusted(-14, -9, 14, 9))
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(theme.PLATE_TEXT if plate else theme.PLATE_FAINT))
    painter.drawText(words.adjusted(-1, -1, 1, 1), flags, text)
    painter.restore()
