"""Zero-shot labels as a sorted table, and the heatmap's phrase, opacity and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.analysis import Result
from app.panels.parts import Column, button, label, row
from app.panels.warned import Warned
from inference.answers import Heatmap, LabelScore, LabelScores

EMPTY = "Press L for labels of the region, or of the whole view."
WEAK_AUC = 0.75
"""Labels whose published AUC lies below this are greyed."""


class LabelsPanel(Column):
    labelsWanted = Signal()
    heatmapWanted = Signal()
    """Of the phrase that stands here."""
    opacityChanged = Signal(float)
    thresholdChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: tuple[LabelScore, ...] = ()
        self._kind = ""
        """Of the picture that set and phrase are meant for."""
        self._sets: dict[str, str] = {}
        self._phrases: dict[str, str] = {}
        """What was chosen and typed last, by kind of picture."""
        self.set_choice = QComboBox()
        self.set_choice.setToolTip("Label set")
        self.set_choice.setAccessibleName("Label set")
        self.set_choice.setMinimumContentsLength(8)
        self.set_choice.textActivated.connect(lambda name: self._sets.update({self._kind: name}))
        self._ask = button("Labels", self.labelsWanted.emit, primary=True, tip="L")
        self.column.addLayout(row(self.set_choice, self._ask, stretch=0))
        self._word = label(EMPTY, "hint")
        self.column.addWidget(self._word)
        self.warned = Warned()
        self.column.addWidget(self.warned)
        self.table = _table()
        self.table.itemSelectionChanged.connect(self._take_phrase)
        self.table.itemDoubleClicked.connect(lambda _: self.heatmapWanted.emit())
        self.column.addWidget(self.table, 1)
        self._space = QWidget()
        self.column.addWidget(self._space, 1)
        self._foot = label("", "soft")
        self.column.addWidget(self._foot)
        self.column.addWidget(label("Heatmap", "heading"))
        self.phrase = QComboBox()
        self.phrase.setEditable(True)
        self.phrase.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.phrase.setMinimumContentsLength(8)
        self._field = cast("QLineEdit", self.phrase.lineEdit())
        self._field.setPlaceholderText("A finding or phrase")
        self._field.returnPressed.connect(self.heatmapWanted)
        self._show = button("Show", self.heatmapWanted.emit, tip="H")
        self.column.addLayout(row(self.phrase, self._show, stretch=0))
        self.opacity = _slider(55)
        self.opacity.valueChanged.connect(lambda value: self.opacityChanged.emit(value / 100))
        self.threshold = _slider(0)
        self.threshold.valueChanged.connect(self._threshold_moved)
        self._threshold_text = label("", "soft", wrap=False)
        self._threshold_text.setMinimumWidth(56)
        self._threshold_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._opacity_text = label("55 %", "soft", wrap=False)
        self._opacity_text.setMinimumWidth(56)
        self._opacity_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.opacity.valueChanged.connect(lambda value: self._opacity_text.setText(f"{value} %"))
        for text, slider, value in (
            ("Opacity", self.opacity, self._opacity_text),
            ("Hide below", self.threshold, self._threshold_text),
        ):
            name = label(text, "soft", wrap=False)
            name.setMinimumWidth(72)
            slider.setAccessibleName(text)
            self.column.addLayout(row(name, slider, value, stretch=1))
        self.heatmap_warned = Warned()
        self.column.addWidget(self.heatmap_warned)
        self._heatmap_word = label("", "soft")
        self.column.addWidget(self._heatmap_word)
        self._range = (0.0, 1.0)
        self.show_labels(None)
        self.show_heatmap(None)

    def leave(self) -> None:
        """Another picture comes, of which nothing is known yet: no label set fits until `offer`, and what is typed from now on
        is meant for it."""
        self._phrases[self._kind] = self.phrase.currentText()
        self.set_choice.clear()
        self.set_choice.setPlaceholderText("")
        self._field.setModified(False)

    def offer(self, kind: str, sets: Sequence[str], phrases: Sequence[str]) -> None:
        """The label sets that fit the picture, the default first, and the findings a heatmap can be asked for. Set and phrase
        are those last used for this kind of picture, unless a phrase was typed for it already."""
        if [self.set_choice.itemText(index) for index in range(self.set_choice.count())] != list(sets):
            self.set_choice.clear()
            self.set_choice.addItems(list(sets))
            self.set_choice.setCurrentText(self._sets.get(kind, ""))
        self.set_choice.setPlaceholderText("" if sets else "No set for this picture")
        if kind == self._kind:
            return
        text = self.phrase.currentText() if self._field.isModified() else self._phrases.get(kind, "")
        self._kind = kind
        self.phrase.clear()
        self.phrase.addItems(list(phrases))
        self.phrase.setCurrentText(text)

    def chosen_set(self) -> str:
        """The label set's name, "" where none fits or the picture is not known yet."""
        return self.set_choice.currentText()

    def show_labels(self, result: Result | None) -> None:
        answer = result.answer if result is not None else None
        scores = answer.scores if isinstance(answer, LabelScores) else ()
        if scores != self._scores:
            self._scores = scores
            _fill(self.table, scores)
        self.warned.show_warnings(answer.receipt.warnings if isinstance(answer, LabelScores) else ())
        self.table.setVisible(bool(scores))
        self._space.setVisible(not scores)
        self._word.setVisible(not scores)
        self._word.setText(EMPTY)
        if isinstance(answer, LabelScores):
            note = "" if answer.calibrated else "Scores rank; they are not calibrated probabilities. "
            self._foot.setText(note + (f"{answer.receipt.model}: {answer.receipt.remark}." if answer.receipt.remark else ""))
        else:
            self._foot.setText("")

    def show_working(self, stage: str) -> None:
        if not self.table.isVisible():
            self._word.setVisible(True)
            self._word.setText(f"{stage[:1].upper()}{stage[1:]} … Escape stops")

    def show_heatmap(self, result: Result | None) -> None:
        answer = result.answer if result is not None else None
        on = isinstance(answer, Heatmap)
        self.opacity.setEnabled(on)
        self.threshold.setEnabled(on)
        said = self.warned.warnings() if self.table.isVisibleTo(self) else ()
        warnings = answer.receipt.warnings if isinstance(answer, Heatmap) else ()
        self.heatmap_warned.show_warnings([one for one in warnings if one.replace("heatmaps", "labels") not in said])
        if not isinstance(answer, Heatmap):
            self._heatmap_word.setText("Press H for a map of the chosen finding or phrase.")
            self._threshold_text.setText("")
            return
        self._range = (answer.low, answer.high)
        trust = "" if answer.validated else " Not validated for localisation."
        self._heatmap_word.setText(
            f"“{answer.phrase}”: {np.nanmin(answer.values):.2f} to {np.nanmax(answer.values):.2f} {answer.unit}, "
            f"by {answer.method}.{trust}"
        )

    def show_threshold(self, value: float) -> None:
        """Where the overlay's own threshold stands, in the heatmap's unit."""
        low, high = self._range
        self.threshold.blockSignals(True)
        self.threshold.setValue(round(100 * (value - low) / (high - low)))
        self.threshold.blockSignals(False)
        self._threshold_text.setText(f"{value:.2f}")

    def say(self, sentence: str) -> None:
        self._word.setText(sentence)
        self._word.setVisible(bool(sentence))

    def wanted_phrase(self) -> str:
        return self.phrase.currentText().strip()

    def _take_phrase(self) -> None:
        chosen = self.table.selectedItems()
        if chosen:
            self.phrase.setCurrentText(chosen[0].text())

    def _threshold_moved(self, value: int) -> None:
        low, high = self._range
        at = low + (high - low) * value / 100
        self._threshold_text.setText(f"{at:.2f}")
        self.thresholdChanged.emit(at)


def _table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setHorizontalHeaderLabels(["Label", "Contrast", "Score", "Published AUC"])
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setAccessibleName("Labels, highest contrast first")
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    first = table.horizontalHeaderItem(0)
    if first is not None:
        first.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return table


def _fill(table: QTableWidget, scores: Sequence[LabelScore]) -> None:
    """One row for each score. The columns are measured once, at the end: a header that follows its cells does so for each."""
    table.setRowCount(len(scores))
    for index, score in enumerate(scores):
        weak = score.published_auc is not None and score.published_auc < WEAK_AUC
        published = "" if score.published_auc is None else f"{score.published_auc:.2f}"
        cells = (score.name, f"{score.contrast:+.3f}", f"{score.probability:.2f}", published)
        for column, text in enumerate(cells):
            table.setItem(index, column, _cell(text, number=column > 0, weak=weak))
    table.setColumnHidden(3, all(score.published_auc is None for score in scores))
    for column in (1, 2, 3):
        table.resizeColumnToContents(column)


def _cell(text: str, *, number: bool, weak: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    if weak:
        item.setForeground(QColor("#868c92"))
        item.setToolTip("The published AUC of this label is low; read it with caution.")
    return item


def _slider(value: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setValue(value)
    return slider
