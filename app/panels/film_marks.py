"""Measurements on films: tools, and the table of everything measured in the study that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget
from shiboken6 import isValid

from app.film_rows import Row
from app.panels.parts import GAP, Column, Word, button, label, row
from app.panels.tool_buttons import ToolButtons
from viewers.figures import counted
from viewers.film_marks.film_mark import FilmTool, tool_of
from viewers.film_marks.wording import TITLES, lines, value_words
from viewers.marked_film import MarkedFilm

EMPTY = "Measurements are drawn on films: open one, then choose a tool here or by its key."
NONE_YET = "Nothing measured yet. Choose a tool and draw; every stroke is kept at once."
HEADERS = ("Measurement", "Value", "Where")
_ACROSS = 5
"""Tools side by side."""
_MOST_FITTED = 300
"""Rows whose height is fitted to their text."""


class FilmMarksPanel(Column):
    exportWanted = Signal()
    goWanted = Signal(object)
    """The Row that was chosen by a double click or Enter."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: MarkedFilm | None = None
        self._rows: tuple[Row, ...] = ()
        self._filling = False
        self._tools = ToolButtons("film-", _ACROSS)
        self.column.addLayout(self._tools)
        self._word = Word()
        self.column.addWidget(self._word)
        self._empty = label(EMPTY, "hint")
        self.column.addWidget(self._empty)
        self.column.addSpacing(GAP)
        self.column.addWidget(label("Measurements of the study", "heading"))
        self.table = QTableWidget(0, len(HEADERS))
        self.table.setAccessibleName("Measurements of the study: what, its value with unit and spacing, and on which image")
        self.table.setHorizontalHeaderLabels(list(HEADERS))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for section, width in ((0, 112), (2, 76)):
            self.table.setColumnWidth(section, width)
        self.table.itemSelectionChanged.connect(self._rows_chosen)
        self.table.itemActivated.connect(lambda item: self._go(item.row()))
        self.table.itemDoubleClicked.connect(lambda item: self._go(item.row()))
        self.column.addWidget(self.table, 1)
        self._summary = label("", "soft")
        self.column.addWidget(self._summary)
        self.column.addLayout(
            row(button("Export…", self.exportWanted.emit, tip="CSV, DICOM presentation state, DICOM measurement report"))
        )

    def offer_tools(self, actions: Mapping[str, QAction]) -> None:
        """The tools as buttons; `actions` are the table's, by id."""
        self._tools.offer((str(tool) for tool in FilmTool), actions)
        self.follow(None)

    def dress(self, actions: Mapping[str, QAction]) -> None:
        """Icons and tips after a change of theme or keys."""
        self._tools.dress(actions)

    def follow(self, view: MarkedFilm | None) -> None:
        """The view in the active pane; None where it is no film's."""
        if view is not self._view:
            if self._view is not None and isValid(self._view):
                self._view.drawing.toolChanged.disconnect(self._tool_changed)
                self._view.drawing.selectionChanged.disconnect(self._selection_changed)
            self._view = view
            if view is not None:
                view.drawing.toolChanged.connect(self._tool_changed)
                view.drawing.selectionChanged.connect(self._selection_changed)
        self._tool_changed(view.drawing.tool if view is not None else "")
        self._tools.enable(view is not None)
        self._show_empty()

    def say(self, sentence: str, bad: bool = True) -> None:
        """One sentence above the table; not `bad`: a note."""
        self._word.say(sentence, bad)

    def show_rows(self, rows: Sequence[Row]) -> None:
        self._filling = True
        self._rows = tuple(rows)
        self.table.setRowCount(len(rows))
        for number, one in enumerate(rows):
            mark, found = one.valued.mark, one.valued.found
            tool = tool_of(mark)
            title = mark.name or (TITLES[tool] if tool is not None else "")
            value = value_words(mark, found)
            for section, text in enumerate((title + (", locked" if mark.locked else ""), value, one.place)):
                item = QTableWidgetItem(text)
                item.setToolTip("\n".join(lines(mark, found)))
                self.table.setItem(number, section, item)
        if len(rows) <= _MOST_FITTED:
            self.table.resizeRowsToContents()
            for number in range(len(rows)):
                self.table.setRowHeight(number, self.table.rowHeight(number) + GAP)
        self._filling = False
        self._summary.setText("1 measurement" if len(rows) == 1 else f"{counted(len(rows))} measurements" if rows else "")
        self._show_empty()
        self._selection_changed()

    def _show_empty(self) -> None:
        """What to do next."""
        self._empty.setText(EMPTY if self._view is None else NONE_YET)
        self._empty.setVisible(not self._rows)

    def _tool_changed(self, name: str) -> None:
        self._tools.check(name)

    def _selection_changed(self) -> None:
        """Rows go with what is selected on the film."""
        chosen = self._view.drawing.selected_ids if self._view is not None and isValid(self._view) else ()
        numbers = [number for number, one in enumerate(self._rows) if one.valued.mark.id in chosen]
        selection = self.table.selectionModel()
        self._filling = True
        selection.clearSelection()
        for number in numbers:
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            selection.select(self.table.model().index(number, 0), flags)
        if numbers:
            self.table.scrollTo(self.table.model().index(numbers[0], 0))
        self._filling = False

    def _rows_chosen(self) -> None:
        """What is chosen here is selected on the film, where its frame is shown."""
        view = self._view
        if self._filling or view is None or not isValid(view) or view.drawing.document is None:
            return
        marks = view.drawing.document.marks
        chosen = [self._rows[index.row()].valued.mark.id for index in self.table.selectionModel().selectedRows()]
        view.drawing.select([id for id in chosen if id in marks and view.drawing.shows(marks[id])])

    def _go(self, number: int) -> None:
        if 0 <= number < len(self._rows):
            self.goWanted.emit(self._rows[number])
