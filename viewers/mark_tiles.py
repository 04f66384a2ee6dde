"""One piece of the layer of marks as an image: outlines where there are few, a tint of their density where there are many.

Nothing is dropped: a mark too small or too crowded to be drawn darkens its cell of the tint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from viewers.annotations.annotation import Annotation, Kind
from viewers.annotations.classes import UNCLASSIFIED, AnnotationClass, Colour
from viewers.annotations.index import Snapshot
from viewers.camera import Box
from viewers.painter_path import painter_path
from viewers.qimage import argb_to_qimage

SIDE = 512
"""Device pixels of a tile."""
MOST_OUTLINES = 1200
"""Marks in a tile beyond which small ones become a tint."""
DOT_PX = 8.0
"""Device pixels of a point."""
CELL = 8
"""Device pixels of a cell of the tint."""
LARGE = 48.0
"""Device pixels: marks longer than this keep their outline above the tint."""
_MOST_LARGE = 600
_FEW = 60
_LEAST, _MOST = 0.30, 0.85
_STEPS = ((0.0, 0.0), (0.7, 0.0), (0.0, 0.7), (0.7, 0.7))
"""Thin lines drawn side by side make a thick one: Qt's stroker takes seconds for thousands of wide ones."""


class Place(NamedTuple):
    """A tile: device pixels per level-0 pixel, and its column and row."""

    scale: float
    column: int
    row: int

    @property
    def box(self) -> Box:
        """What it covers, in level-0 pixels."""
        side = SIDE / self.scale
        return self.column * side, self.row * side, (self.column + 1) * side, (self.row + 1) * side


@dataclass(frozen=True, slots=True)
class Look:
    """How marks are shown."""

    classes: Mapping[str, AnnotationClass]
    plane: tuple[int, int] | None = None
    """The depth and time whose marks are shown; None shows all, as on slides of one plane."""

    def colour(self, name: str) -> Colour:
        known = self.classes.get(name)
        return known.colour if known else UNCLASSIFIED

    def shows(self, name: str) -> bool:
        known = self.classes.get(name)
        return known is None or known.visible

    def here(self, one: Annotation) -> bool:
        """Whether a mark belongs to the plane that is shown."""
        return self.plane is None or (one.plane.z, one.plane.t) == self.plane


def render(snapshot: Snapshot, place: Place, look: Look) -> QImage | None:
    """The marks of a tile; None where there are none. For worker threads."""
    margin = (DOT_PX + 4) / place.scale
    x0, y0, x1, y1 = place.box
    wide = x0 - margin, y0 - margin, x1 + margin, y1 + margin
    names, numbers = snapshot.base.names
    shown = np.array([look.shows(name) for name in names], np.bool_)
    standing = snapshot.standing(wide)
    standing = standing[shown[numbers[standing]]] if len(standing) else standing
    if look.plane is not None and len(standing):
        standing = standing[(snapshot.base.planes[standing] == look.plane).all(axis=1)]
    fresh = [one for one in snapshot.fresh_in(wide) if look.shows(one.class_name) and look.here(one)]
    if not len(standing) and not fresh:
        return None
    image = QImage(SIDE, SIDE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if len(standing) > MOST_OUTLINES:
        bounds = snapshot.base.bounds[standing]
        reach = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]) * place.scale
        large = np.argsort(-reach)[:_MOST_LARGE]
        large = large[reach[large] >= LARGE]
        small = np.ones(len(standing), np.bool_)
        small[large] = False
        painter.drawImage(0, 0, _tint(snapshot, standing[small], place, look))
        standing = standing[np.sort(large)]
    marks = [snapshot.base.marks[int(number)] for number in standing]
    _outlines(painter, [*marks, *fresh], place, look)
    painter.end()
    return image


def _outlines(painter: QPainter, marks: Sequence[Annotation], place: Place, look: Look) -> None:
    few = len(marks) <= _FEW
    if few:
        for one in marks:
            if one.has_area and one.object_type == "annotation":
                painter.fillPath(
                    painter_path([one.geometry], place.scale, *place.box[:2]), QColor(*look.colour(one.class_name), 26)
                )
    dots = [one for one in marks if one.kind == Kind.POINTS]
    for lines, width in (([one for one in marks if one.kind != Kind.POINTS], 0.0), (dots, DOT_PX)):
        by_colour: dict[Colour, list[shapely.Geometry]] = {}
        for one in lines:
            by_colour.setdefault(look.colour(one.class_name), []).append(one.geometry)
        for colour, shapes in by_colour.items():
            path = painter_path(shapes, place.scale, *place.box[:2])
            if width:
                round_cap = Qt.PenCapStyle.RoundCap
                painter.setPen(QPen(QColor(255, 255, 255, 210), width + 2, Qt.PenStyle.SolidLine, round_cap))
                painter.drawPath(path)
                painter.setPen(QPen(QColor(*colour), width, Qt.PenStyle.SolidLine, round_cap))
                painter.drawPath(path)
            elif few:
                painter.setPen(QPen(QColor(*colour), 2))
                painter.drawPath(path)
            else:
                painter.setPen(QPen(QColor(*colour), 1))
                for step in _STEPS:
                    painter.drawPath(path.translated(QPointF(*step)))


def _tint(snapshot: Snapshot, numbers: NDArray[np.intp], place: Place, look: Look) -> QImage:
    """The share of each cell that marks cover, at least enough to be seen, in the mean of their colours."""
    side, cells = CELL / place.scale, SIDE // CELL
    left, top = place.box[:2]
    bounds = snapshot.base.bounds[numbers]
    columns = np.clip(((bounds[:, 0] + bounds[:, 2]) / 2 - left) / side, 0, cells - 1).astype(np.intp)
    rows = np.clip(((bounds[:, 1] + bounds[:, 3]) / 2 - top) / side, 0, cells - 1).astype(np.intp)
    cell = rows * cells + columns
    names, classes = snapshot.base.names
    covered = np.minimum(snapshot.base.sizes[numbers], side * side) / (side * side)
    counts = np.bincount(cell, minlength=cells * cells)
    share = np.bincount(cell, covered, cells * cells)
    alpha = np.where(counts > 0, np.clip(_LEAST + (_MOST - _LEAST) * share, _LEAST, _MOST), 0.0)
    palette = np.array([look.colour(name) for name in names], np.float64)
    words = np.rint(alpha * 255).astype(np.uint32) << 24
    for channel, shift in ((0, 16), (1, 8), (2, 0)):
        mean = np.bincount(cell, palette[classes[numbers], channel], cells * cells) / np.maximum(counts, 1)
        words |= np.rint(mean * alpha).astype(np.uint32) << shift
    small = argb_to_qimage(words.reshape(cells, cells))
    return small.scaled(SIDE, SIDE, mode=Qt.TransformationMode.FastTransformation)
