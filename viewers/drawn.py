"""Shapes under the hand, drawn live: what is selected, carried or not yet finished. The painter's unit is the screen pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Point
from viewers.annotations.classes import Colour
from viewers.camera import Camera
from viewers.painter_path import painter_path

HANDLE_PX = 7.0


def draw_shape(painter: QPainter, camera: Camera, shape: BaseGeometry, colour: Colour) -> None:
    """Its outline with a light rim, legible on any stain; points as dots."""
    dots = shape.geom_type in ("Point", "MultiPoint")
    path = painter_path([screen_shape(shape, camera)], 1, 0, 0)
    rims = ((QColor(255, 255, 255, 230), 13.0 if dots else 5.0), (QColor(*colour), 8.0 if dots else 2.4))
    for ink, width in rims:
        painter.setPen(QPen(ink, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPath(path)


def screen_shape(shape: BaseGeometry, camera: Camera) -> BaseGeometry:
    """The shape in screen pixels; of one that reaches far out of the pane what is near it."""
    return shapely.transform(_near(shape, camera), _to_screen(camera))


def draw_handles(painter: QPainter, camera: Camera, corners: Sequence[Point]) -> None:
    """The corners a mark can be changed by."""
    half = HANDLE_PX / 2
    painter.setPen(QPen(QColor("#16181b"), 1.2))
    painter.setBrush(QColor("#ffffff"))
    for corner in corners:
        u, v = camera.to_screen(*corner)
        painter.drawRect(QRectF(u - half, v - half, HANDLE_PX, HANDLE_PX))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def draw_brush(painter: QPainter, camera: Camera, place: Point, diameter_px: float) -> None:
    for colour, width in (("#a0000000", 3.0), ("#ffffff", 1.2)):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawEllipse(QPointF(*camera.to_screen(*place)), diameter_px / 2, diameter_px / 2)


def _near(shape: BaseGeometry, camera: Camera) -> BaseGeometry:
    """Of a shape that reaches far out of the pane what is near it: Qt's stroker takes seconds for very long lines."""
    x0, y0, x1, y1 = camera.visible()
    wide, high = x1 - x0, y1 - y0
    b = shape.bounds
    if not b or max(b[2] - b[0], b[3] - b[1]) < 8 * max(wide, high) or not shape.is_valid:
        return shape
    return shapely.clip_by_rect(shape, x0 - wide, y0 - high, x1 + wide, y1 + high)


def _to_screen(camera: Camera) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    (u, v), (a, b), (c, d) = camera.to_screen(0, 0), camera.to_screen(1, 0), camera.to_screen(0, 1)
    matrix = np.array([[a - u, b - v], [c - u, d - v]])
    return lambda places: np.asarray(places @ matrix + (u, v))
