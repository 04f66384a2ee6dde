"""Two handles over a histogram: the lowest and the highest stored value that a channel shows."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

_INSET = 7.0
_BAR = 30
_HANDLE = 14
"""Screen pixels below the bar."""


class RangeSlider(QWidget):
    """Arrow keys move the handle that was last held, with Shift ten times as far; Tab changes nothing here."""

    changed = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self._least, self._most = 0.0, 1.0
        self._low, self._high = 0.0, 1.0
        self._counts: tuple[float, ...] = ()
        self._colour = QColor("#ffffff")
        self._held = 0
        self._bar = _BAR
        self.held = False
        """Whether a hand drags an end now."""

    def set_height(self, bar: int) -> None:
        """Of the histogram, in screen pixels."""
        self._bar = bar
        self.updateGeometry()

    def set_scale(self, least: float, most: float, counts: tuple[float, ...] = ()) -> None:
        """The values at both ends, and the heights of the histogram between them, 0 … 1 each."""
        self._least, self._most, self._counts = least, max(most, least + 1e-9), counts
        self.update()

    def set_range(self, low: float, high: float, colour: tuple[int, int, int]) -> None:
        self._low, self._high, self._colour = low, high, QColor(*colour)
        self.update()

    @property
    def values(self) -> tuple[float, float]:
        return self._low, self._high

    def sizeHint(self) -> QSize:
        return QSize(160, self._bar + _HANDLE)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - Qt's form
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        bar = QRectF(_INSET, 0, self.width() - 2 * _INSET, self._bar)
        painter.fillRect(bar, palette.base())
        if self._counts:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.placeholderText())
            wide = bar.width() / len(self._counts)
            for number, share in enumerate(self._counts):
                painter.drawRect(
                    QRectF(bar.left() + number * wide, bar.bottom() - share * (self._bar - 2), wide, share * (self._bar - 2))
                )
        left, right = self._at(self._low), self._at(self._high)
        shown = QColor(self._colour)
        shown.setAlpha(56)
        painter.fillRect(QRectF(left, 0, max(1.0, right - left), self._bar), shown)
        for place, number in ((left, 0), (right, 1)):
            held = self.hasFocus() and self._held == number
            colour = palette.highlight().color() if held else palette.text().color()
            painter.setPen(colour)
            painter.drawLine(QPointF(place, 0), QPointF(place, self._bar))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(
                QPolygonF([QPointF(place, self._bar), QPointF(place - 6, self._bar + 10), QPointF(place + 6, self._bar + 10)])
            )
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x, self.held = event.position().x(), True
        left, right = self._at(self._low), self._at(self._high)
        self._held = 0 if abs(x - left) < abs(x - right) or (left == right and x < left) else 1
        self._move(self._value(x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move(self._value(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.held = False
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if way is None:
            super().keyPressEvent(event)
            return
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self._move((self._low, self._high)[self._held] + way * far * (self._most - self._least) / 200)

    def _move(self, value: float) -> None:
        value = min(max(value, self._least), self._most)
        gap = (self._most - self._least) / 1000
        if self._held == 0:
            self._low = min(value, self._high - gap)
        else:
            self._high = max(value, self._low + gap)
        self.update()
        self.changed.emit(self._low, self._high)

    def _at(self, value: float) -> float:
        share = (value - self._least) / (self._most - self._least)
        return _INSET + min(max(share, 0.0), 1.0) * (self.width() - 2 * _INSET)

    def _value(self, x: float) -> float:
        return self._least + (x - _INSET) / max(1.0, self.width() - 2 * _INSET) * (self._most - self._least)
