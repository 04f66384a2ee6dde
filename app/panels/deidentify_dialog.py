"""The dialog in which a person de-identifies the opened picture or a folder: options, boxes, attributes, where to, the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QImage
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.deidentify.preview import REMOVED, SAME, Change
from app.panels.box_picture import BoxPicture
from app.panels.parts import GAP, ScrolledColumn, button, label, reword, row
from viewers.deidentify.options import ABOUT, ACTS, Option
from viewers.geometry import Region, Size

WIDTH, HEIGHT, LEFT = 1080, 720, 400
HIDDEN = "hidden"
BOXES = "Drag to draw a box, drag a box to move it, Delete removes it. Boxes hold for every frame and file."
LOOKED = "I looked at every frame: with these boxes no text that identifies is left"
FACES = "I looked: nobody can be recognised by the picture"
PROPOSED = "Burn black what looks like text"


class DeidentifyDialog(QDialog):
    """Asks by its signals and shows what it is given; reads and writes nothing itself."""

    frameWanted = Signal(int)
    previewWanted = Signal()
    folderChosen = Signal(object)
    startWanted = Signal()
    stopWanted = Signal()
    closed = Signal()

    def __init__(self, what: str, frames: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("De-identify")
        self.setAccessibleName("De-identify after PS3.15 Annex E")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(WIDTH, HEIGHT)
        self.checks: dict[Option, QCheckBox] = {}
        self._changes: Sequence[Change] = ()
        self._revealed = False
        self.what = label(what, "heading")
        self.picture = BoxPicture()
        self.frame = QSlider(Qt.Orientation.Horizontal)
        self.frame.setRange(0, max(0, frames - 1))
        self.frame.setVisible(frames > 1)
        self.frame.setAccessibleName("Frame")
        self.table = self._table()
        self.out = QLineEdit()
        self.out.setPlaceholderText("An empty folder outside the originals")
        self.out.setAccessibleName("Folder for the de-identified files")
        self.looked, self.faces, self.proposed = QCheckBox(LOOKED), QCheckBox(FACES), QCheckBox(PROPOSED)
        self.word = label("", "soft")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.start = button("De-identify", self.startWanted.emit, primary=True)
        self.stop = button("Stop", self.stopWanted.emit)
        self.stop.setEnabled(False)
        self._lay_out()
        self.frame.valueChanged.connect(self.frameWanted)
        self.picture.changed.connect(self._boxes_changed)
        self.tabs.currentChanged.connect(self._tab)
        self.out.textChanged.connect(lambda _: self._ready())
        self._ready()

    # what was chosen

    @property
    def options(self) -> frozenset[Option]:
        return frozenset(option for option, check in self.checks.items() if check.isChecked())

    @property
    def folder(self) -> Path | None:
        text = self.out.text().strip()
        return Path(text) if text else None

    @property
    def boxes(self) -> tuple[Region, ...]:
        return self.picture.boxes

    # what is shown

    def show_frame(self, image: QImage, size: Size) -> None:
        self.picture.show_image(image, size)

    def propose(self, boxes: Sequence[Region], looked: int) -> None:
        """`looked`: in how many frames they were looked for."""
        self.picture.propose(boxes)
        frames = self.frame.maximum() + 1
        found = f"{len(boxes)} place{'s' * (len(boxes) != 1)} that may hold text (dashed)"
        where = f"In {looked} of {frames} frames: " if looked < frames else ""
        self.hint.setText(f"{where}{found if boxes else 'nothing was found that looks like text; look for yourself'}. {BOXES}")

    def use_folder(self, what: str) -> None:
        """Other files than the one in the pane: what was drawn on that is no longer meant."""
        self.what.setText(what)
        self.picture.sizeless()
        self.frame.hide()
        self.hint.setText(
            "A folder's pictures are not shown here: files in which text is suspected are held back, or burned black. Of very"
            " long sequences some frames are looked at; the report says how many."
        )
        self.proposed.show()
        self._changes = ()
        self._fill()

    def show_changes(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._fill()

    def say(self, sentence: str, bad: bool = False) -> None:
        reword(self.word, sentence, "bad" if bad else "soft")

    def show_progress(self, done: int, total: int) -> None:
        self.bar.setVisible(total > 0)
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(done)

    def run_state(self, running: bool) -> None:
        self.stop.setEnabled(running)
        self.running = running
        self._ready()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closed.emit()
        super().closeEvent(event)

    # putting it together

    running = False

    def _lay_out(self) -> None:
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 16, 16, 16)
        whole.setSpacing(GAP)
        whole.addLayout(row(self.what, button("Take a folder instead…", self._choose_source), stretch=0))
        sides = QHBoxLayout()
        sides.setSpacing(2 * GAP)
        whole.addLayout(sides, 1)
        sides.addWidget(self._options_column())
        sides.addWidget(self._shown_column(), 1)
        whole.addLayout(row(label("Write to", wrap=False), self.out, button("Choose…", self._choose_out), stretch=1))
        whole.addWidget(self.bar)
        ends = row(self.word, self.stop, button("Close", self.close), self.start, stretch=0)
        whole.addLayout(ends)

    def _options_column(self) -> QWidget:
        ground = QWidget()
        ground.setFixedWidth(LEFT)
        column = QVBoxLayout(ground)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(label("Basic Profile of PS3.15 Annex E, and", "heading"))
        listed = ScrolledColumn()
        listed.setAccessibleName("Options")
        for option in Option:
            if option in ACTS:
                continue
            about = ABOUT[option]
            check = QCheckBox(about.name)
            check.setToolTip(f"{about.meaning} (DCM {about.code})")
            check.setAccessibleDescription(about.line)
            self.checks[option] = check
            one = QWidget()
            lines = QVBoxLayout(one)
            lines.setContentsMargins(0, 0, GAP, 0)
            lines.setSpacing(1)
            lines.addWidget(check)
            told = label(about.line, "soft")
            told.setIndent(22)
            lines.addWidget(told)
            listed.add(one)
            check.toggled.connect(lambda _on, option=option: self._toggled(option))
        column.addWidget(listed, 1)
        return ground

    def _shown_column(self) -> QWidget:
        self.hint = label("Looking for text in the picture …", "soft")
        pictured = QWidget()
        column = QVBoxLayout(pictured)
        column.setContentsMargins(0, GAP, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.picture, 1)
        column.addWidget(self.frame)
        column.addWidget(self.hint)
        self.proposed.hide()
        for check in (self.proposed, self.looked, self.faces):
            column.addWidget(check)
        attributed = QWidget()
        column = QVBoxLayout(attributed)
        column.setContentsMargins(0, GAP, 0, 0)
        column.addWidget(self.table, 1)
        self.reveal = button("Show the values before", self._reveal, tip="They name the patient")
        self.counted = label("", "soft")
        column.addLayout(row(self.counted, self.reveal, stretch=0))
        self.tabs = QTabWidget()
        self.tabs.addTab(pictured, "Text in the picture")
        self.tabs.addTab(attributed, "Attributes")
        return self.tabs

    def _table(self) -> QTableWidget:
        table = QTableWidget(0, 4)
        table.setHorizontalHeaderLabels(["Tag", "Attribute", "Before", "After"])
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.horizontalHeader().setStretchLastSection(True)
        for column, width in ((0, 116), (1, 210), (2, 140)):
            table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            table.setColumnWidth(column, width)
        table.setAccessibleName("What becomes of each attribute")
        return table

    def _fill(self) -> None:
        self.table.setRowCount(len(self._changes))
        for number, one in enumerate(self._changes):
            before = one.before if self._revealed or not one.before or one.after == SAME else HIDDEN
            for column, text in enumerate((one.number, f"{'  ' * one.depth}{one.name}", before, one.after)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(number, column, item)
        kept = sum(one.after == SAME for one in self._changes)
        gone = sum(one.after == REMOVED for one in self._changes)
        other = len(self._changes) - kept - gone
        self.counted.setText(f"{kept} kept, {gone} removed, {other} new or replaced" if self._changes else "")
        self.reveal.setText("Hide the values before" if self._revealed else "Show the values before")

    def _reveal(self) -> None:
        self._revealed = not self._revealed
        self._fill()

    def _tab(self, index: int) -> None:
        if index == 1:
            self.previewWanted.emit()

    def _toggled(self, option: Option) -> None:
        exclusive: Mapping[Option, Option] = {
            Option.FULL_DATES: Option.MODIFIED_DATES,
            Option.MODIFIED_DATES: Option.FULL_DATES,
        }
        other = exclusive.get(option)
        if other is not None and self.checks[option].isChecked():
            self.checks[other].setChecked(False)
        if self.tabs.currentIndex() == 1:
            self.previewWanted.emit()

    def _boxes_changed(self) -> None:
        """Who moved a box has to look again."""
        self.looked.setChecked(False)

    def _ready(self) -> None:
        self.start.setEnabled(self.folder is not None and not self.running)

    def _choose_out(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for the de-identified files")
        if name:
            self.out.setText(name)

    def _choose_source(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder to de-identify")
        if name:
            self.folderChosen.emit(Path(name))
