"""A picture on which a person draws, moves and removes the boxes that are to be burned black."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers.geometry import Region, Size

_GROUND, _BLACK = QColor("#000000"), QColor(0, 0, 0, 200)
_PROPOSED, _OWN = QColor("#e8b339"), QColor("#4aa3ff")
_LEAST = 3
"""Screen pixels: a shorter drag draws nothing."""


class BoxPicture(QWidget):
    """Drag over the picture: a new box; drag a box: it moves; Delete: the chosen box goes, N chooses the next."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Picture with the boxes to be burned black")
        self.setMouseTracking(True)
        self._image = QImage()
        self._size: Size | None = None
        self._boxes: list[Region] = []
        self._proposed: set[Region] = set()
        self._chosen = -1
        self._start: QPointF | None = None
        self._end = QPointF()
        self._held: tuple[int, Region] | None = None

    def sizeHint(self) -> QSize:
        return QSize(480, 400)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 200)

    @property
    def boxes(self) -> tuple[Region, ...]:
        """In pixels of the whole picture."""
        return tuple(self._boxes)

    def show_image(self, image: QImage, size: Size) -> None:
        """`image` is all of a picture of `size`, perhaps smaller."""
        self._image, self._size = image, size
        self.update()

    def propose(self, boxes: Sequence[Region]) -> None:
        """Boxes that nobody has looked at yet, beside those that are there."""
        self._proposed |= set(boxes)
        self._boxes += [box for box in boxes if box not in self._boxes]
        self._tell()

    def clear(self) -> None:
        self._boxes, self._proposed, self._chosen = [], set(), -1
        self._tell()

    def remove_chosen(self) -> None:
        if 0 <= self._chosen < len(self._boxes):
            del self._boxes[self._chosen]
            self._chosen = -1
            self._tell()

    def sizeless(self) -> None:
        """Nothing to show."""
        self._image, self._size = QImage(), None
        self.clear()

    # painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), _GROUND)
        if self._size is None or self._image.isNull():
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._target(), self._image)
        for number, box in enumerate(self._boxes):
            place = self._on_screen(box)
            painter.fillRect(place, _BLACK if number != self._chosen else QColor(0, 0, 0, 90))
            pen = QPen(_PROPOSED if box in self._proposed else _OWN, 2 if number == self._chosen else 1)
            pen.setStyle(Qt.PenStyle.DashLine if box in self._proposed else Qt.PenStyle.SolidLine)
            painter.setPen(pen)
            painter.drawRect(place)
        if self._start is not None and self._held is None:
            painter.setPen(QPen(_OWN, 1))
            painter.drawRect(QRectF(self._start, self._end).normalized())
        painter.end()

    def _target(self) -> QRectF:
        assert self._size is not None
        scale = min(self.width() / self._size.width, self.height() / self._size.height)
        wide, high = self._size.width * scale, self._size.height * scale
        return QRectF((self.width() - wide) / 2, (self.height() - high) / 2, wide, high)

    def _on_screen(self, box: Region) -> QRectF:
        target = self._target()
        assert self._size is not None
        scale = target.width() / self._size.width
        return QRectF(target.x() + box.x * scale, target.y() + box.y * scale, box.width * scale, box.height * scale)

    def _in_picture(self, place: QRectF) -> Region | None:
        """The pixels under a rectangle of the screen; None where it touches none."""
        if self._size is None:
            return None
        target = self._target()
        scale = self._size.width / target.width()
        left, top = (place.left() - target.x()) * scale, (place.top() - target.y()) * scale
        right, bottom = left + place.width() * scale, top + place.height() * scale
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(self._size.width, int(right) + 1), min(self._size.height, int(bottom) + 1)
        return Region(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    # hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._size is None:
            return
        self._start = self._end = event.position()
        under = [number for number, box in enumerate(self._boxes) if self._on_screen(box).contains(event.position())]
        self._chosen = min(under, key=lambda number: self._boxes[number].width * self._boxes[number].height, default=-1)
        self._held = (self._chosen, self._boxes[self._chosen]) if self._chosen >= 0 else None
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is None:
            return
        self._end = event.position()
        if self._held is not None:
            number, before = self._held
            place = self._on_screen(before).translated(self._end - self._start)
            moved = self._in_picture(place)
            if moved is not None:
                self._boxes[number] = Region(moved.x, moved.y, before.width, before.height)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        start, self._start = self._start, None
        if start is None:
            return
        if self._held is None:
            drawn = QRectF(start, event.position()).normalized()
            box = self._in_picture(drawn) if min(drawn.width(), drawn.height()) >= _LEAST else None
            if box is not None:
                self._boxes.append(box)
                self._chosen = len(self._boxes) - 1
        self._held = None
        self._tell()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_chosen()
        elif key == Qt.Key.Key_N and self._boxes:
            self._chosen = (self._chosen + 1) % len(self._boxes)
            self.update()
        elif key in steps and 0 <= self._chosen < len(self._boxes):
            box, (across, down) = self._boxes[self._chosen], steps[key]
            self._boxes[self._chosen] = Region(box.x + across, box.y + down, box.width, box.height)
            self._tell()
        else:
            super().keyPressEvent(event)

    def _tell(self) -> None:
        self.update()
        self.changed.emit()
