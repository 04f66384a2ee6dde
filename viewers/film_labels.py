"""The texts beside measurements on a film: where they stand, and drawn there. All lengths are screen pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from shapely.geometry.base import BaseGeometry

from viewers import theme
from viewers.annotations.annotation import Annotation, Point
from viewers.camera import Camera
from viewers.film_marks.film_mark import FilmTool, beside, tool_of
from viewers.lettering import Lettering, pane_font

_GAP = 12.0
"""Between a mark and its text."""
_LEADER = 28.0
"""Beyond this a thin line says which mark a text belongs to."""
_MOST_WATCHED = 60
"""Marks and texts on one frame beyond which further texts do not look for a free place."""


@dataclass(frozen=True, slots=True)
class Label:
    """Where a mark's text stands."""

    mark: Annotation
    rect: QRectF


def write_label(
    painter: QPainter,
    camera: Camera,
    lettering: Lettering,
    base: QFont,
    mark: Annotation,
    words: Sequence[str],
    shape: BaseGeometry,
    taken: Sequence[BaseGeometry],
) -> Label:
    """Texts with a dark halo; they keep clear of what is `taken` and stay in the pane, unless a person put them somewhere."""
    font = pane_font(base)
    high = lettering.height(font)
    size = max(lettering.width(text, font) for text in words), high * len(words)
    put = beside(mark).label
    rect = _put(camera, put, size) if put is not None else _near(camera, mark, shape, size, taken)
    _leader(painter, shape, rect)
    for number, text in enumerate(words):
        lettering.draw(painter, text, rect.left(), rect.top() + number * high, font, theme.LIGHT_INK)
    return Label(mark, rect)


def _put(camera: Camera, middle: Point, size: tuple[float, float]) -> QRectF:
    u, v = camera.to_screen(*middle)
    return QRectF(u - size[0] / 2, v - size[1] / 2, *size)


def _near(
    camera: Camera, mark: Annotation, shape: BaseGeometry, size: tuple[float, float], taken: Sequence[BaseGeometry]
) -> QRectF:
    """Beside the shape where the fewest others lie: to its right, to its left, below, above; an arrow's text at its tail."""
    left, top, right, bottom = shape.bounds
    middle, centre = (top + bottom - size[1]) / 2, (left + right - size[0]) / 2
    if tool_of(mark) is FilmTool.ARROW:
        (u, v), tip = shapely.get_coordinates(shape)[-1], shapely.get_coordinates(shape)[0]
        return _within(camera, QRectF(u + _GAP / 2 if u >= tip[0] else u - _GAP / 2 - size[0], v - size[1] / 2, *size), shape)
    places = (right + _GAP, middle), (left - _GAP - size[0], middle), (centre, bottom + _GAP), (centre, top - _GAP - size[1])
    found = [QRectF(*place, *size) for place in places]
    pane = QRectF(0, 0, camera.width, camera.height)
    inside = [rect for rect in found if pane.contains(rect)] or [_within(camera, found[0], shape)]
    others = [one for one in taken if one is not shape]
    if len(others) > _MOST_WATCHED or not others:
        return inside[0]
    return min(inside, key=lambda rect: int(np.count_nonzero(shapely.intersects(box_of(rect), others))))


def _within(camera: Camera, rect: QRectF, shape: BaseGeometry) -> QRectF:
    """Moved into the pane, unless its mark is not in it."""
    if shape.intersects(shapely.box(0, 0, camera.width, camera.height)):
        rect.moveLeft(min(max(rect.left(), 4.0), max(4.0, camera.width - rect.width() - 4)))
        rect.moveTop(min(max(rect.top(), 4.0), max(4.0, camera.height - rect.height() - 4)))
    return rect


def box_of(rect: QRectF) -> BaseGeometry:
    """A rectangle as a shape."""
    return shapely.box(rect.left(), rect.top(), rect.right(), rect.bottom())


def _leader(painter: QPainter, shape: BaseGeometry, rect: QRectF) -> None:
    """A dotted line from a text to its mark where they stand apart."""
    line = shapely.shortest_line(box_of(rect), shape)
    if line is None or line.length < _LEADER:
        return
    (a, b), (c, d) = shapely.get_coordinates(line)
    for ink, width in ((QColor(0, 0, 0, 150), 2.6), (QColor(*theme.MEASURED), 1.0)):
        pen = QPen(ink, width)
        pen.setStyle(Qt.PenStyle.DotLine if width == 1.0 else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.drawLine(QPointF(a, b), QPointF(c, d))
