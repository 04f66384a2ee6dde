"""The legend of a heatmap: its colours with the real numbers they stand for.

It stands beside the picture where there is room. Over the picture it is folded to a slim bar at the middle of the right edge,
away from the corners, where films carry their burned-in side marks. The reader may unfold it and drag it anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QFont, QPainter

from viewers import theme
from viewers.legend_forms import NARROW, WIDE, draw_slim, plate, slim_height, slim_width
from viewers.lettering import Lettering, draw_sharp
from viewers.overlay import HeatmapLayer
from viewers.theme import Ink

_TOLERANCE = 4.0
"""Screen pixels the mouse may move before a click becomes a drag."""
_LEAST_BAR, _MOST_BAR = 40.0, 96.0
_CORNER = 0.22
"""Share of the pane's height at top and bottom that is left to burned-in marks."""
TIP = "Click to fold or unfold (Shift+L), drag to move, double click to put back"


@dataclass(frozen=True, slots=True)
class Room:
    """Where it may stand, in screen pixels: the pane within its margins, and what is free beside the picture."""

    pane: QRectF
    beside: Sequence[QRectF]


class Legend:
    """Its place and form in one pane. `unfolded` None leaves the form to the room there is."""

    def __init__(self) -> None:
        self.unfolded: bool | None = None
        self._anchor: QPointF | None = None
        """Its top right corner after a drag, as a share of the pane; None: where it belongs."""
        self._place = QRectF()
        self._grip = QRectF()
        self._full = False
        self._pressed: QPointF | None = None
        self._offset = QPointF()
        self._moved = False

    @property
    def place(self) -> QRectF:
        """What it covers, in screen pixels; empty while it is not shown."""
        return QRectF(self._place)

    @property
    def full(self) -> bool:
        """Whether the whole plate was drawn last, not the slim bar."""
        return self._full

    @property
    def held(self) -> bool:
        return self._pressed is not None

    def hide(self) -> None:
        self._place = self._grip = QRectF()

    def fold(self) -> None:
        """From the slim bar to the whole plate and back."""
        self.unfolded = not self._full

    def put_back(self) -> None:
        """Where it belongs, in the form there is room for."""
        self.unfolded = self._anchor = None

    def follow(self, other: Legend) -> None:
        """Stand as another does: the reader's choice goes with them from picture to picture."""
        self.unfolded, self._anchor = other.unfolded, other._anchor

    def over(self, place: QPointF) -> bool:
        return self._grip.contains(place)

    def press(self, place: QPointF) -> bool:
        """Whether it was taken hold of."""
        if not self.over(place):
            return False
        self._pressed, self._moved, self._offset = place, False, self._place.topRight() - place
        return True

    def drag(self, place: QPointF, pane: QRectF) -> None:
        if self._pressed is None:
            return
        away = place - self._pressed
        self._moved = self._moved or max(abs(away.x()), abs(away.y())) >= _TOLERANCE
        if self._moved:
            self.unfolded = self._full
            corner = place + self._offset - pane.topLeft()
            self._anchor = QPointF(corner.x() / max(1.0, pane.width()), corner.y() / max(1.0, pane.height()))

    def release(self) -> None:
        if self._pressed is not None and not self._moved:
            self.fold()
        self._pressed = None

    def paint(self, painter: QPainter, lettering: Lettering, layer: HeatmapLayer, base: QFont, ink: Ink, room: Room) -> QRectF:
        """Paint it; returns what of the pane it covers, without the words around a slim bar."""
        free = self._anchor is None and self.unfolded is not False
        beside = self._beside(painter, lettering, layer, base, room) if free else None
        if beside is not None or self.unfolded:
            self._paint_plate(painter, lettering, layer, base, room, beside)
        else:
            self._paint_slim(painter, lettering, layer, base, ink, room)
        return QRectF(self._grip)

    def _beside(
        self, painter: QPainter, lettering: Lettering, layer: HeatmapLayer, base: QFont, room: Room
    ) -> tuple[QRectF, float] | None:
        """The first free space that takes the plate, and the plate's width there."""
        for space in room.beside:
            for width in (WIDE, NARROW):
                if width <= space.width():
                    image = plate(lettering, layer, base, painter, width)
                    if image.deviceIndependentSize().height() <= space.height():
                        return space, width
        return None

    def _paint_plate(
        self,
        painter: QPainter,
        lettering: Lettering,
        layer: HeatmapLayer,
        base: QFont,
        room: Room,
        beside: tuple[QRectF, float] | None,
    ) -> None:
        space, width = beside or (room.pane, WIDE)
        image = plate(lettering, layer, base, painter, width)
        size = image.deviceIndependentSize()
        if beside is None:
            self._place = self._placed(size, room.pane, room.pane.center().y() - size.height() / 2)
        else:
            left = space.left() if space.center().x() < room.pane.center().x() else space.right() - width
            self._place = QRectF(QPointF(round(left), round(space.top())), size)
        self._grip, self._full = QRectF(self._place), True
        draw_sharp(painter, image, self._place.left(), self._place.top())

    def _paint_slim(
        self, painter: QPainter, lettering: Lettering, layer: HeatmapLayer, base: QFont, ink: Ink, room: Room
    ) -> None:
        width = slim_width(lettering, layer, base, room.pane.width() / 2)
        words = slim_height(lettering, layer, base, 0)
        space = next((one for one in room.beside if one.width() >= width and one.height() >= words + _LEAST_BAR), None)
        if space is not None and self._anchor is None:
            bar = min(space.height() - words, _MOST_BAR)
            left = space.left() if space.center().x() < room.pane.center().x() else space.right() - width
            self._place = QRectF(round(left), round(space.top()), width, words + bar)
        else:
            bar = min(max(room.pane.height() / 5, _LEAST_BAR), _MOST_BAR)
            top = room.pane.center().y() - words - bar - 2 * theme.MARGIN  # above the patient's side
            if top < room.pane.top() + room.pane.height() * _CORNER:
                top = room.pane.center().y() - (words + bar) / 2
            self._place = self._placed(QSizeF(width, words + bar), room.pane, top)
        self._grip, self._full = draw_slim(painter, lettering, layer, base, ink, self._place, bar), False

    def _placed(self, size: QSizeF, pane: QRectF, top: float) -> QRectF:
        """At the right edge with that top, or where it was dragged, within the pane."""
        right = pane.right()
        if self._anchor is not None:
            right, top = pane.left() + self._anchor.x() * pane.width(), pane.top() + self._anchor.y() * pane.height()
        left = min(max(right - size.width(), pane.left()), pane.right() - size.width())
        return QRectF(QPointF(round(left), round(min(max(top, pane.top()), pane.bottom() - size.height()))), size)


def beside(pane: QRectF, picture: QRectF, free_right: tuple[float, float], free_left: tuple[float, float]) -> tuple[QRectF, ...]:
    """What is free beside a picture (screen pixels) in a pane: right, left, above and below, the latter two at the right half;
    `free_…` are the first and last y of each side."""
    gap, half = theme.MARGIN / 2, pane.center().x()
    left, right = min(pane.right(), picture.left() - gap), max(pane.left(), picture.right() + gap)
    spaces = (
        QRectF(QPointF(right, free_right[0]), QPointF(pane.right(), free_right[1])),
        QRectF(QPointF(pane.left(), free_left[0]), QPointF(left, free_left[1])),
        QRectF(QPointF(half, free_right[0]), QPointF(pane.right(), picture.top() - gap)),
        QRectF(QPointF(half, picture.bottom() + gap), QPointF(pane.right(), free_right[1])),
    )
    return tuple(space for space in spaces if space.width() > 0 and space.height() > 0)
