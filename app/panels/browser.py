"""The browser: what is open, with thumbnails; a bad file says why in its own line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolButton, QVBoxLayout, QWidget

from app.panels.parts import MARGIN, label, row
from app.panes import PATH_MIME
from app.theme import ThemeName, colours, icon

EMPTY = "Drop files or folders here, or press Ctrl+O."
ROW = 64
PICTURE = 48
Index = QModelIndex | QPersistentModelIndex


@dataclass(slots=True)
class Item:
    """One line: `line` is what it is, `problem` why it cannot be shown."""

    path: Path
    line: str = ""
    problem: str = ""
    picture: QPixmap | None = None


class Items(QAbstractListModel):
    """Sources in the order they were opened; each path once."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[Item] = []
        self._at: dict[Path, int] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        item = self._items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.path.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return item.problem or item.line
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{item.path.name}: {item.problem or item.line}"
        return item if role == Qt.ItemDataRole.UserRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """What can be shown can be dragged to a pane."""
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() and not self._items[index.row()].problem else found

    def mimeTypes(self) -> list[str]:
        return [PATH_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        for index in indexes[:1]:
            data.setData(PATH_MIME, os.fsencode(self._items[index.row()].path))
        return data

    def add(self, path: Path) -> bool:
        """False when the path is there already."""
        if path in self._at:
            return False
        self.beginInsertRows(QModelIndex(), len(self._items), len(self._items))
        self._at[path] = len(self._items)
        self._items.append(Item(path))
        self.endInsertRows()
        return True

    def describe(self, path: Path, line: str, image: QImage) -> None:
        if path in self._at:
            item = self._items[self._at[path]]
            item.line, item.problem = line, ""
            if not image.isNull():
                item.picture = QPixmap.fromImage(image)
            self._changed(path)

    def fail(self, path: Path, sentence: str) -> None:
        if path in self._at:
            self._items[self._at[path]].problem = sentence
            self._changed(path)

    def remove(self, path: Path) -> None:
        if path not in self._at:
            return
        at = self._at[path]
        self.beginRemoveRows(QModelIndex(), at, at)
        del self._items[at]
        self._at = {item.path: number for number, item in enumerate(self._items)}
        self.endRemoveRows()

    def items(self) -> list[Item]:
        return list(self._items)

    def row_of(self, path: Path) -> int:
        return self._at.get(path, -1)

    def _changed(self, path: Path) -> None:
        index = self.index(self._at[path])
        self.dataChanged.emit(index, index)


class Line(QStyledItemDelegate):
    """Thumbnail, name, and what it is or what is wrong with it (wrapped over as many lines as it needs)."""

    def __init__(self, theme: ThemeName, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme: ThemeName = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        item: Item = index.data(Qt.ItemDataRole.UserRole)
        if not item.problem:
            return QSize(120, ROW)
        width = max(80, option.rect.width() - PICTURE - 28) if option.rect.width() > 0 else 150
        box = option.fontMetrics.boundingRect(QRect(0, 0, width, 1000), Qt.TextFlag.TextWordWrap, item.problem)
        return QSize(120, max(ROW, box.height() + option.fontMetrics.height() + 20))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item: Item = index.data(Qt.ItemDataRole.UserRole)
        chosen = colours(self.theme)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(chosen["accent-soft"]))
            painter.fillRect(QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), QColor(chosen["accent"]))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, QColor(chosen["hover"]))
        frame = QRect(option.rect.left() + 10, option.rect.top() + 8, PICTURE, PICTURE)
        painter.fillRect(frame, QColor(chosen["field"]))
        if item.picture is not None:
            shown = item.picture.scaled(
                frame.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            painter.drawPixmap(frame.center() - shown.rect().center(), shown)
        elif item.problem:
            painter.drawPixmap(frame.adjusted(14, 14, -14, -14), icon("mdi6.alert-outline", self.theme, "warn").pixmap(20, 20))
        text = QRect(
            frame.right() + 10, option.rect.top() + 8, option.rect.right() - frame.right() - 18, option.rect.height() - 12
        )
        metrics = option.fontMetrics
        painter.setPen(QColor(chosen["text"]))
        name = metrics.elidedText(item.path.name, Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignTop, name)
        painter.setPen(QColor(chosen["warn" if item.problem else "soft"]))
        below = text.adjusted(0, metrics.height() + 3, 0, 0)
        words = item.problem or fitted(item.line or "…", metrics, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, words)
        painter.restore()


def fitted(line: str, metrics: QFontMetrics, width: int) -> str:
    """A line "what · how large", whole or in two; a part that does not fit its line by itself is cut."""
    parts = [line] if metrics.horizontalAdvance(line) <= width else line.rsplit(" · ", 1)
    return "\n".join(metrics.elidedText(part, Qt.TextElideMode.ElideRight, width) for part in parts)


class Browser(QWidget):
    """Emits the path a reader chose or closed."""

    chosen = Signal(object)
    closed = Signal(object)
    openWanted = Signal()
    folderWanted = Signal()

    def __init__(self, theme: ThemeName, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = Items()
        self._theme: ThemeName = theme
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setUniformItemSizes(False)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setMouseTracking(True)
        self.view.setDragEnabled(True)
        self.view.setDragDropMode(QListView.DragDropMode.DragOnly)
        self.view.setAccessibleName("Open sources")
        self._line = Line(theme, self)
        self.view.setItemDelegate(self._line)
        self.view.selectionModel().currentChanged.connect(self._current)
        self.view.activated.connect(self._again)
        self.view.clicked.connect(self._again)
        self._empty = label(EMPTY, "hint")
        self._empty.setContentsMargins(MARGIN, 4, MARGIN, 4)
        self._files = _flat("mdi6.file-plus-outline", theme, "Open files (Ctrl+O)")
        self._files.clicked.connect(self.openWanted)
        self._folder = _flat("mdi6.folder-plus-outline", theme, "Open a folder (Ctrl+Shift+O)")
        self._folder.clicked.connect(self.folderWanted)
        heading = row(label("Sources", "heading", wrap=False), QWidget(), self._files, self._folder, stretch=1)
        heading.setContentsMargins(MARGIN, 6, 8, 4)
        heading.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(heading)
        layout.addWidget(self._empty)
        layout.addWidget(self.view, 1)

    def add(self, path: Path) -> bool:
        added = self.model.add(path)
        self._empty.hide()
        return added

    def remove(self, path: Path) -> None:
        self.model.remove(path)
        self._empty.setVisible(self.model.rowCount() == 0)

    def select(self, path: Path) -> None:
        at = self.model.row_of(path)
        if at >= 0:
            self.view.setCurrentIndex(self.model.index(at))

    def step(self, by: int) -> None:
        """Choose the next (1) or previous (-1) source that can be shown."""
        items, at = self.model.items(), self.view.currentIndex().row() + by
        while 0 <= at < len(items) and items[at].problem:
            at += by
        if 0 <= at < len(items):
            self.view.setCurrentIndex(self.model.index(at))

    def current(self) -> Path | None:
        index = self.view.currentIndex()
        return self.model.items()[index.row()].path if index.isValid() else None

    def dress(self, theme: ThemeName) -> None:
        self._line.theme = theme
        self._files.setIcon(icon("mdi6.file-plus-outline", theme))
        self._folder.setIcon(icon("mdi6.folder-plus-outline", theme))
        self.view.viewport().update()

    def _current(self, index: QModelIndex, _: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.model.items()[index.row()].path)

    def _again(self, index: QModelIndex) -> None:
        """A click on the current one chooses it too: another pane may be the active one by now."""
        self._current(index, index)


def _flat(symbol: str, theme: ThemeName, tip: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    button.setIcon(icon(symbol, theme))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
