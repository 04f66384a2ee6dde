"""The hanging rules as a list over the window: Enter hangs the study by one, Delete removes one of the reader's own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.hanging_rules import Rule
from app.panels.parts import GAP, label

WIDTH = 460
KEYS = "Enter hangs the study so · Delete removes one of your own. Of those that suit a study the last counts."


class HangingList(QDialog):
    wanted = Signal(str)
    """Name of the rule to hang by."""
    unwanted = Signal(str)

    def __init__(self, rules: Sequence[tuple[Rule, bool]], parent: QWidget) -> None:
        """Each rule, and whether it is the reader's own."""
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Hanging rules")
        self.setFixedWidth(WIDTH)
        self._own = {rule.name for rule, own in rules if own}
        self.list = QListWidget()
        self.list.setAccessibleName("Hanging rules, in the order they are tried from the last")
        self.list.setFixedHeight(240)
        for rule, own in rules:
            panes = f"{rule.grid.rows} × {rule.grid.columns}{', linked' if rule.link else ''}{'' if own else ', shipped'}"
            item = QListWidgetItem(f"{rule.name}   ({panes})")
            item.setData(Qt.ItemDataRole.UserRole, rule.name)
            item.setSizeHint(QSize(0, 28))
            self.list.addItem(item)
        self.list.setCurrentRow(len(rules) - 1)
        self.list.itemActivated.connect(lambda _: self._hang())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(GAP)
        layout.addWidget(label("Hanging rules", "heading"))
        layout.addWidget(self.list)
        layout.addWidget(label(KEYS, "hint"))

    def show_over(self, window: QWidget) -> None:
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - WIDTH) // 2, corner.y() + 72)
        self.show()
        self.list.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        name = self._name()
        if event.key() == Qt.Key.Key_Delete and name in self._own:
            self._own.discard(name)
            self.list.takeItem(self.list.currentRow())
            self.unwanted.emit(name)
        else:
            super().keyPressEvent(event)

    def _name(self) -> str:
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _hang(self) -> None:
        name = self._name()
        self.close()
        if name:
            self.wanted.emit(name)
