"""The browser: what is open as a tree, with thumbnails and a search; a bad file says why in its own line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, QRegularExpression, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QTreeView, QVBoxLayout, QWidget

from app.panels.parts import MARGIN, label, row
from app.panels.source_line import Line, height_for, text_rect
from app.panels.source_tree import ROW, SEARCH, SEARCH_NAMED, Found, Group, Index, Item, Sources, held_by
from app.placing import Card
from app.theme import ThemeName, icon
from viewers.plain_text import folded
from viewers.thumbnail import Thumbnail

EMPTY = "Drop files, folders or a ZIP here, or press Ctrl+O."
NOTHING = "Nothing here matches the search."
UNFOLDED = 20
"""So many patients are unfolded as they come; more are left folded."""
FOUND_UNFOLDED = 100
"""Up to so many lines at the top are unfolded when something is searched for."""
INDENT = 10
RESIZED_MS = 120


class Tree(QTreeView):
    """Typing goes to the search, Enter unfolds a patient or a study and gives the keyboard to the picture of a source."""

    typed = Signal(str)
    entered = Signal()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _written(event):
            event.accept()
            return True
        return bool(super().event(event))

    def drawBranches(self, painter: QPainter, rect: QRect, index: Index) -> None:
        """The lines themselves show whether they are unfolded."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            index = self.currentIndex()
            if isinstance(held_by(index), Group):
                self.setExpanded(index, not self.isExpanded(index))
            elif index.isValid():
                self.entered.emit()
        elif _written(event):
            self.typed.emit(event.text())
        else:
            super().keyPressEvent(event)


class Browser(QWidget):
    """Emits the path a reader chose."""

    chosen = Signal(object)
    viewWanted = Signal()
    """The keyboard is to go to the picture."""
    openWanted = Signal()
    folderWanted = Signal()

    def __init__(self, theme: ThemeName, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = Sources()
        self.found = Found(self.model)
        self._theme: ThemeName = theme
        self._quiet = False
        self._last: Path | None = None
        """What was chosen last, also while the search leaves it out."""
        self._line = Line(theme, self)
        self.view = self._tree()
        self.chips: dict[str, QToolButton] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search (Ctrl+F)")
        self.search.setAccessibleName("Search the sources")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._narrow())
        self.search.installEventFilter(self)
        self._resized = QTimer(self, singleShot=True, interval=RESIZED_MS)
        self._resized.timeout.connect(self._fit_problems)
        self._lay_out(theme)
        self._offer_search()

    def add(self, path: Path) -> bool:
        """False when the path is there already."""
        return bool(self.add_cards([Card(path)]))

    def add_cards(self, cards: Iterable[Card], problems: Mapping[Path, str] | None = None) -> list[Card]:
        """Those that were not there yet. `problems` says of some why they cannot be shown."""
        new = self.model.add(cards, problems)
        for item in new:
            if item.problem:
                self._fit(item)
        if new:
            self._offer_search()
        return [item.card for item in new]

    def file(self, card: Card) -> None:
        """More is known of a source that is there."""
        item = self.model.item_of(card.path)
        if item is None or item.card == card:
            return
        current = self.current()
        self._quiet = True
        self.model.file(card)
        self._quiet = False
        if current == card.path:
            self.view.setCurrentIndex(self.index_of(card.path))
        self._offer_search()

    def describe(self, path: Path, line: str, picture: Thumbnail | None) -> None:
        self.model.describe(path, line, picture)

    def fail(self, path: Path, sentence: str) -> None:
        self.model.fail(path, sentence)
        if item := self.model.item_of(path):
            self._fit(item)

    def remove(self, path: Path) -> None:
        self.model.remove(path)
        self._offer_search()

    def select(self, path: Path) -> None:
        index = self.index_of(path)
        if index.isValid():
            self.view.setCurrentIndex(index)

    def index_of(self, path: Path) -> QModelIndex:
        """Its line in the view; invalid when it is not there or the search leaves it out."""
        return self.found.mapFromSource(self.model.index_of(path))

    def step(self, by: int) -> None:
        """Choose the next (1) or previous (-1) source that can be shown."""
        index = self.view.currentIndex()
        while (index := self._beside(index, by)).isValid():
            held = held_by(index)
            if isinstance(held, Item) and not held.problem:
                self.view.setCurrentIndex(index)
                return

    def current(self) -> Path | None:
        held = held_by(self.view.currentIndex())
        return held.path if isinstance(held, Item) else None

    def search_now(self) -> None:
        """Give the keyboard to the search."""
        self.show()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def reveal(self, named: bool) -> None:
        """Show patients by their names, and let the search find them; or by their aliases again."""
        self._eye.setChecked(named)
        self.model.reveal(named)
        self.found.setFilterRole(SEARCH_NAMED if named else SEARCH)
        self._narrow()
        self._dress_eye()

    def toggle_names(self) -> None:
        self._eye.toggle()

    def dress(self, theme: ThemeName) -> None:
        self._theme = self._line.theme = theme
        self._files.setIcon(icon("mdi6.file-plus-outline", theme))
        self._folder.setIcon(icon("mdi6.folder-plus-outline", theme))
        self._dress_eye()
        self.view.viewport().update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search: Escape clears it, then leaves it; Down and Enter go to what was found."""
        if watched is self.search and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
                self.search.clear()
                self.view.setFocus()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go_to_found(event.key() != Qt.Key.Key_Down)
                return True
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._resized.start()

    def _tree(self) -> Tree:
        view = Tree()
        view.setModel(self.found)
        view.setHeaderHidden(True)
        view.setRootIsDecorated(False)
        view.setIndentation(INDENT)
        view.setUniformRowHeights(False)
        view.setExpandsOnDoubleClick(False)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        view.setMouseTracking(True)
        view.setDragEnabled(True)
        view.setDragDropMode(QTreeView.DragDropMode.DragOnly)
        view.setAccessibleName("Open sources")
        view.setItemDelegate(self._line)
        view.selectionModel().currentChanged.connect(self._current)
        view.clicked.connect(self._clicked)
        view.typed.connect(self._typed)
        view.entered.connect(self.viewWanted)
        self.found.rowsInserted.connect(self._unfold)
        return view

    def _lay_out(self, theme: ThemeName) -> None:
        self._empty = label(EMPTY, "hint")
        self._empty.setContentsMargins(MARGIN, 4, MARGIN, 4)
        self._eye = _flat("mdi6.eye-off-outline", theme, "Show patients' names")
        self._eye.setCheckable(True)
        self._eye.toggled.connect(self.reveal)
        self._files = _flat("mdi6.file-plus-outline", theme, "Open files (Ctrl+O)")
        self._files.clicked.connect(self.openWanted)
        self._folder = _flat("mdi6.folder-plus-outline", theme, "Open a folder (Ctrl+Shift+O)")
        self._folder.clicked.connect(self.folderWanted)
        heading = row(label("Sources", "heading", wrap=False), QWidget(), self._eye, self._files, self._folder, stretch=1)
        heading.setContentsMargins(MARGIN, 6, 8, 4)
        heading.setSpacing(2)
        self._chip_row = QHBoxLayout()
        self._chip_row.setContentsMargins(MARGIN, 0, 8, 6)
        self._chip_row.setSpacing(4)
        self._chip_row.addStretch(1)
        self._ground = QWidget()
        over = QVBoxLayout(self._ground)
        over.setContentsMargins(0, 0, 0, 0)
        over.setSpacing(6)
        field = row(self.search, stretch=0)
        field.setContentsMargins(MARGIN, 2, 8, 4)
        over.addLayout(field)
        over.addLayout(self._chip_row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(heading)
        layout.addWidget(self._ground)
        layout.addWidget(self._empty)
        layout.addWidget(self.view, 1)

    def _offer_search(self) -> None:
        """A search and an eye only where there is something to search; a chip for each modality where there are several."""
        self._ground.setVisible(len(self.model) > 1)
        self._eye.setVisible(self.model.grouped)
        self._say()
        kinds = self.model.kinds()
        kinds = kinds if len(kinds) > 1 else []
        for kind in set(self.chips) - set(kinds):
            self.chips.pop(kind).deleteLater()
        for kind in kinds:
            if kind not in self.chips:
                chip = QToolButton()
                chip.setObjectName("flat")
                chip.setText(kind)
                chip.setCheckable(True)
                chip.setAccessibleName(f"Only {kind}")
                chip.setToolTip(f"Only {kind}")
                chip.toggled.connect(lambda _: self._narrow())
                self.chips[kind] = chip
                self._chip_row.insertWidget(kinds.index(kind), chip)

    def _narrow(self) -> None:
        """Show what holds every word of the search, of the modalities that are chosen."""
        words = folded(self.search.text()).split()
        kinds = [folded(kind) for kind, chip in self.chips.items() if chip.isChecked()]
        escaped = QRegularExpression.escape
        parts = [rf"(?=\|(?:{'|'.join(escaped(kind) for kind in kinds)})\|)"] if kinds else []
        parts += [f"(?=.*{escaped(word)})" for word in words]
        self._quiet = True
        self.found.setFilterRegularExpression(QRegularExpression(f"^{''.join(parts)}") if parts else QRegularExpression())
        if parts and self.found.rowCount() <= FOUND_UNFOLDED:
            self.view.expandAll()
        self.view.setCurrentIndex(self.index_of(self._last) if self._last is not None else QModelIndex())
        self._quiet = False
        self._say()

    def _say(self) -> None:
        empty = len(self.model) == 0
        self._empty.setText(EMPTY if empty else NOTHING)
        self._empty.setVisible(empty or self.found.rowCount() == 0)

    def _typed(self, text: str) -> None:
        if self._ground.isVisible():
            self.search.setFocus(Qt.FocusReason.OtherFocusReason)
            self.search.setText(text)

    def _go_to_found(self, choose: bool) -> None:
        index = self._beside(QModelIndex(), 1)
        while index.isValid() and not isinstance(held_by(index), Item):
            index = self._beside(index, 1)
        self.view.setFocus()
        if index.isValid():
            self.view.setCurrentIndex(index)
            self._current(index, index)  # it may have been the current one before
            if choose:
                self.viewWanted.emit()

    def _beside(self, index: QModelIndex, by: int) -> QModelIndex:
        """The line after or before, as if all were unfolded; from none, the first or last."""
        found = self.found
        if by > 0:
            if found.rowCount(index):
                return found.index(0, 0, index)
            while index.isValid():
                after = index.sibling(index.row() + 1, 0)
                if after.isValid():
                    return after
                index = index.parent()
            return QModelIndex()
        if index.isValid() and index.row() == 0:
            return index.parent()
        index = index.sibling(index.row() - 1, 0) if index.isValid() else found.index(found.rowCount() - 1, 0)
        while found.rowCount(index):
            index = found.index(found.rowCount(index) - 1, 0, index)
        return index

    def _current(self, index: QModelIndex, _: QModelIndex) -> None:
        held = held_by(index)
        if isinstance(held, Item) and not self._quiet:
            self._last = held.path
            self.chosen.emit(held.path)

    def _clicked(self, index: QModelIndex) -> None:
        """A click on the current one chooses it too: another pane may be the active one by now."""
        if isinstance(held_by(index), Group):
            self.view.setExpanded(index, not self.view.isExpanded(index))
        else:
            self._current(index, index)
            self.viewWanted.emit()

    def _unfold(self, parent: QModelIndex, first: int, last: int) -> None:
        if isinstance(held := held_by(parent), Group) and held.above is not None:
            return
        for at in range(first, last + 1):
            index = self.found.index(at, 0, parent)
            group = held_by(index)
            if isinstance(group, Group) and (group.above is not None or self.found.rowCount() <= UNFOLDED):
                self.view.expand(index)

    def _fit_problems(self) -> None:
        for item in self.model.items():
            if item.problem:
                self._fit(item)

    def _fit(self, item: Item) -> None:
        """As high as its sentence needs."""
        depth = 2 if item.group is not None else 0
        width = text_rect(self.view.viewport().rect().adjusted(depth * INDENT, 0, 0, 0)).width()
        high = height_for(item.problem, self.view.fontMetrics(), width, ROW) if item.problem else ROW
        item.node.setData(QSize(120, high), Qt.ItemDataRole.SizeHintRole)

    def _dress_eye(self) -> None:
        named = self._eye.isChecked()
        tip = "Hide patients' names" if named else "Show patients' names"
        self._eye.setIcon(icon("mdi6.eye-outline" if named else "mdi6.eye-off-outline", self._theme))
        self._eye.setToolTip(tip)
        self._eye.setAccessibleName(tip)


def _written(event: QKeyEvent) -> bool:
    """Whether the key writes a sign, without Ctrl or Alt."""
    plain = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
    return (
        not (event.modifiers() & ~plain) and len(event.text()) > 0 and event.text().isprintable() and not event.text().isspace()
    )


def _flat(symbol: str, theme: ThemeName, tip: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    button.setIcon(icon(symbol, theme))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
