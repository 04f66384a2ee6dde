"""The marks of the frame that is shown, drawn over it with their values beside them. The painter's unit is the screen pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPolygonF
from shapely.geometry.base import BaseGeometry

from viewers import theme
from viewers.annotations.annotation import Annotation, Point
from viewers.annotations.document import Annotations
from viewers.camera import Camera
from viewers.drawn import screen_shape
from viewers.film_hand import FilmHand
from viewers.film_marks.calibration import calibration_of
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import FilmTool, beside, tool_of
from viewers.film_marks.wording import lines
from viewers.film_values import FilmValues
from viewers.lettering import Lettering, pane_font
from viewers.painter_path import painter_path

_GAP = 12.0
"""Screen pixels between a mark and its text."""
_LEADER = 28.0
"""Screen pixels beyond which a thin line says which mark a text belongs to."""
_MOST_WATCHED = 60
"""Marks and texts on one frame beyond which further texts do not look for a free place."""
_BARRED = (FilmTool.LENGTH, FilmTool.RATIO, FilmTool.CALIBRATION)
_HEAD = 12.0
"""Screen pixels of an arrow's head."""


@dataclass(frozen=True, slots=True)
class Label:
    """Where a mark's text stands, in screen pixels."""

    mark: Annotation
    rect: QRectF


class FilmLayer(QObject):
    """Follows the marks of one film. `changed`: paint again."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.values = FilmValues(self)
        self.values.changed.connect(self.changed)
        self._film: Film | None = None
        self._document: Annotations | None = None
        self._visible = True
        self.labels: tuple[Label, ...] = ()
        """As they were painted last, the uppermost last."""

    @property
    def film(self) -> Film | None:
        return self._film

    @property
    def visible(self) -> bool:
        return self._visible

    @visible.setter
    def visible(self, value: bool) -> None:
        self._visible = value
        self.changed.emit()

    def follow(self, document: Annotations | None, film: Film | None) -> None:
        self._document, self._film = document, film
        self.labels = ()
        self.values.follow(film)
        self.changed.emit()

    @property
    def settled(self) -> bool:
        return self.values.settled

    def line_of(self, number: int) -> Annotation | None:
        """The calibration that holds on a frame."""
        if self._document is None or self._film is None or not 0 <= number < len(self._film.keys):
            return None
        return calibration_of(self._document.marks.values(), self._film.keys[number].instance)

    def label_at(self, place: QPointF) -> Label | None:
        return next((one for one in reversed(self.labels) if one.rect.contains(place)), None) if self._visible else None

    def paint(self, painter: QPainter, camera: Camera, lettering: Lettering, base: QFont, hand: FilmHand, number: int) -> None:
        """All marks of a frame, and what is under the hand; texts last, so that no line crosses them."""
        self.labels = ()
        if self._film is None or self._document is None or not self._visible:
            return
        marks = [hand.carried.get(one.id, one) for one in self._document.marks.values() if hand.shows(one)]
        line, sketch = self.line_of(number), hand.sketch
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.values.begin()
        texts = [(mark, lines(mark, self.values.of(mark, number, line))) for mark in marks]
        if sketch is not None:
            texts.append((sketch, lines(sketch, self.values.sketch(sketch, number, line))))
        self.values.ask()
        shapes = [screen_shape(mark.geometry, camera) for mark, _ in texts]
        chosen = [mark is sketch or mark.id in hand.selected_ids for mark, _ in texts]
        for heavy in (False, True):
            drawn = [(mark, shape) for (mark, _), shape, one in zip(texts, shapes, chosen, strict=True) if one == heavy]
            _draw(painter, drawn, 2.6 if heavy else 1.6)
        placed, taken = list[Label](), list(shapes)
        for (mark, words), shape in zip(texts, shapes, strict=True):
            if words:
                placed.append(_write(painter, camera, lettering, base, mark, words, shape, taken))
                taken.append(_box(placed[-1].rect))
        self.labels = tuple(placed)
        painter.restore()


def _draw(painter: QPainter, marks: Sequence[tuple[Annotation, BaseGeometry]], width: float) -> None:
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


def _write(
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
    return min(inside, key=lambda rect: int(np.count_nonzero(shapely.intersects(_box(rect), others))))


def _within(camera: Camera, rect: QRectF, shape: BaseGeometry) -> QRectF:
    """Moved into the pane, unless its mark is not in it."""
    if shape.intersects(shapely.box(0, 0, camera.width, camera.height)):
        rect.moveLeft(min(max(rect.left(), 4.0), max(4.0, camera.width - rect.width() - 4)))
        rect.moveTop(min(max(rect.top(), 4.0), max(4.0, camera.height - rect.height() - 4)))
    return rect


def _box(rect: QRectF) -> BaseGeometry:
    return shapely.box(rect.left(), rect.top(), rect.right(), rect.bottom())


def _leader(painter: QPainter, shape: BaseGeometry, rect: QRectF) -> None:
    """A dotted line from a text to its mark where they stand apart."""
    line = shapely.shortest_line(_box(rect), shape)
    if line is None or line.length < _LEADER:
        return
    (a, b), (c, d) = shapely.get_coordinates(line)
    for ink, width in ((QColor(0, 0, 0, 150), 2.6), (QColor(*theme.MEASURED), 1.0)):
        pen = QPen(ink, width)
        pen.setStyle(Qt.PenStyle.DotLine if width == 1.0 else Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.drawLine(QPointF(a, b), QPointF(c, d))
