"""A model's thinking trace: its length at once, its words on request."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.panels.parts import button, label


class Thought(QWidget):
    """Hidden where there is no trace."""

    def __init__(self, text: str = "", tokens: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.words = label("", "soft", selectable=True)
        self.words.hide()
        self.button = button("", lambda: self.words.setVisible(self.words.isHidden()), tip="Show or hide what the model thought")
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.words)
        self.show_thought(text, tokens)

    def show_thought(self, text: str, tokens: int) -> None:
        """`tokens`: 0 where they were not counted."""
        if text != self.words.text():
            self.words.hide()
        self.words.setText(text)
        self.button.setText(f"Thinking trace, {tokens:,} tokens" if tokens else "Thinking trace")
        self.setVisible(bool(text))
