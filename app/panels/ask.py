"""Free questions and their answers about the region, oldest first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from app.analysis import Result
from app.panels.parts import Column, ScrolledColumn, Word, button, label, restyle, row
from app.panels.ready_row import ReadyRow
from app.panels.warned import Warned
from inference.answers import Draft

EMPTY = "Press Q and type a question about the region, or about the whole view. Each question is answered by itself."


class AskPanel(Column):
    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = ScrolledColumn()
        self.column.addWidget(self._lines, 1)
        self._word = Word()
        self.column.addWidget(self._word)
        self.ready = ReadyRow()
        self.ready.chosen.connect(self._put)
        self._whole = label("", "soft", selectable=True)
        self._whole.hide()
        self.column.addWidget(self._whole)
        self.column.addWidget(self.ready)
        self.question = QLineEdit()
        self.question.setPlaceholderText("A question about the region")
        self.question.textChanged.connect(self._show_whole)
        self.question.returnPressed.connect(self._send)
        self.column.addLayout(row(self.question, button("Ask", self._send, primary=True, tip="Enter"), stretch=0))
        self._live = label("", "model", selectable=True)
        self.show_conversation([])

    def show_conversation(self, turns: list[tuple[str, Result]]) -> None:
        self._lines.clear(keep=self._live)
        self._word.hide()
        if not turns:
            self._lines.add(label(EMPTY, "hint"))
        for question, result in turns:
            self._lines.add(label(question, "", selectable=True))
            if isinstance(result.answer, Draft):
                self._lines.add(_answer(result.answer))

    def show_live(self, question: str, text: str) -> None:
        """The answer as it is written, under its question; what was typed is asked now."""
        if self.question.text().strip() == question:
            self.question.clear()
        if self._live.parent() is None:
            self._lines.add(label(question))
            self._lines.add(self._live)
            self._live.show()
        self._live.setText(text or "…")
        self._lines.to_end()

    def _show_whole(self, text: str) -> None:
        """A question of several lines, which the one line does not show."""
        self._whole.setText(text)
        self._whole.setVisible("\n" in text)

    def _put(self, text: str) -> None:
        """A ready question, for the reader to change and to send."""
        self.question.setText(text)
        self.question.setCursorPosition(0)
        self.question.setFocus()

    def say(self, sentence: str) -> None:
        self._word.say(sentence)

    def _send(self) -> None:
        text = self.question.text().strip()
        if text:
            self.asked.emit(text)


def _answer(draft: Draft) -> QFrame:
    frame = QFrame()
    frame.setObjectName("row")
    restyle(frame, state="proposed", chosen="false")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(10, 8, 8, 8)
    inside.setSpacing(4)
    if draft.receipt.warnings:
        inside.addWidget(Warned(draft.receipt.warnings))
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
