"""The window with the tags of the picture in the active pane: a tree, a search, the whole value below, another file beside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QSplitter,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.panels.parts import GAP, MARGIN, Elided, button, fill, label, row
from app.panels.tag_rows import Found, TagRows
from app.theme import ThemeName, icon
from viewers.tags import Tag
from viewers.tags.comparing import Pair

EMPTY = "The picture in the active pane is not DICOM, or there is none: choose a radiograph or a series."
TYPED_MS = 150
UNFOLDED = 400
"""Up to so many rows are unfolded when something was searched for or compared."""
WIDTHS = (150, 250, 42, 330, 80)


class TagWindow(QWidget):
    searched = Signal(str)
    revealed = Signal(bool)
    otherWanted = Signal(object)
    """Path of the source to compare with; None: with none."""
    otherFileWanted = Signal()
    differencesOnly = Signal(bool)
    wholeWanted = Signal(object)
    """The Tag, or the Pair, whose whole value is wanted."""

    def __init__(self, theme: ThemeName, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Tags")
        self.resize(920, 720)
        self.rows = TagRows(theme)
        self.others: Sequence[tuple[Path, str]] = ()
        """What is offered to compare with: paths and their words."""
        self.title = Elided("heading")
        self.beside = Elided("soft")
        self.word = label(EMPTY, "hint")
        self.notes = label("", "warn")
        self._build(theme)
        self.show_found(Found((), ()), "")

    def show_found(self, found: Found, title: str, beside: str = "") -> None:
        """Other rows; what is chosen and unfolded stays where it is still there."""
        chosen, opened = self._key(self.view.currentIndex()), self._opened()
        top = self.view.verticalScrollBar().value()
        was_two = self.rows.two
        self.rows.show(found)
        self.title.setText(title)
        self.beside.setText(f"compared with {beside}" if beside else "")
        self.beside.setVisible(bool(beside))
        self.only.setVisible(bool(beside))
        self.stop.setVisible(bool(beside))
        self.notes.setText("\n".join(found.notes))
        self.notes.setVisible(bool(found.notes))
        self.word.setText(self._empty(found, beside, title))
        self.word.setVisible(not found.kept)
        self.view.setVisible(bool(found.kept))
        if was_two != self.rows.two:
            modes = QHeaderView.ResizeMode
            self.view.header().setSectionResizeMode(4, modes.Stretch if self.rows.two else modes.Interactive)
            self.view.setColumnWidth(4, WIDTHS[4])
        if (found.searched or self.rows.two) and len(found.kept) <= UNFOLDED:
            self.view.expandAll()
        else:
            self._open(opened)
        self._choose(chosen)
        self.view.verticalScrollBar().setValue(top)
        self._show_value()

    def say(self, sentence: str) -> None:
        self.show_found(Found((), ()), self.title.text())
        self.word.setText(sentence)

    def show_whole(self, text: str) -> None:
        self.value.setPlainText(text)
        self.all.hide()

    def dress(self, theme: ThemeName) -> None:
        self.rows.theme = theme
        self.eye.setIcon(icon("mdi6.eye-outline" if self.eye.isChecked() else "mdi6.eye-off-outline", theme))
        self.rows.layoutChanged.emit()

    def _build(self, theme: ThemeName) -> None:
        self.eye = QToolButton()
        self.eye.setObjectName("flat")
        self.eye.setCheckable(True)
        self.eye.setToolTip("Show values that may tell who the patient is")
        self.eye.setAccessibleName("Show patient fields")
        self.eye.toggled.connect(self._reveal)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Tag, keyword, name or value")
        self.search.setAccessibleName("Search the tags")
        self.search.setClearButtonEnabled(True)
        self._typed = QTimer(self, singleShot=True, interval=TYPED_MS)
        self._typed.timeout.connect(lambda: self.searched.emit(self.search.text()))
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.compare = QToolButton()
        self.compare.setText("Compare with…")
        self.compare.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.compare.setMenu(QMenu(self.compare))
        self.compare.menu().aboutToShow.connect(self._fill_menu)
        self.stop = button("Stop comparing", lambda: self.otherWanted.emit(None))
        self.only = QCheckBox("Only differences")
        self.only.setChecked(True)
        self.only.toggled.connect(self.differencesOnly)
        self.view = self._tree()
        self.value = QPlainTextEdit()
        self.value.setReadOnly(True)
        self.value.setAccessibleName("The chosen value")
        self.value_title = Elided("soft")
        self.all = button("Show all", self._want_whole)
        self.copy = button("Copy", self._copy, tip="Copy tag, name and value (Ctrl+C)")
        below = QWidget()
        under = QVBoxLayout(below)
        under.setContentsMargins(0, GAP, 0, 0)
        under.addLayout(row(fill(self.value_title), self.all, self.copy, stretch=0))
        under.addWidget(self.value)
        parts = QSplitter(Qt.Orientation.Vertical)
        upper = QWidget()
        over = QVBoxLayout(upper)
        over.setContentsMargins(0, 0, 0, 0)
        over.addWidget(self.word)
        over.addWidget(self.view, 1)
        parts.addWidget(upper)
        parts.addWidget(below)
        parts.setStretchFactor(0, 1)
        parts.setSizes([560, 120])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addLayout(row(self.title, self.beside, QWidget(), self.eye, stretch=2))
        layout.addLayout(row(self.search, self.only, self.stop, self.compare, stretch=0))
        layout.addWidget(self.notes)
        layout.addWidget(parts, 1)
        for keys, work in (("Ctrl+F", self._to_search), ("Escape", self.close), ("F4", self.close)):
            QShortcut(QKeySequence(keys), self, work)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.view, self._copy, context=Qt.ShortcutContext.WidgetShortcut)
        self.dress(theme)

    def _tree(self) -> QTreeView:
        view = QTreeView()
        view.setObjectName("tags")
        view.setModel(self.rows)
        view.setUniformRowHeights(True)
        view.setAlternatingRowColors(False)
        view.setAllColumnsShowFocus(True)
        view.setIndentation(14)
        view.setAccessibleName("Tags")
        view.selectionModel().currentChanged.connect(lambda *_: self._show_value())
        for column, width in enumerate(WIDTHS):
            view.setColumnWidth(column, width)
        view.header().setStretchLastSection(False)
        view.header().setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        return view

    def _fill_menu(self) -> None:
        menu = self.compare.menu()
        menu.clear()
        for path, words in self.others:
            menu.addAction(words.replace("&", "&&")).triggered.connect(partial(self._want_other, path))
        menu.addSeparator()
        menu.addAction("A file…").triggered.connect(lambda _=False: self.otherFileWanted.emit())

    def _want_other(self, path: Path, _checked: bool = False) -> None:
        self.otherWanted.emit(path)

    def _to_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _reveal(self, revealed: bool) -> None:
        self.rows.reveal(revealed)
        self.dress(self.rows.theme)
        self._show_value()
        self.revealed.emit(revealed)

    def _empty(self, found: Found, beside: str, title: str) -> str:
        if not title:
            return EMPTY
        if found.searched:
            return "No tag matches the search."
        return "The two files do not differ; pixels are not compared." if beside else EMPTY

    def _show_value(self) -> None:
        held = self.rows.held(self.view.currentIndex())
        tag = held.either if isinstance(held, Pair) else held
        cut = held is not None and any(not one.whole for one in _sides(held))
        hidden = tag is not None and tag.private and not self.rows.revealed
        self.all.setVisible(cut and not hidden)
        self.copy.setEnabled(tag is not None)
        if held is None or tag is None:
            self.value_title.setText("")
            self.value.setPlainText("")
            return
        size = "undefined length" if tag.length is None else f"{tag.length:,} bytes"
        named = [tag.number, tag.name, tag.keyword, tag.vr, size]
        self.value_title.setText(" · ".join(filter(None, named)))
        texts = [one.shown(self.rows.revealed) + ("" if one.whole else " …") for one in _sides(held)]
        self.value.setPlainText("\n\n".join(texts))

    def _want_whole(self) -> None:
        held = self.rows.held(self.view.currentIndex())
        if held is not None:
            self.wholeWanted.emit(held)

    def _copy(self) -> None:
        held = self.rows.held(self.view.currentIndex())
        if held is not None:
            tag = held.either if isinstance(held, Pair) else held
            values = " | ".join(one.shown(self.rows.revealed) for one in _sides(held))
            QGuiApplication.clipboard().setText(f"{tag.number} {tag.name}: {values}".strip())

    def _key(self, index: QModelIndex) -> tuple[tuple[int, int], ...]:
        """Tag and row of an element and of what it lies in: the same place in another file."""
        key = []
        while index.isValid():
            key.append(self._step(index))
            index = index.siblingAtColumn(0).parent()
        return tuple(reversed(key))

    def _step(self, index: QModelIndex) -> tuple[int, int]:
        held = self.rows.held(index)
        tag = held.either if isinstance(held, Pair) else held
        return tag.tag if tag is not None else 0, index.row() if tag is not None and tag.is_item else 0

    def _opened(self) -> list[tuple[tuple[int, int], ...]]:
        """Keys of what is unfolded at the top and the level below."""
        found: list[tuple[tuple[int, int], ...]] = []
        queue = [QModelIndex()]
        while queue and len(found) < UNFOLDED:
            above = queue.pop()
            for at in range(min(self.rows.rowCount(above), 2000)):
                index = self.rows.index(at, 0, above)
                if self.view.isExpanded(index):
                    found.append(self._key(index))
                    queue.append(index)
        return found

    def _open(self, keys: list[tuple[tuple[int, int], ...]]) -> None:
        for key in keys:
            index = self._place(key)
            if index.isValid():
                self.view.expand(index)

    def _choose(self, key: tuple[tuple[int, int], ...]) -> None:
        index = self._place(key) if key else QModelIndex()
        if index.isValid():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.view.selectionModel().setCurrentIndex(index, flags)

    def _place(self, key: tuple[tuple[int, int], ...]) -> QModelIndex:
        index = QModelIndex()
        for wanted, place in key:
            below = (self.rows.index(at, 0, index) for at in range(self.rows.rowCount(index)))
            index = next((one for one in below if self._step(one) == (wanted, place)), QModelIndex())
            if not index.isValid():
                break
        return index


def _sides(held: Tag | Pair) -> list[Tag]:
    return [one for one in (held.left, held.right) if one is not None] if isinstance(held, Pair) else [held]
