"""A file's path: typed, or chosen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from app.panels.parts import button, row


class FileLine(QWidget):
    def __init__(self, words: str, kinds: str, hint: str) -> None:
        """`words` name it, `kinds` are those of Qt's file dialog, `hint` is seen while it is empty."""
        super().__init__()
        self._words, self._kinds = words, kinds
        self.line = QLineEdit()
        self.line.setAccessibleName(words)
        self.line.setPlaceholderText(hint)
        choose = button("Choose…", self._choose)
        choose.setAccessibleName(f"Choose {words}")
        both = row(self.line, choose, stretch=0)
        self.setLayout(both)
        self.setFocusProxy(self.line)

    def text(self) -> str:
        return self.line.text().strip()

    def setText(self, path: str) -> None:
        self.line.setText(path)

    def _choose(self) -> None:
        folder = str(Path(self.text()).parent) if self.text() else ""
        name, _ = QFileDialog.getOpenFileName(self, self._words, folder, self._kinds)
        if name:
            self.setText(name)
