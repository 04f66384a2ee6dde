"""What lies outside of a model's training, on its result and before its words: calm lines, not a dialog."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.guards import UNKNOWN
from app.panels.parts import label, reword


class Warned(QWidget):
    """A line for each sentence; hidden while there is none. What is outside stands out, what is not known does not."""

    def __init__(self, warnings: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._lines: list[QLabel] = []
        self.setAccessibleName("Outside of the model's training")
        self.show_warnings(warnings)

    def show_warnings(self, warnings: Sequence[str]) -> None:
        while len(self._lines) < len(warnings):
            line = label("", "warn", selectable=True)
            self._lines.append(line)
            self._column.addWidget(line)
        for at, line in enumerate(self._lines):
            text = warnings[at] if at < len(warnings) else ""
            role = "soft" if text.startswith(UNKNOWN) else "warn"
            if (line.text(), line.objectName()) != (text, role):
                reword(line, text, role)
            line.setVisible(bool(text))
        self.setVisible(bool(warnings))

    def warnings(self) -> tuple[str, ...]:
        """The sentences that stand here."""
        return tuple(line.text() for line in self._lines if line.text())
