"""The rows of a page, each proposed until the reader accepts, changes or refuses it; what to look at twice is marked."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.lab_sheet import CUT, NO_ROW, Judged, summed
from app.panels.parts import Column, Word, button, label, row
from app.panels.warned import Warned
from app.sheets import COLUMNS, Line, Sheet, State

EMPTY = (
    "Open a picture or PDF of a laboratory sheet and read its table. Select the table first where its print is small: "
    "the model sees the region alone."
)
HEADERS = ("", "Test", "Value", "Unit", "Range", "Flag", "Look at")
_MARKS: dict[State, tuple[str, str]] = {
    "proposed": ("?", "proposed by the model, not looked at"), "accepted": ("✓", "accepted"),
    "edited": ("✎", "in the reader's words"), "refused": ("×", "refused: left out when copied or saved"),
}  # fmt: skip
_REMARK = len(HEADERS) - 1


class TablePanel(Column):
    readWanted = Signal()
    saveWanted = Signal()
    changed = Signal(object, object)
    """The source and its Sheet: the reader did something to a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sheet, self.source = Sheet(), None  # type: Sheet, Path | None
        self._filling = False
        self.hint = label(EMPTY, "hint")
        self.summary = label("", "heading")
        self._warned = Warned()
        self.cut = label(CUT, "warn")
        self.word = Word()
        self.table = QTableWidget(0, len(HEADERS))
        self.table.setAccessibleName("Rows read of the page")
        self.table.setHorizontalHeaderLabels(list(HEADERS))
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(True)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.itemChanged.connect(self._typed)
        self.read = button("Read the table", self.readWanted.emit, primary=True, tip="Of the region, or of the whole page")
        self.copy = button("Copy", self._copy, tip="The selected rows, or all that were not refused, for a spreadsheet")
        self.save = button("CSV…", self.saveWanted.emit, tip="Write all rows that were not refused")
        self.by = label("", "soft")
        for widget in (self.hint, self.summary):
            self.column.addWidget(widget)
        self.column.addWidget(self._warned)
        self.column.addWidget(self.cut)
        self.column.addWidget(self.table, 1)
        self.column.addStretch(0)
        self.column.addWidget(self.by)
        self.column.addWidget(self.word)
        self.column.addLayout(row(self.read, self.copy, self.save))
        self.show_sheet(None, None)

    def show_sheet(self, sheet: Sheet | None, source: Path | None) -> None:
        """None: nothing was read of the source."""
        chosen = self.table.currentRow() if source == self.source else 0
        self.sheet, self.source = sheet or Sheet(), source
        self.word.hide()
        self._fill(sheet is not None, max(0, chosen))

    def show_working(self, words: str) -> None:
        """Words of a page being read; the rows that stand there stay."""
        self.word.say(words, bad=False)

    def say(self, sentence: str) -> None:
        self.word.say(sentence)

    def accept(self) -> None:
        self._judge("accepted")

    def refuse(self) -> None:
        """And once more: proposed again."""
        rows = self._chosen()
        again = bool(rows) and all(self.sheet.lines[at].state == "refused" for at in rows)
        self._judge("proposed" if again else "refused")

    def edit(self) -> None:
        """The value of the row; any cell by a double click."""
        item = self.table.item(self.table.currentRow(), max(1, self.table.currentColumn()))
        if item is not None and item.column() != _REMARK:
            self.table.editItem(item)

    def step(self, by: int) -> None:
        if self.table.rowCount():
            at = min(max(self.table.currentRow() + by, 0), self.table.rowCount() - 1)
            self.table.setCurrentCell(at, max(1, self.table.currentColumn()))

    def _chosen(self) -> list[int]:
        return sorted({one.row() for one in self.table.selectedItems()})

    def _judge(self, state: State) -> None:
        rows = self._chosen()
        sheet = self.sheet
        for at in rows:
            sheet = sheet.judged_by(at, state)
        self._take(sheet)
        if state == "accepted" and len(rows) == 1:
            self.step(1)

    def _typed(self, item: QTableWidgetItem) -> None:
        if not self._filling and 1 <= item.column() <= len(COLUMNS):
            self._take(self.sheet.edited(item.row(), COLUMNS[item.column() - 1], item.text()))

    def _take(self, sheet: Sheet) -> None:
        if sheet != self.sheet and self.source is not None:
            self.sheet = sheet
            self._fill(True, self.table.currentRow())
            self.changed.emit(self.source, sheet)

    def _copy(self) -> None:
        rows = self._chosen()
        QGuiApplication.clipboard().setText(self.sheet.plain_text(rows if len(rows) > 1 else ()))

    def _fill(self, was_read: bool, chosen: int) -> None:
        rows, there = self.sheet.judged(), bool(self.sheet.lines)
        self._filling = True
        self.table.setRowCount(len(rows))
        for at, (line, one) in enumerate(zip(self.sheet.lines, rows, strict=True)):
            self._fill_row(at, line, one)
        self._filling = False
        self.table.setVisible(there)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_REMARK, QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()
        if there:
            self.table.setCurrentCell(min(chosen, len(rows) - 1), max(1, self.table.currentColumn()))
        self.hint.setVisible(not was_read)
        self.summary.setText(summed(rows) if there else NO_ROW if was_read else "")
        self.summary.setVisible(was_read)
        self.cut.setVisible(self.sheet.cut)
        self.by.setText(f"Copied by {self.sheet.model} · draft, not for diagnostic use · the marks are our own arithmetic")
        self.by.setVisible(was_read)
        self.copy.setEnabled(there)
        self.save.setEnabled(there)
        self._warned.show_warnings(self.sheet.warnings)

    def _fill_row(self, at: int, line: Line, one: Judged) -> None:
        mark, said = _MARKS[line.state]
        cells = (mark, *(getattr(line.row, name) for name in COLUMNS), one.remark)
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(f"page {line.page + 1}, {said}" if column == 0 else text)
            flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
            item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if 0 < column < _REMARK and line.state != "refused" else flags)
            font = item.font()
            font.setStrikeOut(line.state == "refused" and 0 < column < _REMARK)
            font.setBold(column == 2 and one.verdict in ("below", "above"))
            item.setFont(font)
            self.table.setItem(at, column, item)
