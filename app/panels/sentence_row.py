"""One sentence of a report: its words, where they came from, and accept, edit, refuse."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from app.panels.frame_links import FrameLinks
from app.panels.parts import label, restyle
from app.reports.report import Origin, Sentence, State

WORDS = {State.PROPOSED: "proposed", State.ACCEPTED: "accepted", State.EDITED: "edited", State.REFUSED: "refused"}


class SentenceRow(QFrame):
    """Emits what the reader wants done with its sentence; changes nothing by itself. It may be given another sentence."""

    chosen = Signal(int)
    edited = Signal(int, str)
    typed = Signal(int, str)
    """The words being typed, before they are confirmed."""
    dropped = Signal(int)
    """The field was left with the sentence as it was."""
    frameWanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence: Sentence | None = None
        self.setObjectName("row")
        self.setProperty("chosen", "false")
        self.setProperty("state", str(State.PROPOSED))
        self._text, self._remark, self._origin = label("", "model"), label("", "warn"), label("", "soft", wrap=False)
        self._field: QLineEdit | None = None
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(10, 7, 8, 7)
        self._lines.setSpacing(2)
        self.frames = FrameLinks()
        self.frames.wanted.connect(self.frameWanted)
        for part in (self._text, self._remark, self.frames, self._origin):
            self._lines.addWidget(part)
        self._remark.hide()

    def show_sentence(self, sentence: Sentence, remark: str = "") -> None:
        """Show this one from now on; confirm first what is being typed, else it goes."""
        self._remark.setText(remark)
        self._remark.setVisible(bool(remark))
        self._close_field()
        if sentence == self.sentence:
            return
        self.sentence = sentence
        self.frames.show_named(sentence.images)
        self.setAccessibleName(f"{WORDS[sentence.state]}: {sentence.text}")
        self._text.setText(sentence.text)
        self._origin.setText(_origin(sentence))
        role = "model" if _still_models(sentence) else ""
        if self._text.objectName() != role:
            self._text.setObjectName(role)
            restyle(self._text)
        font, refused = self._text.font(), sentence.state is State.REFUSED
        if font.strikeOut() != refused:
            font.setStrikeOut(refused)
            self._text.setFont(font)
        if self.property("state") != str(sentence.state):
            restyle(self, state=str(sentence.state))

    def set_chosen(self, chosen: bool) -> None:
        word = "true" if chosen else "false"
        if self.property("chosen") != word:
            restyle(self, chosen=word)

    def start_edit(self) -> None:
        if self.sentence is None:
            return
        if self._field is None:
            self._field = QLineEdit()
            self._field.editingFinished.connect(self.confirm)
            self._field.textEdited.connect(self._type)
            self._field.installEventFilter(self)
            self._lines.insertWidget(0, self._field)
        self._field.setText(self.sentence.text)
        self._text.setVisible(False)
        self._field.setVisible(True)
        self._field.setFocus()
        self._field.selectAll()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.sentence is not None:
            self.chosen.emit(self.sentence.id)
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.start_edit()
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent) or event.key() != Qt.Key.Key_Escape:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # else it stops what runs, and the field is left with its words confirmed
            return True
        if event.type() == QEvent.Type.KeyPress:
            self._close_field()
            if self.sentence is not None:
                self.dropped.emit(self.sentence.id)
            return True
        return super().eventFilter(watched, event)

    def _type(self, text: str) -> None:
        if self.sentence is not None:
            self.typed.emit(self.sentence.id, text)

    def confirm(self) -> None:
        """What is being typed becomes the sentence. The field may be hidden by then, with the panel it is in."""
        if self.sentence is None or self._field is None or self._field.isHidden():
            return
        id, text = self.sentence.id, self._field.text()
        self._close_field()
        if text.strip() and text != self.sentence.text:
            self.edited.emit(id, text)
        else:
            self.dropped.emit(id)

    def _close_field(self) -> None:
        """Back to the sentence; what was typed and not confirmed goes."""
        if self._field is not None:
            self._field.blockSignals(True)
            self._field.setVisible(False)
            self._field.blockSignals(False)
        self._text.setVisible(True)


def _still_models(sentence: Sentence) -> bool:
    """A model's words are never styled like a person's until a person took them."""
    return sentence.origin is Origin.MODEL and sentence.state is State.PROPOSED


def _origin(sentence: Sentence) -> str:
    who = {Origin.MODEL: "model", Origin.PERSON: "you", Origin.TEMPLATE: "template"}[sentence.origin]
    return f"{who} · {WORDS[sentence.state]}"
