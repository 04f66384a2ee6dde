"""The bookmarks of a slide as a list over the window: Enter goes there, F2 renames, Delete removes."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.panels.parts import GAP, label
from viewers.bookmarks import Bookmark, Bookmarks

EMPTY = "No bookmarks on this slide yet. Ctrl+D keeps what the pane shows now."
KEYS = "Enter goes there · F2 renames · Delete removes"
WIDTH = 420


class BookmarkList(QDialog):
    wanted = Signal(int)
    """Index of the bookmark to go to."""

    def __init__(self, bookmarks: Bookmarks, mpp: float | None, parent: QWidget) -> None:
        """`mpp`: µm per pixel of the slide, None where it states none."""
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Bookmarks")
        self.setFixedWidth(WIDTH)
        self._bookmarks, self._mpp, self._filling = bookmarks, mpp, False
        self.list = QListWidget()
        self.list.setAccessibleName("Bookmarks, in the order they were made")
        self.list.setFixedHeight(240)
        self.list.setEditTriggers(QListWidget.EditTrigger.EditKeyPressed)
        self.list.itemActivated.connect(lambda _: self._go())
        self.list.itemClicked.connect(lambda _: self._go())
        self.list.itemChanged.connect(self._renamed)
        self.word = label("", "hint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(GAP)
        layout.addWidget(label("Bookmarks", "heading"))
        layout.addWidget(self.list)
        layout.addWidget(self.word)
        self._fill(max(0, bookmarks.at))

    def show_over(self, window: QWidget) -> None:
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - WIDTH) // 2, corner.y() + 72)
        self.show()
        self.list.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.list.currentRow()
        if event.key() == Qt.Key.Key_Delete and row >= 0:
            self._bookmarks.remove(row)
            self._fill(min(row, len(self._bookmarks) - 1))
        else:
            super().keyPressEvent(event)

    def _fill(self, row: int) -> None:
        self._filling = True
        self.list.clear()
        for bookmark in self._bookmarks:
            item = QListWidgetItem(bookmark.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setSizeHint(QSize(0, 28))
            item.setToolTip(place_words(bookmark, self._mpp))
            self.list.addItem(item)
        self.list.setVisible(len(self._bookmarks) > 0)
        self.list.setCurrentRow(row)
        self.word.setText(KEYS if len(self._bookmarks) else EMPTY)
        self._filling = False

    def _renamed(self, item: QListWidgetItem) -> None:
        if not self._filling:
            row = self.list.row(item)
            self._bookmarks.rename(row, item.text())
            self._filling = True
            item.setText(self._bookmarks[row].name)
            self._filling = False

    def _go(self) -> None:
        row = self.list.currentRow()
        self.close()
        if row >= 0:
            self.wanted.emit(row)


def place_words(bookmark: Bookmark, mpp: float | None) -> str:
    """Where a bookmark looks and how closely."""
    power = f"{10 / mpp * bookmark.scale:.3g}×" if mpp else f"zoom {100 * bookmark.scale:.3g} %"
    turned = f", turned {bookmark.angle:.0f}°" if bookmark.angle else ""
    return f"{power} at {bookmark.x:.0f}, {bookmark.y:.0f}{turned}"
