"""The lines in which the other planes cut this one, their handles and the edges of their slabs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from viewers.mpr import Plane

COLOURS = {Plane.AXIAL: "#e8b04b", Plane.CORONAL: "#4fb8a8", Plane.SAGITTAL: "#c78be0"}
"""Of each plane, wherever it is cut: told apart by all who see colours differently, and named in each corner."""
GAP = 14.0
"""Screen pixels around the middle that stay free, so that what is pointed at can be seen."""
HANDLE = 5.0
"""Screen pixels from a handle's middle to its rim."""
REACH = 9.0
"""Screen pixels within which a handle is taken."""
_FAR = 4000.0


@dataclass(frozen=True, slots=True)
class CutLine:
    """Where one plane cuts another: through `middle`, along the unit vector `along`, both in screen pixels."""

    plane: Plane
    middle: tuple[float, float]
    along: tuple[float, float]
    half_px: float = 0.0
    """Half the thickness of its slab in screen pixels; 0: none."""

    def handles(self, reach: float) -> tuple[QPointF, QPointF]:
        """Where it is taken to be turned, `reach` screen pixels from the middle on both sides."""
        (x, y), (across, down) = self.middle, self.along
        return QPointF(x + across * reach, y + down * reach), QPointF(x - across * reach, y - down * reach)


def handle_reach(width: float, height: float) -> float:
    """How far from the middle handles stand in a pane of that size."""
    return 0.3 * min(width, height)


def draw_cut_lines(painter: QPainter, lines: list[CutLine], reach: float | None, hot: Plane | None) -> None:
    """The painter's unit is the screen pixel. Handles stand `reach` from the middle, None: there are none. `hot` is the line
    under the pointer, drawn stronger."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for line in lines:
        colour = QColor(COLOURS[line.plane])
        for rim, pen in _pens(colour, 2.0 if line.plane == hot else 1.2):
            painter.setPen(pen)
            for sign in (1.0, -1.0):
                painter.drawLine(_on(line, sign * GAP), _on(line, sign * _FAR))
            if line.half_px > 1 and not rim:
                pen.setDashPattern([6, 4])
                pen.setWidthF(1.0)
                painter.setPen(pen)
                for side in (1.0, -1.0):
                    painter.drawLine(_on(line, _FAR, side * line.half_px), _on(line, -_FAR, side * line.half_px))
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        painter.setBrush(colour if line.plane == hot else QColor(20, 22, 25))
        for handle in line.handles(reach) if reach is not None else ():
            painter.setPen(QPen(colour, 1.6))
            painter.drawEllipse(handle, HANDLE, HANDLE)
    painter.restore()


def _pens(colour: QColor, width: float) -> Iterator[tuple[bool, QPen]]:
    """A dark rim first, so that the line is seen on bone too."""
    yield True, QPen(QColor(0, 0, 0, 120), width + 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    yield False, QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)


def _on(line: CutLine, far: float, aside: float = 0.0) -> QPointF:
    (x, y), (across, down) = line.middle, line.along
    return QPointF(x + across * far - down * aside, y + down * far + across * aside)


def taken(lines: list[CutLine], reach: float, place: QPointF) -> Plane | None:
    """Whose handle lies under a screen point."""
    for line in lines:
        for handle in line.handles(reach):
            if math.hypot(handle.x() - place.x(), handle.y() - place.y()) <= REACH:
                return line.plane
    return None
