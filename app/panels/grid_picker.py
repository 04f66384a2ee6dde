"""A field of squares to point at: so many rows and columns of panes."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QWidget

from app.grid import MOST, Grid

_SIDE, _GAP, _PAD, _WORDS = 30, 4, 10, 24
"""Screen pixels: of a square, between squares, around them, and below them for the words."""


class GridPicker(QFrame):
    """The squares up to the pointer are the panes; a click or Enter takes them, arrows change them, Escape gives up."""

    picked = Signal(object)
    """Grid."""

    def __init__(self, grid: Grid, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMouseTracking(True)
        self.grid = grid
        self._say()

    def sizeHint(self) -> QSize:
        side = MOST * (_SIDE + _GAP) - _GAP + 2 * _PAD
        return QSize(side, side + _WORDS)

    def show_over(self, widget: QWidget) -> None:
        """At the top of `widget`, in its middle."""
        self.resize(self.sizeHint())
        self.move(widget.mapToGlobal(QPoint((widget.width() - self.width()) // 2, 8)))
        self.show()
        self.setFocus()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint() - QPoint(_PAD, _PAD)
        self._aim(at.y() // (_SIDE + _GAP) + 1, at.x() // (_SIDE + _GAP) + 1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self._take()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is not None:
            self._aim(self.grid.rows + step[0], self.grid.columns + step[1])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter, colours = QPainter(self), self.palette()
        for row in range(MOST):
            for column in range(MOST):
                meant = row < self.grid.rows and column < self.grid.columns
                role = QPalette.ColorRole.Highlight if meant else QPalette.ColorRole.Base
                painter.setPen(colours.color(QPalette.ColorRole.PlaceholderText))
                painter.setBrush(colours.color(role))
                painter.drawRect(self.square(row, column).adjusted(0, 0, -1, -1))
        painter.setPen(colours.color(QPalette.ColorRole.Text))
        below = self.rect().adjusted(_PAD, self.height() - _WORDS - _PAD // 2, -_PAD, 0)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"{self.grid.rows} × {self.grid.columns}")
        painter.end()

    def square(self, row: int, column: int) -> QRect:
        step = _SIDE + _GAP
        return QRect(_PAD + column * step, _PAD + row * step, _SIDE, _SIDE)

    def _aim(self, rows: int, columns: int) -> None:
        self.grid = Grid(min(max(rows, 1), MOST), min(max(columns, 1), MOST))
        self._say()
        self.update()

    def _say(self) -> None:
        self.setAccessibleName(f"Panes: {self.grid.rows} rows, {self.grid.columns} columns")

    def _take(self) -> None:
        self.picked.emit(self.grid)
        self.close()


_STEPS = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
