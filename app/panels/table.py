"""The rows of a page, each proposed until the reader accepts, changes or refuses it; what to look at twice is marked."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.lab_sheet import CUT, NO_ROW, Judged, summed
from app.panels.parts import MARGIN, Column, Word, button, label, row
from app.panels.warned import Warned
from app.ranges import Verdict
from app.sheets import Line, Sheet, State

EMPTY = (
    "Open a picture or PDF of a laboratory sheet and read its table. Select the table first where its print is small: "
    "the model then sees the region alone."
)
HEADERS = ("", "", "Test", "Value", "Range", "Unit", "Flag")
CELLS = ("test", "value", "reference", "unit", "flag")
"""What is compared stands together, also where the panel is narrow."""
FIRST = 2
"""The column of the first cell of a row; before it stand whose the row is and what is to be looked at."""
_MARKS: dict[State, tuple[str, str]] = {
    "proposed": ("?", "proposed by the model, not looked at"), "accepted": ("✓", "accepted"),
    "edited": ("✎", "in the reader's words"), "refused": ("×", "refused: left out when copied or saved"),
}  # fmt: skip
_LOOK: dict[Verdict, str] = {"below": "▼", "above": "▲"}
ROW_PX = 28
LEAST_PX = 112
"""Of the column with the names of tests."""


class TablePanel(Column):
    readWanted = Signal()
    saveWanted = Signal()
    clearWanted = Signal()
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
        self.table.setWordWrap(False)
        triggers = QAbstractItemView.EditTrigger
        self.table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.table.setObjectName("sheet")
        self.table.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setMinimumSectionSize(22)
        self.table.currentCellChanged.connect(lambda *_: self._tell())
        self.remark = label("", "warn")
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.itemChanged.connect(self._typed)
        self.read = button("Read the table", self.readWanted.emit, primary=True, tip="Of the region, or of the whole view")
        self.copy = button("Copy", self._copy, tip="The selected rows, or all that were not refused, for a spreadsheet")
        self.save = button("CSV…", self.saveWanted.emit, tip="Write all rows that were not refused")
        self.by = label("", "soft")
        for widget in (self.hint, self.summary):
            self.column.addWidget(widget)
        self.column.addWidget(self._warned)
        self.column.addWidget(self.cut)
        self.column.addWidget(self.table, 1000)
        self.column.addStretch(1)
        self.column.addWidget(self.remark)
        self.column.addWidget(self.by)
        self.column.addWidget(self.word)
        self.accept_button = button("Accept", self.accept, tip="The chosen rows (A)")
        self.refuse_button = button("Refuse", self.refuse, tip="The chosen rows are left out; once more: proposed again (X)")
        self.column.addLayout(row(self.accept_button, self.refuse_button, self.copy, self.save))
        self.clear = button("Clear…", self.clearWanted.emit, tip="Remove all rows, also from the disk")
        self.column.addLayout(row(self.read, self.clear))
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
        item = self.table.item(self.table.currentRow(), max(FIRST, self.table.currentColumn()))
        if item is not None:
            self.table.editItem(item)

    def step(self, by: int) -> None:
        if self.table.rowCount():
            at = min(max(self.table.currentRow() + by, 0), self.table.rowCount() - 1)
            self.table.setCurrentCell(at, max(FIRST, self.table.currentColumn()))

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
        if not self._filling and item.column() >= FIRST:
            self._take(self.sheet.edited(item.row(), CELLS[item.column() - FIRST], item.text()))

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
        header.setSectionResizeMode(FIRST, QHeaderView.ResizeMode.Interactive)
        self._widen()
        if there:
            self.table.setCurrentCell(min(chosen, len(rows) - 1), max(FIRST, self.table.currentColumn()))
        self._tell()
        self.hint.setVisible(not was_read)
        self.summary.setText(summed(rows) if there else NO_ROW if was_read else "")
        self.summary.setVisible(was_read)
        self.cut.setVisible(self.sheet.cut)
        self.by.setText(f"Copied by {self.sheet.model} · draft, not for diagnostic use · the marks are our own arithmetic")
        self.by.setVisible(was_read)
        for control in (self.accept_button, self.refuse_button, self.copy, self.save, self.clear):
            control.setEnabled(there)
        self._warned.show_warnings(self.sheet.warnings)

    def _fill_row(self, at: int, line: Line, one: Judged) -> None:
        mark, said = _MARKS[line.state]
        look = _LOOK.get(one.verdict, "!" if one.remark else "")
        cells = (mark, look, *(getattr(line.row, name) for name in CELLS))
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(f"page {line.page + 1}, {said}" if column == 0 else one.remark if column == 1 else text)
            flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
            cell = column >= FIRST
            item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if cell and line.state != "refused" else flags)
            font = item.font()
            font.setStrikeOut(line.state == "refused" and cell)
            font.setBold(column == FIRST + 1 and one.verdict in _LOOK)
            item.setFont(font)
            self.table.setItem(at, column, item)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._widen()

    def _widen(self) -> None:
        """The test's name takes what the others leave; where that is too little, the last columns are scrolled to."""
        others = sum(self.table.columnWidth(one) for one in range(len(HEADERS)) if one != FIRST)
        self.table.setColumnWidth(FIRST, max(LEAST_PX, self.width() - 2 * MARGIN - others - 12))

    def _tell(self) -> None:
        """What is to be looked at in the row that is chosen."""
        at, rows = self.table.currentRow(), self.sheet.judged()
        there = 0 <= at < len(rows) and bool(rows[at].remark)
        self.remark.setText(f"{rows[at].row.test or 'This row'}: {rows[at].remark}." if there else "")
        self.remark.setVisible(bool(rows))
