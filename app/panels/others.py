"""What others said about the picture: reports, presentation states, segmentations, key images, and who said it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QSlider, QTreeWidget, QTreeWidgetItem, QWidget

from app.panels.parts import Column, Word, button, label, row
from viewers.objects.said import Said

EMPTY = (
    "Nothing that others said lies with this picture. Open a folder or file with structured reports, presentation states, "
    "segmentations, contours or key images (DICOM), and they are shown on the images they speak of."
)
AS_STORED = "as stored"
_SAID, _LAYER, _FINDING = (Qt.ItemDataRole.UserRole + step for step in range(3))


class OthersPanel(Column):
    edited = Signal()
    """Other layers are to be seen, or with another opacity."""
    chosen = Signal(object, object)
    """The Said, and one of its findings or None: to be shown."""
    stateChosen = Signal(object)
    """The Said whose presentation is to be used, None: as stored."""
    removeWanted = Signal(object)
    statisticsWanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hidden: set[tuple[str, str]] = set()
        self._filling = False
        self._objects: tuple[Said, ...] = ()
        self._here: frozenset[Path] = frozenset()
        self._word = Word()
        self.column.addWidget(self._word)
        self._empty = label(EMPTY, "hint")
        self.column.addWidget(self._empty)
        self.state = QComboBox()
        self.state.setAccessibleName("Presentation")
        self.state.activated.connect(lambda at: self.stateChosen.emit(self.state.itemData(at)))
        self._states = QWidget()
        self._states.setLayout(row(label("Presentation", "soft", wrap=False), self.state, stretch=1))
        self.column.addWidget(self._states)
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName("What others said")
        self.tree.itemChanged.connect(self._checked)
        self.tree.currentItemChanged.connect(lambda item, _: self._shown(item))
        self.tree.itemClicked.connect(lambda item, _: self._go(item))
        self.tree.itemActivated.connect(lambda item, _: self._go(item))
        self.column.addWidget(self.tree, 3)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(100)
        self.opacity.setAccessibleName("Opacity of segmentations")
        self.opacity.valueChanged.connect(lambda _: self.edited.emit())
        self._fade = QWidget()
        self._fade.setLayout(row(label("Opacity", "soft", wrap=False), self.opacity, stretch=1))
        self.column.addWidget(self._fade)
        self._who = label("", "soft", selectable=True)
        self.column.addWidget(self._who)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Text of the report")
        self.column.addWidget(self.text, 2)
        self._measure = button("Volume and values", lambda: self._ask(self.statisticsWanted))
        self._remove = button("Take away", lambda: self._ask(self.removeWanted), tip="The file itself stays as it is")
        self.column.addLayout(row(self._measure, self._remove))
        self.show_objects((), frozenset())

    @property
    def said(self) -> Said | None:
        """The one chosen in the tree."""
        item = self.tree.currentItem()
        while item is not None and item.data(0, _SAID) is None:
            item = item.parent()
        found = item.data(0, _SAID) if item is not None else None
        return found if isinstance(found, Said) else None

    def say(self, sentence: str) -> None:
        self._word.say(sentence)

    def show_objects(self, objects: Sequence[Said], here: frozenset[Path]) -> None:
        """All that was read; `here` are those that belong to the picture in the active pane."""
        if tuple(objects) == self._objects and here == self._here:
            return
        chosen = self.said
        self._objects, self._here = tuple(objects), here
        self._filling = True
        self.tree.clear()
        for said in sorted(objects, key=lambda one: one.path not in here):
            self.tree.addTopLevelItem(self._made(said, said.path in here))
        self._filling = False
        self._offer_states([one for one in objects if one.path in here and one.presentation is not None])
        for widget in (self.tree, self._who, self.text, self._remove):
            widget.setVisible(bool(objects))
        self._empty.setVisible(not objects)
        self._fade.setVisible(any(one.segmentation is not None for one in objects))
        self._select(chosen if chosen in self._objects else (self._objects[0] if self._objects else None))

    def front(self, path: Path) -> None:
        """Choose what a file said."""
        self._select(next((one for one in self._objects if one.path == path), None))

    def show_statistics(self, said: Said, lines: Sequence[str]) -> None:
        if said is self.said:
            self.text.setPlainText("\n".join(lines))

    def use_state(self, said: Said | None) -> None:
        self.state.setCurrentIndex(max(0, self.state.findData(said)))

    def _select(self, said: Said | None) -> None:
        for at in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(at)
            if item is not None and item.data(0, _SAID) is said:
                self.tree.setCurrentItem(item)
                return
        self._shown(None)

    def _offer_states(self, states: Sequence[Said]) -> None:
        before = self.state.currentData()
        self.state.clear()
        self.state.addItem(AS_STORED, None)
        for one in states:
            self.state.addItem(one.title.removeprefix("presentation ") or one.path.name, one)
        self._states.setVisible(bool(states))
        self.use_state(before if before in states else None)

    def _made(self, said: Said, here: bool) -> QTreeWidgetItem:
        top = QTreeWidgetItem([said.summary if here else f"{said.summary} · of other images"])
        top.setData(0, _SAID, said)
        top.setToolTip(0, said.path.name)
        self._checkable(top, said, "")
        if said.segmentation is not None:
            for segment in said.segmentation.segments:
                line = QTreeWidgetItem([segment.label])
                line.setToolTip(0, " · ".join(filter(None, (segment.kind, segment.algorithm))))
                swatch = QPixmap(12, 12)
                swatch.fill(QColor(*segment.colour))
                line.setIcon(0, QIcon(swatch))
                self._checkable(line, said, segment.label)
                top.addChild(line)
        elif said.layers:
            for name in said.layers:
                line = QTreeWidgetItem([name])
                self._checkable(line, said, name)
                top.addChild(line)
        for finding in said.findings:
            line = QTreeWidgetItem([finding.title])
            line.setData(0, _FINDING, finding)
            line.setToolTip(0, "\n".join(finding.lines))
            for words in finding.lines[:50]:
                below = QTreeWidgetItem([words])
                below.setData(0, _FINDING, finding)
                line.addChild(below)
            top.addChild(line)
        top.setExpanded(here and top.childCount() <= 12)
        return top

    def _checkable(self, item: QTreeWidgetItem, said: Said, layer: str) -> None:
        if said.form == "key images":
            return
        item.setData(0, _LAYER, (said.uid, layer))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        shown = (said.uid, layer) not in self.hidden
        item.setCheckState(0, Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)

    def _checked(self, item: QTreeWidgetItem) -> None:
        key = item.data(0, _LAYER)
        if self._filling or key is None:
            return
        if item.checkState(0) == Qt.CheckState.Checked:
            self.hidden.discard(tuple(key))
        else:
            self.hidden.add(tuple(key))
        self.edited.emit()

    def _shown(self, item: QTreeWidgetItem | None) -> None:
        said = self.said if item is not None else None
        self._measure.setVisible(said is not None and said.segmentation is not None)
        if said is None:
            self._who.setText("")
            self.text.clear()
            return
        origin = said.origin
        told = [f"By {origin.who or 'nobody named'}", origin.software, origin.when, *origin.flags]
        self._who.setText("\n".join([" · ".join(filter(None, told)), *said.notes]))
        self.text.setPlainText("\n".join(f"{'  ' * depth}{line}" for depth, line in said.text))
        self.text.setVisible(bool(said.text) or said.segmentation is not None)

    def _go(self, item: QTreeWidgetItem) -> None:
        said = self.said
        if said is not None:
            self.chosen.emit(said, item.data(0, _FINDING))

    def _ask(self, signal: object) -> None:
        if self.said is not None:
            signal.emit(self.said)  # type: ignore[attr-defined]
