"""Shapes as one Qt path, thousands at a time: Python never touches a single corner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QDataStream
from PySide6.QtGui import QPainterPath
from shapely.geometry.base import BaseGeometry

_ELEMENT = np.dtype([("type", ">i4"), ("x", ">f8"), ("y", ">f8")])
"""As Qt streams a path: a count, the elements (0 move, 1 line), where the last figure begins, the fill rule."""
_ODD_EVEN = 0
_DOT = 0.02


def painter_path(shapes: Sequence[BaseGeometry] | NDArray[np.object_], scale: float, left: float, top: float) -> QPainterPath:
    """The outlines of `shapes`, moved by (-left, -top) and then scaled. A point is a line as good as without length."""
    places, starts, dots = _simple(shapes[0]) if len(shapes) == 1 else _figures(shapes)
    path = QPainterPath()
    if not len(places):
        return path
    elements = np.empty(len(places), _ELEMENT)
    elements["type"] = ~starts
    elements["x"], elements["y"] = (places[:, 0] - left) * scale, (places[:, 1] - top) * scale
    elements["x"][len(places) - dots + 1 :: 2] += _DOT if dots else 0
    head, tail = np.array([len(elements)], ">i4"), np.array([np.flatnonzero(starts)[-1], _ODD_EVEN], ">i4")
    stream = QDataStream(QByteArray(head.tobytes() + elements.tobytes() + tail.tobytes()))
    stream >> path
    return path


_Figures = tuple[NDArray[np.float64], NDArray[np.bool_], int]
"""Corners (n, 2), where a figure starts, and how many of the last are dots."""


def _figures(shapes: Sequence[BaseGeometry] | NDArray[np.object_]) -> _Figures:
    parts = shapely.get_parts(shapely.get_parts(np.asarray(shapes, object)))  # a collection may hold multi-polygons
    kinds = shapely.get_type_id(parts)
    lines = np.concatenate([shapely.get_rings(parts[kinds == 3]), parts[(kinds == 1) | (kinds == 2)]])
    places, owner = shapely.get_coordinates(lines, return_index=True)
    dots = np.repeat(shapely.get_coordinates(parts[kinds == 0]), 2, axis=0)
    starts = np.concatenate([np.diff(owner, prepend=-1) != 0, np.arange(len(dots)) % 2 == 0])
    return np.concatenate([places, dots]), starts, len(dots)


def _simple(shape: BaseGeometry) -> _Figures:
    """The same for one shape, many times faster where it is a line or an area without holes."""
    if shape.geom_type not in ("LineString", "Polygon") or (shape.geom_type == "Polygon" and len(shape.interiors)):
        return _figures([shape])
    places = shapely.get_coordinates(shape)
    return places, np.arange(len(places)) == 0, 0
