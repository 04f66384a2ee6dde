"""What became of each finding since the prior, by the words of the report: a line each, with the sentence that says it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.panels.parts import Elided, label, reword
from app.reports import changes
from app.reports.report import Report

ROLES = {
    "new": "warn", "worsened": "warn", "improved": "good", "resolved": "good", "stable": "", "not stated": "soft",
    "contradictory": "bad",
}  # fmt: skip


class ChangesTable(QWidget):
    """Hidden where no prior was sent or the words name no finding. A click chooses the sentence."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(label("Compared with the prior, by the words below", "heading"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(2, 1)
        column.addLayout(self._grid)
        self._lines: list[tuple[QLabel, QLabel, QLabel]] = []
        self._ids: list[int] = []

    def show_report(self, report: Report) -> bool:
        """Whether there is anything to show."""
        found = changes.rows(report)
        while len(self._lines) < len(found):
            self._add()
        self._ids = [row.sentences[0] for row in found]
        for at, cells in enumerate(self._lines):
            shown = at < len(found)
            if shown:
                row = found[at]
                words = (row.name.capitalize(), row.change, changes.evidence(report, row))
                for cell, text, role in zip(cells, words, ("", ROLES[row.change], "soft"), strict=True):
                    if (cell.text(), cell.objectName()) != (text, role):
                        reword(cell, text, role)
            for cell in cells:
                cell.setVisible(shown)
        return bool(found)

    def told(self) -> list[tuple[str, str, str]]:
        """The lines as they stand."""
        return [(one.text(), two.text(), three.text()) for one, two, three in self._lines[: len(self._ids)]]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        for id, cells in zip(self._ids, self._lines, strict=False):
            if any(cell.geometry().top() <= place.y() <= cell.geometry().bottom() for cell in cells):
                self.chosen.emit(id)
        super().mousePressEvent(event)

    def _add(self) -> None:
        cells = (label("", wrap=False), label("", wrap=False), Elided("soft"))
        cells[2].setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for column, cell in enumerate(cells):
            self._grid.addWidget(cell, len(self._lines), column)
        self._lines.append(cells)
