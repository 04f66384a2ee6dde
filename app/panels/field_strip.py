"""The strip under a slide: the fields that are sent of it, as a film, and what the reader says of its tissue."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QLayout,
    QLineEdit,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.flow import Flow
from app.panels.parts import Elided, button, label
from app.slide_fields import POWERS, Fields
from viewers.geometry import Region

THUMB = 76
NUMBER = 22
"""Pixels of the line under a field."""
_PLACE = Qt.ItemDataRole.UserRole
EMPTY = "The fields with tissue that the model is to read stand here once they are chosen."


class Film(QListWidget):
    """Fields side by side in spatial order. Delete leaves the chosen one out."""

    leaveOut = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Fields of the slide")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(THUMB, THUMB))
        self.setGridSize(QSize(THUMB + 12, THUMB + NUMBER))
        self.setSpacing(0)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(THUMB + NUMBER + 12)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def event(self, event: QEvent) -> bool:
        """Delete is the film's while it has the keyboard, not the window's."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Delete:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.leaveOut.emit()
        else:
            super().keyPressEvent(event)


class FieldStrip(QFrame):
    powerChosen = Signal(int)
    fieldWanted = Signal(int)
    """Show that one, by its number from 0."""
    addWanted = Signal()
    replaceWanted = Signal(int)
    leaveOutWanted = Signal(int)
    resetWanted = Signal()
    draftWanted = Signal()
    closeWanted = Signal()
    said = Signal(str, str)
    """Tissue and procedure as they stand."""
    entered = Signal()
    """By the keyboard or a click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAccessibleName("Fields of the whole slide")
        self._fields: Fields | None = None
        self.tissue, self.procedure = QLineEdit(), QLineEdit()
        for field, name, example in ((self.tissue, "Tissue", "colon"), (self.procedure, "Procedure", "biopsy")):
            field.setPlaceholderText(name)
            field.setToolTip(f"{name}, such as {example}; it goes before the question")
            field.setAccessibleName(name)
            field.setMinimumWidth(90)
            field.setMaximumWidth(220)
            field.textChanged.connect(lambda _: self.said.emit(self.tissue.text(), self.procedure.text()))
        self.power = QComboBox()
        self.power.setAccessibleName("Power of the fields")
        for power in POWERS:
            self.power.addItem(f"{power}×", power)
        self.power.activated.connect(lambda _: self.powerChosen.emit(int(self.power.currentData())))
        self.word = Elided("soft")
        self.add = button("Add view", self.addWanted.emit, tip="Alt+Insert: the field in the middle of the view is sent as well")
        self.swap = button("Swap", self._swap, tip="The field in the middle of the view in place of the chosen one")
        self.leave = button("Leave out", self._leave, tip="Alt+Delete: the chosen field is not sent")
        self.reset = button("Reset", self.resetWanted.emit, tip="The fields as they were proposed")
        self.draft = button("Draft", self.draftWanted.emit, tip="Ctrl+Alt+P: a report of the whole slide")
        self.shut = button("Close", self.closeWanted.emit, tip="Alt+Shift+S")
        self.film = Film()
        self.film.currentRowChanged.connect(self._chose)
        self.film.leaveOut.connect(self._leave)
        self.hint = label(EMPTY, "hint")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setFixedHeight(self.film.height())
        buttons = self.add, self.swap, self.leave, self.reset, self.draft, self.shut
        line = Flow(self.tissue, self.procedure, self.power, *buttons, right=self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 2)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self.word)
        column.addWidget(self.film)
        column.addWidget(self.hint)
        column.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        for part in (*self.findChildren(QWidget), self):
            part.installEventFilter(self)
        self.show_fields(None, {})

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.MouseButtonPress):
            self.entered.emit()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, super().sizeHint().height())

    @property
    def chosen(self) -> int:
        """Number of the chosen field, -1 for none."""
        return self.film.currentRow()

    def put(self, tissue: str, procedure: str, power: int) -> None:
        """What is known of the slide."""
        self.blockSignals(True)
        self.tissue.setText(tissue)
        self.procedure.setText(procedure)
        self.power.setCurrentIndex(self.power.findData(power))
        self.blockSignals(False)

    def show_fields(self, fields: Fields | None, pictures: Mapping[Region, QImage], chosen: Region | None = None) -> None:
        """None while there are none. `chosen` is the one to be marked; the view does not move for it."""
        self._fields = fields
        self.film.blockSignals(True)
        self.film.clear()
        for number, place in enumerate(fields.places if fields is not None else ()):
            own = fields is not None and place in fields.own
            item = QListWidgetItem(f"{number + 1} · yours" if own else str(number + 1))
            item.setData(_PLACE, place)
            item.setToolTip(f"Field {number + 1} at {place.x:,}, {place.y:,}{', put there by you' if own else ''}")
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
            self.film.addItem(item)
            if place in pictures:
                item.setIcon(_icon(pictures[place]))
            else:
                item.setIcon(_blank())
            if place == chosen:
                self.film.setCurrentRow(number)
        self.film.blockSignals(False)
        self.film.setVisible(fields is not None)
        self.hint.setVisible(fields is None)
        if fields is not None:
            self.hint.setText(EMPTY)
            count = len(fields.places)
            self.say(f"{count} {'field' if count == 1 else 'fields'} at {fields.power}×: {fields.swapped or fields.how}")
            self.word.setToolTip(f"{fields.how}{'; ' + fields.swapped if fields.swapped else ''}")
        self._suit()

    def show_picture(self, place: Region, picture: QImage) -> None:
        for number in range(self.film.count()):
            item = self.film.item(number)
            if item.data(_PLACE) == place:
                item.setIcon(_icon(picture))

    def say(self, sentence: str) -> None:
        self.word.setText(sentence)

    def show_trouble(self, sentence: str) -> None:
        """In place of the film, while there is none."""
        self.hint.setText(sentence)
        self.say("" if self._fields is None else sentence)

    def _chose(self, number: int) -> None:
        self._suit()
        if number >= 0:
            self.fieldWanted.emit(number)

    def _suit(self) -> None:
        there = self._fields is not None
        self.add.setEnabled(there)
        self.draft.setEnabled(there)
        self.swap.setEnabled(there and self.chosen >= 0)
        self.leave.setEnabled(there and self.chosen >= 0)
        self.reset.setEnabled(self._fields is not None and bool(self._fields.swapped))

    def _swap(self) -> None:
        if self.chosen >= 0:
            self.replaceWanted.emit(self.chosen)

    def _leave(self) -> None:
        if self.chosen >= 0:
            self.leaveOutWanted.emit(self.chosen)


def _icon(picture: QImage) -> QIcon:
    """The same whether chosen or not: a tint would change the stain."""
    shown = QPixmap.fromImage(picture)
    made = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        made.addPixmap(shown, mode)
    return made


def _blank() -> QIcon:
    shown = QPixmap(THUMB, THUMB)
    shown.fill(Qt.GlobalColor.transparent)
    return QIcon(shown)
