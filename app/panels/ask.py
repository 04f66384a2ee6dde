"""Free questions and their answers about the region, oldest first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.analysis import Result
from app.panels.parts import GAP, Column, button, label, restyle, row
from inference.answers import Draft

EMPTY = "Press Q and type a question about the region, or about the whole view. Each question is answered by itself."


class AskPanel(Column):
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._body = QWidget()
        self._lines = QVBoxLayout(self._body)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(GAP)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._body)
        self.column.addWidget(self._scroll, 1)
        self._word = label("", "bad")
        self._word.hide()
        self.column.addWidget(self._word)
        self.question = QLineEdit()
        self.question.setPlaceholderText("A question about the region")
        self.question.returnPressed.connect(self._send)
        self.column.addLayout(row(self.question, button("Ask", self._send, primary=True, tip="Enter"), stretch=0))
        self._live = label("", "model", selectable=True)
        self.show_conversation([])

    def show_conversation(self, turns: list[tuple[str, Result]]) -> None:
        self._clear()
        self._word.hide()
        if not turns:
            self._lines.addWidget(label(EMPTY, "hint"))
        for question, result in turns:
            self._lines.addWidget(label(question, "", selectable=True))
            if isinstance(result.answer, Draft):
                self._lines.addWidget(_answer(result.answer))
        self._lines.addStretch(1)

    def show_live(self, question: str, text: str) -> None:
        """The answer as it is written, under its question."""
        if self._live.parent() is not self._body:
            stretch = self._lines.takeAt(self._lines.count() - 1)
            del stretch
            self._lines.addWidget(label(question))
            self._lines.addWidget(self._live)
            self._lines.addStretch(1)
            self._live.show()
        self._live.setText(text or "…")
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.maximum())

    def say(self, sentence: str) -> None:
        self._word.setText(sentence)
        self._word.setVisible(bool(sentence))

    def _send(self) -> None:
        text = self.question.text().strip()
        if text:
            self.question.clear()
            self.asked.emit(text)

    def _clear(self) -> None:
        self._live.setParent(None)
        while item := self._lines.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()


def _answer(draft: Draft) -> QFrame:
    frame = QFrame()
    frame.setObjectName("row")
    restyle(frame, state="proposed", chosen="false")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(10, 8, 8, 8)
    inside.setSpacing(4)
    inside.addWidget(label(draft.text or "The model gave no answer.", "model" if draft.text else "bad", selectable=True))
    if draft.thought:
        thought = label(draft.thought, "soft", selectable=True)
        thought.hide()
        inside.addWidget(thought)
        inside.addWidget(
            button("Thinking trace", lambda: thought.setVisible(not thought.isVisible())), 0, Qt.AlignmentFlag.AlignLeft
        )
    ended = "" if draft.finish == "stop" else f" · incomplete ({draft.finish})"
    inside.addWidget(label(f"{draft.receipt.model} · draft, not for diagnostic use{ended}", "soft"))
    return frame
