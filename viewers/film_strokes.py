"""The lines of measurements over a film. The painter's unit is the screen pixel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import shapely
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF
from shapely.geometry.base import BaseGeometry

from viewers import theme
from viewers.annotations.annotation import Annotation
from viewers.film_marks.film_mark import FilmTool, tool_of
from viewers.painter_path import painter_path

_BARRED = (FilmTool.LENGTH, FilmTool.RATIO, FilmTool.CALIBRATION)
_HEAD = 12.0
"""Screen pixels of an arrow's head."""


def draw_marks(painter: QPainter, marks: Sequence[tuple[Annotation, BaseGeometry]], width: float) -> None:
    """Lines with a dark rim, legible on black and on white. Qt draws opaque rims, and each path by itself, many times faster."""
    round_ = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    rim = QPen(QColor(0, 0, 0), width + 2.0, Qt.PenStyle.SolidLine, *round_)
    ink = QPen(QColor(*theme.MEASURED), width, Qt.PenStyle.SolidLine, *round_)
    dashed = QPen(ink.color(), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    dashed.setDashPattern([6, 3])
    for mark, shape in marks:
        tool = tool_of(mark)
        paths = [_cross(shape) if tool is FilmTool.PROBE else painter_path([shape], 1, 0, 0)]
        paths += [_bars(shape)] if tool in _BARRED else [_heads(shape)] if tool is FilmTool.ARROW else []
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(rim)
        for path in paths:
            painter.drawPath(path)
        painter.setPen(dashed if tool is FilmTool.CALIBRATION else ink)
        painter.drawPath(paths[0])
        painter.setPen(ink)
        painter.setBrush(ink.color() if tool is FilmTool.ARROW else Qt.BrushStyle.NoBrush)
        for path in paths[1:]:
            painter.drawPath(path)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if shape.geom_type == "MultiLineString":
            _draw_belonging(painter, shape, ink.color())


def _bars(shape: BaseGeometry) -> QPainterPath:
    """Short bars across the ends of what has a length."""
    path = QPainterPath()
    for part in shapely.get_parts(shape):
        places = [QPointF(x, y) for x, y in shapely.get_coordinates(part)]
        for end, other in ((places[0], places[1]), (places[-1], places[-2])) if len(places) > 1 else ():
            along = _unit(end, other)
            side = QPointF(-along.y(), along.x()) * 5.0
            path.moveTo(end + side)
            path.lineTo(end - side)
    return path


def _heads(shape: BaseGeometry) -> QPainterPath:
    """The head at an arrow's first end."""
    path = QPainterPath()
    places = [QPointF(x, y) for x, y in shapely.get_coordinates(shape)]
    if len(places) > 1:
        along = _unit(places[0], places[1])
        side, back = QPointF(-along.y(), along.x()) * (_HEAD / 3), places[0] + along * _HEAD
        path.addPolygon(QPolygonF([places[0], back + side, back - side]))
        path.closeSubpath()
    return path


def _draw_belonging(painter: QPainter, shape: BaseGeometry, ink: QColor) -> None:
    """A dotted line from one stroke to the other: they are one measurement."""
    middles = [part.interpolate(0.5, normalized=True) for part in shapely.get_parts(shape)]
    painter.setPen(QPen(ink, 1.0, Qt.PenStyle.DotLine))
    for one, other in pairwise(middles):
        painter.drawLine(QPointF(one.x, one.y), QPointF(other.x, other.y))


def _cross(shape: BaseGeometry) -> QPainterPath:
    """Four strokes around each place, which itself stays free."""
    path = QPainterPath()
    for x, y in shapely.get_coordinates(shape):
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            path.moveTo(x + 3 * across, y + 3 * down)
            path.lineTo(x + 9 * across, y + 9 * down)
    return path


def _unit(start: QPointF, end: QPointF) -> QPointF:
    away = end - start
    length = (away.x() ** 2 + away.y() ** 2) ** 0.5
    return away / length if length else QPointF(1, 0)
