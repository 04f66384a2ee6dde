"""Marks on the slide in the active pane: tools, classes, and what they measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QTableView,
    QWidget,
)

from app.panels.marks_table import MarksTable
from app.panels.parts import GAP, Column, Word, button, label, row
from app.panels.tool_buttons import ToolButtons
from viewers.annotations.classes import UNCLASSIFIED, AnnotationClass, unseen
from viewers.annotations.document import Annotations, Edit
from viewers.drawing import TOOLS
from viewers.figures import counted
from viewers.geometry import Region
from viewers.marked_slide import MarkedSlide

if TYPE_CHECKING:
    from app.measuring import Measured

EMPTY = "Marks are drawn on slides: open one, then choose a tool here or by its key."
NONE_YET = "No marks yet. Choose a tool and draw; every stroke is kept at once."
_NAME = Qt.ItemDataRole.UserRole
_MOST_ROWS = 200
"""Selected marks beyond which the table shows none of them as chosen."""
_SWATCH = QSize(14, 14)


class MarksPanel(Column):
    importWanted = Signal()
    exportWanted = Signal()
    tissueWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: MarkedSlide | None = None
        self._document: Annotations | None = None
        self._counts: Mapping[str, int] = {}
        self._found: Measured | None = None
        self._active = ""
        self._filling = False
        self._refilling = QTimer(self, singleShot=True, interval=0)
        self._refilling.timeout.connect(self._fill_classes)
        self._tools = ToolButtons("tool-", len(TOOLS))
        self.column.addLayout(self._tools)
        self._word = Word()
        self.column.addWidget(self._word)
        self._empty = label(EMPTY, "hint")
        self.column.addWidget(self._empty)
        self.column.addWidget(label("Classes", "heading"))
        self.classes = QListWidget()
        self.classes.setAccessibleName("Classes: the key that assigns each, whether it is shown, how many marks bear it")
        self.classes.setIconSize(_SWATCH)
        self.classes.setMinimumHeight(120)
        self.classes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.classes.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.classes.itemChanged.connect(self._checked)
        self.classes.itemDoubleClicked.connect(lambda _: self.edit_class())
        self.column.addWidget(self.classes, 2)
        self.column.addLayout(
            row(
                button("Assign", self.assign_class, tip="To the selected marks, and to those drawn from now on (1 … 9)"),
                button("New…", self.new_class, tip="New class"),
                button("Edit…", self.edit_class, tip="Name and colour of the class"),
                button("Remove", self.remove_class, tip="Remove the class; its marks stay, unclassified"),
            )
        )
        self.column.addSpacing(GAP)
        self.column.addWidget(label("Measurements", "heading"))
        self.model = MarksTable(self)
        self.table = QTableView()
        self.table.setAccessibleName("Measurements of every mark")
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for section, width in ((1, 92), (2, 112)):
            self.table.setColumnWidth(section, width)
        self.table.selectionModel().selectionChanged.connect(self._rows_chosen)
        self.table.doubleClicked.connect(lambda index: self._go(index.row()))
        self.column.addWidget(self.table, 3)
        self._summary = label("", "soft")
        self.column.addWidget(self._summary)
        self.column.addLayout(
            row(
                button("Import…", self.importWanted.emit, tip="GeoJSON (QuPath), ASAP XML, DICOM"),
                button("Export…", self.exportWanted.emit, tip="GeoJSON (QuPath), CSV, DICOM annotations or report"),
                button(
                    "Outline tissue", self.tissueWanted.emit, tip="The tissue as marks that can be changed; pen ink is left out"
                ),
            )
        )
        self._refresh()

    def offer_tools(self, actions: Mapping[str, QAction]) -> None:
        """The tools as buttons; `actions` are the table's, by id."""
        self._tools.offer(TOOLS, actions)
        self._refresh()

    def dress(self, actions: Mapping[str, QAction]) -> None:
        """Icons and tips after a change of theme or keys."""
        self._tools.dress(actions)

    # what it shows

    def follow(self, view: MarkedSlide | None) -> None:
        """The view in the active pane; None where it is no slide's."""
        if view is not self._view:
            if self._view is not None:
                self._view.drawing.toolChanged.disconnect(self._tool_changed)
                self._view.drawing.selectionChanged.disconnect(self._selection_changed)
                self._view.destroyed.disconnect(self._gone)
                self._view.drawing.classChanged.disconnect(self._refilling.start)
            self._view = view
            if view is not None:
                view.drawing.toolChanged.connect(self._tool_changed)
                view.drawing.selectionChanged.connect(self._selection_changed)
                view.drawing.classChanged.connect(self._refilling.start)
                view.destroyed.connect(self._gone)
        document = view.drawing.document if view is not None else None
        if document is not self._document:
            if self._document is not None:
                self._document.unlisten(self._edited)
            self._document = document
            if document is not None:
                document.listen(self._edited)
            self.show_measures(None)
        self._refresh()

    def say(self, sentence: str, bad: bool = True) -> None:
        """One sentence above the classes; not `bad`: a note."""
        self._word.say(sentence, bad)

    def show_measures(self, found: Measured | None) -> None:
        self.model.show(found)
        self._counts = {one.name: one.count for one in found.counts} if found is not None else {}
        self._found = found
        self._fill_classes()
        self._show_empty()
        self._selection_changed()

    # classes

    def new_class(self) -> None:
        if self._document is None:
            return
        name, good = QInputDialog.getText(self, "New class", "Name")
        if good and name.strip():
            taken = {one.key for one in self._document.classes}
            key = next((str(digit) for digit in range(1, 10) if str(digit) not in taken), "")
            self._try(
                lambda document: document.set_classes([*document.classes, replace(unseen(name.strip()), key=key)], "new class")
            )

    def edit_class(self) -> None:
        """Its name, then its colour."""
        one = self._chosen_class()
        if one is None:
            return
        name, good = QInputDialog.getText(self, "Class", "Name", text=one.name)
        if not good:
            return
        colour = QColorDialog.getColor(QColor(*one.colour), self, f"Colour of {one.name}")
        picked = (colour.red(), colour.green(), colour.blue()) if colour.isValid() else one.colour
        self._try(lambda document: document.rename_class(one.name, replace(one, name=name.strip(), colour=picked)))

    def remove_class(self) -> None:
        """Its marks stay, unclassified."""
        one = self._chosen_class()
        if one is not None:
            self._try(lambda document: document.remove_class(one.name))

    def _try(self, work: Callable[[Annotations], None]) -> None:
        if self._document is None:
            return
        try:
            work(self._document)
        except ValueError as error:
            self.say(f"{str(error)[:1].upper()}{str(error)[1:]}.")
        else:
            self.say("")

    def _chosen_class(self) -> AnnotationClass | None:
        item = self.classes.currentItem()
        return self._document.class_of(str(item.data(_NAME))) if item is not None and self._document is not None else None

    def _fill_classes(self) -> None:
        known = self._document.classes if self._document is not None else ()
        item = self.classes.currentItem()
        current = str(item.data(_NAME)) if item is not None else None
        active = self._view.drawing.active_class if self._view is not None else ""
        if current is None or active != self._active:
            current = active
        self._active = active
        self._filling = True
        self.classes.clear()
        for one in (AnnotationClass("Unclassified", UNCLASSIFIED, "0"), *known) if self._document is not None else ():
            name = one.name if one in known else ""
            count = self._counts.get(name, 0)
            text = f"{one.name}    {counted(count)}" if count else one.name
            item = QListWidgetItem(_swatch(one), f"{one.key or ' '}  {text}")
            item.setData(_NAME, name)
            if name:
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if one.visible else Qt.CheckState.Unchecked)
            self.classes.addItem(item)
            item.setToolTip(one.name)
            if name == current:
                self.classes.setCurrentItem(item)
        self._filling = False

    def _checked(self, item: QListWidgetItem) -> None:
        if self._filling or self._document is None:
            return
        name, shown = str(item.data(_NAME)), item.checkState() == Qt.CheckState.Checked
        changed = [replace(one, visible=shown) if one.name == name else one for one in self._document.classes]
        self._document.set_classes(changed, f"{'show' if shown else 'hide'} {name}")

    def assign_class(self) -> None:
        """The class chosen in the list, to the selected marks and to those drawn from now on."""
        item = self.classes.currentItem()
        if item is not None and self._view is not None:
            self._view.drawing.classify(str(item.data(_NAME)))

    # tools, selection

    def _refresh(self) -> None:
        self._tool_changed(self._view.drawing.tool if self._view is not None else "")
        self._tools.enable(self._view is not None)
        self._fill_classes()
        self._show_empty()

    def _show_empty(self) -> None:
        """What to do next; nothing while marks are still being read."""
        self._empty.setText(EMPTY if self._view is None else NONE_YET)
        self._empty.setVisible(self._view is None or (self._document is not None and not self._document.marks))

    def _tool_changed(self, name: str) -> None:
        self._tools.check(name)

    def _selection_changed(self) -> None:
        """Rows go with what is selected on the slide."""
        chosen = self._view.drawing.selected_ids if self._view is not None else ()
        rows = self.model.rows_of(chosen) if len(chosen) <= _MOST_ROWS else []
        selection = self.table.selectionModel()
        self._summary.setText(self._summed(chosen))
        self._filling = True
        selection.clearSelection()
        for number in rows:
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            selection.select(self.model.index(number, 0), flags)
        if rows:
            self.table.scrollTo(self.model.index(rows[0], 0))
        self._filling = False

    def _summed(self, chosen: Collection[str]) -> str:
        """What lies in the one selected area, else how many marks there are."""
        if self._found is None or not self._found.marks:
            return ""
        within = self._found.inside.get(next(iter(chosen))) if len(chosen) == 1 else None
        if within is None:
            return f"{counted(len(self._found.marks))} marks"
        parts = []
        for name, count in within.counts.items():
            density = within.per_mm2.get(name, math.nan)
            parts.append(
                f"{counted(count)} {name or 'unclassified'}" + ("" if math.isnan(density) else f" ({density:.3g} / mm²)")
            )
        return "Inside the selected area: " + (", ".join(parts) if parts else "no marks")

    def _rows_chosen(self) -> None:
        if self._filling or self._view is None:
            return
        rows = self.table.selectionModel().selectedRows()
        self._view.drawing.select([self.model.mark(index.row()).id for index in rows])

    def _go(self, number: int) -> None:
        """The view goes where a mark is."""
        if self._view is not None:
            x0, y0, x1, y1 = self.model.mark(number).geometry.bounds
            self._view.show_region(Region(int(x0) - 8, int(y0) - 8, max(64, int(x1 - x0) + 16), max(64, int(y1 - y0) + 16)))
            self._view.setFocus()

    def _edited(self, edit: Edit) -> None:
        if edit.classes is not None:
            self._refilling.start()  # not here: the list may be in the midst of a click
        self._show_empty()

    def _gone(self) -> None:
        self._view = None


def _swatch(one: AnnotationClass) -> QIcon:
    picture = QPixmap(_SWATCH)
    picture.fill(QColor(*one.colour))
    return QIcon(picture)
