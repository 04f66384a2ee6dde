"""The lines in which the other planes cut this one, their handles and the edges of their slabs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from viewers.mpr import Plane

COLOURS = {Plane.AXIAL: "#ff8a65", Plane.CORONAL: "#4fb8a8", Plane.SAGITTAL: "#b8a2e3"}
"""Of each plane, wherever it is cut: told apart by all who see colours differently, and named in each corner."""
GAP = 14.0
"""Screen pixels around the middle that stay free, so that what is pointed at can be seen."""
HANDLE = 5.0
"""Screen pixels from a handle's middle to its rim."""
REACH = 9.0
"""Screen pixels within which a handle is taken."""
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class CutLine:
    """Where one plane cuts another: through `middle`, along the unit vector `along`, both in screen pixels."""

    plane: Plane
    middle: tuple[float, float]
    along: tuple[float, float]
    half_px: float = 0.0
    """Half the thickness of its slab in screen pixels; 0: none."""

    @property
    def level(self) -> bool:
        """Whether it runs along rows or columns of the screen, where nothing needs smoothing."""
        return min(abs(self.along[0]), abs(self.along[1])) < 1e-6

    def handles(self, reach: float) -> tuple[QPointF, QPointF]:
        """Where it is taken to be turned, `reach` screen pixels from the middle on both sides."""
        (x, y), (across, down) = self.middle, self.along
        return QPointF(x + across * reach, y + down * reach), QPointF(x - across * reach, y - down * reach)


def handle_reach(width: float, height: float) -> float:
    """How far from the middle handles stand in a pane of that size."""
    return 0.3 * min(width, height)


def draw_cut_lines(painter: QPainter, lines: list[CutLine], bounds: QRectF, reach: float | None, hot: Plane | None) -> None:
    """The painter's unit is the screen pixel; `bounds` is the pane. Handles stand `reach` from the middle, None: there are none.
    `hot` is the line under the pointer, drawn stronger."""
    painter.save()
    for line in lines:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not line.level)
        parts = [part for ends in ((GAP, _FAR), (-_FAR, -GAP)) if (part := _part(line, bounds, *ends)) is not None]
        edges = [_part(line, bounds, -_FAR, _FAR, side * line.half_px) for side in (1.0, -1.0)] if line.half_px > 1 else []
        colour, width = QColor(COLOURS[line.plane]), 2.0 if line.plane == hot else 1.0
        painter.setPen(QPen(QColor(0, 0, 0, 120), width + 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLines(parts)
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLines(parts)
        pen = QPen(colour, 1.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
        pen.setDashPattern([6, 4])
        painter.setPen(pen)
        painter.drawLines([edge for edge in edges if edge is not None])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(colour if line.plane == hot else QColor(20, 22, 25))
        for handle in line.handles(reach) if reach is not None else ():
            painter.drawEllipse(handle, HANDLE, HANDLE)
    painter.restore()


def _part(line: CutLine, bounds: QRectF, first: float, last: float, aside: float = 0.0) -> QLineF | None:
    """From `first` to `last` screen pixels along the line, `aside` beside it, as far as it lies in the pane: Qt takes its time
    with lines that reach far beyond."""
    (x, y), (across, down) = line.middle, line.along
    x, y = x - down * aside, y + across * aside
    for start, way, low, high in ((x, across, bounds.left(), bounds.right()), (y, down, bounds.top(), bounds.bottom())):
        if abs(way) < 1e-9:
            if not low <= start <= high:
                return None
            continue
        ends = sorted(((low - start) / way, (high - start) / way))
        first, last = max(first, ends[0]), min(last, ends[1])
    if first >= last:
        return None
    return QLineF(x + across * first, y + down * first, x + across * last, y + down * last)


def taken(lines: list[CutLine], reach: float, place: QPointF) -> Plane | None:
    """Whose handle lies under a screen point."""
    for line in lines:
        for handle in line.handles(reach):
            if math.hypot(handle.x() - place.x(), handle.y() - place.y()) <= REACH:
                return line.plane
    return None
