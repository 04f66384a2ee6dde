"""The models of this machine: what each needs, how fast it would write, what was measured of it, and which are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.fits import PRECISIONS, Predicted
from app.panels.keeping_row import KeepingRow
from app.panels.parts import GAP, MARGIN, button, label, reword, row
from app.theme import ThemeName, colours
from inference import quantisations

ABOUT = (
    "Gigabytes with room to work, and predicted tokens a second. Green fits into what is free, yellow only once other programs "
    "are closed, red does not fit into this machine."
)
TONES = {"fits": "good", "tight": "warn", "too large": "bad"}
CHOICES = (
    ("Full precision", "none"),
    ("int8", "int8"),
    ("int8, head too", "int8+head"),
    ("int4", "int4"),
    ("int4, head int8", "int4+head"),
    ("nf4", "nf4"),
)
"""Those that are installed are offered."""


@dataclass(frozen=True, slots=True)
class Known:
    """One model. `predicted` is by precision, `measured` a sentence by the engine's word for a quantisation."""

    id: str
    title: str
    role: str
    installed: bool
    predicted: Mapping[str, Predicted]
    measured: Mapping[str, str]
    remark: str = ""
    adapters: tuple[str, ...] = ()
    """Names of those that were taught to it."""


class ModelsDialog(QDialog):
    useWanted = Signal(str, str, str)
    """Catalogue id, quantisation and adapter, "" for none."""
    measureWanted = Signal(str, str)
    stopWanted = Signal()

    def __init__(self, theme: ThemeName, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.resize(860, 480)
        self._theme: ThemeName = theme
        self._known: list[Known] = []
        self._used = ("", "", "", "")
        self.now = label("", "heading")
        self.table = QTableWidget(0, 2 + len(PRECISIONS))
        self.table.setHorizontalHeaderLabels(["Model", "", *(f"{name}, GB" for name in PRECISIONS)])
        self.table.setAccessibleName("Models")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.itemSelectionChanged.connect(self._suit)
        self.kind = QComboBox()
        self.kind.setAccessibleName("Quantisation")
        for words, value in CHOICES:
            if quantisations.available(value):
                self.kind.addItem(words, value)
        self.kind.currentIndexChanged.connect(lambda _: self._suit())
        self.adapter = QComboBox()
        self.adapter.setAccessibleName("Adapter")
        self.adapter.setToolTip("Taught with hilum teach adapter, loaded with the model")
        self.adapter.currentIndexChanged.connect(lambda _: self._suit())
        self.measured = label("", "soft", selectable=True)
        self.word = label("", "hint")
        self.use = button("Use", self._use, primary=True, tip="Asked from the next question on")
        self.measure = button("Measure", self._measure, tip="Write on phantom films in full precision and quantised, and compare")
        self.stop = button("Stop", self.stopWanted.emit)
        self.stop.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        for one in (self.now, label(ABOUT, "soft")):
            layout.addWidget(one)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.measured)
        layout.addWidget(self.word)
        self.keeping = KeepingRow()
        layout.addWidget(self.keeping)
        shut = button("Close", self.reject)
        layout.addLayout(row(self.kind, self.adapter, self.measure, self.stop, QWidget(), shut, self.use, stretch=4))
        self.say("looking at this machine …", "hint")
        self._suit()

    def show_models(self, known: Sequence[Known], encoder: str, drafter: str, kind: str, adapter: str = "") -> None:
        """The encoder, the drafter, its quantisation and adapter are those that are asked now; what was selected stays so."""
        before = self.chosen()
        first = not self._known
        self._known, self._used = list(known), (encoder, drafter, kind, adapter)
        self.table.setRowCount(len(known))
        for number, one in enumerate(known):
            self._fill(number, one)
        wanted = before.id if before is not None else drafter
        if first:
            self.kind.setCurrentIndex(max(0, self.kind.findData(kind)))
        self.table.selectRow(next((at for at, one in enumerate(known) if one.id == wanted), 0))
        words = {value: name.lower() if value == "none" else name for name, value in CHOICES}
        taught = f" with the adapter {adapter}" if adapter else ""
        self.now.setText(f"Asked now: {encoder} for labels and heatmaps, {drafter} in {words.get(kind, kind)}{taught} for words.")
        self.say("")
        self._suit()

    def show_measuring(self, words: str) -> None:
        """ "" when it has ended."""
        self.stop.setVisible(bool(words))
        self.measure.setVisible(not words)
        if words:
            self.say(words, "hint")

    def say(self, sentence: str, role: str = "bad") -> None:
        reword(self.word, sentence, role)
        self.word.setVisible(bool(sentence))

    def chosen(self) -> Known | None:
        at = self.table.currentRow()
        return self._known[at] if 0 <= at < len(self._known) else None

    def dress(self, theme: ThemeName) -> None:
        self._theme = theme
        for number, one in enumerate(self._known):
            self._fill(number, one)

    def _fill(self, number: int, one: Known) -> None:
        tones = colours(self._theme)
        asked = one.id in self._used[:2]
        state = "asked now" if asked else "installed" if one.installed else "not on this machine"
        cells = [(one.title, ""), (f"{one.role}, {state}", "")]
        for name in PRECISIONS:
            said = one.predicted.get(name) if one.role == "drafter" or name == "bf16" else None
            rate = f" · {said.tokens_per_second:.2g}/s" if said is not None and said.tokens_per_second else ""
            off = f" · {said.fit}" if said is not None and said.fit != "fits" else ""
            cells.append((f"{said.gigabytes:.3g}{off or rate}", TONES[said.fit]) if said is not None else ("", ""))
        for column, (text, tone) in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(one.remark if column < 2 else f"{text}: {_fit_of(one, column)}" if text else "")
            if tone or not one.installed:
                item.setForeground(QBrush(QColor(tones[tone or "soft"])))
            if asked and column == 0:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.table.setItem(number, column, item)

    def _suit(self) -> None:
        one, kind = self.chosen(), str(self.kind.currentData())
        drafter = one is not None and one.role == "drafter"
        self.kind.setVisible(drafter)
        self._offer(one.adapters if one is not None else ())
        self.use.setEnabled(one is not None and one.installed and not self._in_use(one, kind))
        self.measure.setEnabled(one is not None and drafter and one.installed and kind != "none")
        self.measured.setVisible(drafter and kind != "none")
        if one is None:
            return
        said = one.measured.get(kind, "not measured on this machine")
        self.measured.setText(f"{one.title} in {kind}: {said}.")

    def _offer(self, adapters: Sequence[str]) -> None:
        """Those of the selected model; the one that is asked now is chosen at first."""
        wanted = ["", *adapters]
        if [self.adapter.itemData(at) for at in range(self.adapter.count())] != wanted:
            self.adapter.blockSignals(True)
            self.adapter.clear()
            for name in wanted:
                self.adapter.addItem(name or "No adapter", name)
            self.adapter.setCurrentIndex(max(0, self.adapter.findData(self._used[3])))
            self.adapter.blockSignals(False)
        self.adapter.setVisible(bool(adapters))

    def _in_use(self, one: Known, kind: str) -> bool:
        encoder, drafter, now, adapter = self._used
        return one.id == encoder or (one.id == drafter and (kind, self.adapter.currentData()) == (now, adapter))

    def _use(self) -> None:
        one = self.chosen()
        if one is not None:
            self.useWanted.emit(one.id, str(self.kind.currentData()), str(self.adapter.currentData() or ""))

    def _measure(self) -> None:
        one = self.chosen()
        if one is not None:
            self.measureWanted.emit(one.id, str(self.kind.currentData()))


def _fit_of(one: Known, column: int) -> str:
    name = [*PRECISIONS][column - 2]
    words = {"fits": "fits into what is free", "tight": "fits once other programs are closed", "too large": "does not fit here"}
    return words[one.predicted[name].fit]
