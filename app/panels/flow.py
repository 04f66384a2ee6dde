"""Widgets side by side that go on in the next line where the first is full."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class Flow(QLayout):
    """As wide as there is room for, and as high as that makes it. Where all fit into one line, those that like to be wide take
    what is left up to their largest width, and `right` and what follows it stand at the right edge."""

    def __init__(self, *widgets: QWidget, right: QWidget | None = None, gap: int = 8) -> None:
        super().__init__()
        self._parts: list[QLayoutItem] = []
        self._right, self._gap = right, gap
        self.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:
        self._parts.append(item)

    def count(self) -> int:
        return len(self._parts)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._parts[index] if 0 <= index < len(self._parts) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._parts.pop(index) if 0 <= index < len(self._parts) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._placed(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._placed(rect, move=True)

    def sizeHint(self) -> QSize:
        """All in one line."""
        return QSize(self._across(), max((one.sizeHint().height() for one in self._parts), default=0))

    def minimumSize(self) -> QSize:
        sizes = [one.minimumSize() for one in self._parts]
        return QSize(max((one.width() for one in sizes), default=0), max((one.height() for one in sizes), default=0))

    def _across(self) -> int:
        """Least width of one line that holds all."""
        return sum(_least(one) for one in self._parts) + self._gap * max(0, len(self._parts) - 1)

    def _placed(self, rect: QRect, *, move: bool) -> int:
        """The height that it takes."""
        spare = max(0, rect.width() - self._across())
        wide = [one for one in self._parts if _likes_width(one)]
        x, y, high = rect.x(), rect.y(), 0
        for part in self._parts:
            width, height = _least(part), part.sizeHint().height()
            if part in wide:
                width = min(width + spare // len(wide), part.maximumSize().width())
            if part.widget() is self._right and spare:
                after = self._parts[self._parts.index(part) :]
                x = rect.right() + 1 - sum(_least(one) for one in after) - self._gap * (len(after) - 1)
            if x > rect.x() and x + width > rect.right() + 1:
                x, y, high = rect.x(), y + high + self._gap, 0
            if move:
                part.setGeometry(QRect(x, y, min(width, rect.width()), height))
            x, high = x + width + self._gap, max(high, height)
        return y + high - rect.y()


def _likes_width(part: QLayoutItem) -> bool:
    return bool(part.expandingDirections() & Qt.Orientation.Horizontal)


def _least(part: QLayoutItem) -> int:
    return part.minimumSize().width() if _likes_width(part) else part.sizeHint().width()
