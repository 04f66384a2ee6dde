"""One sentence of a report: its words, where they came from, and accept, edit, refuse."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from app.panels.parts import button, label, restyle, row
from app.reports.report import Origin, Sentence, State

WORDS = {State.PROPOSED: "proposed", State.ACCEPTED: "accepted", State.EDITED: "edited", State.REFUSED: "refused"}


class SentenceRow(QFrame):
    """Emits what the reader wants done with the sentence; changes nothing by itself."""

    chosen = Signal(int)
    accepted = Signal(int)
    refused = Signal(int)
    edited = Signal(int, str)
    typed = Signal(int, str)
    """The words being typed, before they are confirmed."""

    def __init__(self, sentence: Sentence, remark: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = sentence
        self.setObjectName("row")
        self.setAccessibleName(f"{WORDS[sentence.state]}: {sentence.text}")
        self._text = label(sentence.text, "model" if _still_models(sentence) else "")
        if sentence.state is State.REFUSED:
            font = self._text.font()
            font.setStrikeOut(True)
            self._text.setFont(font)
        self._field = QLineEdit(sentence.text)
        self._field.setVisible(False)
        self._field.editingFinished.connect(self._confirm)
        self._field.textEdited.connect(lambda text: self.typed.emit(sentence.id, text))
        self._field.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 8, 8)
        layout.setSpacing(4)
        layout.addWidget(self._text)
        layout.addWidget(self._field)
        if remark:
            layout.addWidget(label(remark, "warn"))
        self._tools = QWidget()
        tools = row(
            label(_origin(sentence), "soft", wrap=False),
            QWidget(),
            button("Accept", lambda: self.accepted.emit(sentence.id), tip="A"),
            button("Edit", self.start_edit, tip="E"),
            button("Refuse", lambda: self.refused.emit(sentence.id), tip="X"),
            stretch=1,
        )
        tools.setSpacing(4)
        self._tools.setLayout(tools)
        layout.addWidget(self._tools)
        restyle(self, state=str(sentence.state), chosen="false")

    def set_chosen(self, chosen: bool) -> None:
        restyle(self, chosen="true" if chosen else "false")

    def start_edit(self) -> None:
        self._text.setVisible(False)
        self._field.setVisible(True)
        self._field.setFocus()
        self._field.selectAll()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit(self.sentence.id)
        super().mousePressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._field.blockSignals(True)
            self._field.setText(self.sentence.text)
            self._close_field()
            self._field.blockSignals(False)
            return True
        return super().eventFilter(watched, event)

    def _confirm(self) -> None:
        if self._field.isVisible():
            text = self._field.text()
            self._close_field()
            if text.strip() and text != self.sentence.text:
                self.edited.emit(self.sentence.id, text)

    def _close_field(self) -> None:
        self._field.setVisible(False)
        self._text.setVisible(True)


def _still_models(sentence: Sentence) -> bool:
    """A model's words are never styled like a person's until a person took them."""
    return sentence.origin is Origin.MODEL and sentence.state is State.PROPOSED


def _origin(sentence: Sentence) -> str:
    who = {Origin.MODEL: "model", Origin.PERSON: "you", Origin.TEMPLATE: "template"}[sentence.origin]
    return f"{who} · {WORDS[sentence.state]}"
