"""Free questions and their answers about the region, oldest first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from app import follow_ups
from app.analysis import Result
from app.panels.answer_card import answer_card
from app.panels.asking_bar import AskingBar
from app.panels.parts import Column, ScrolledColumn, Word, button, label, row
from app.panels.ready_row import ReadyRow
from inference.answers import Draft

EMPTY = (
    "Press Q and type a question about the region, or about the whole view. Each question is answered by itself, "
    "unless you follow up on an answer."
)


class AskPanel(Column):
    asked = Signal(str)
    frameWanted = Signal(int)
    """Of the source in the active pane, from 0: an answer names it."""

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
        self.bar = AskingBar()
        self.bar.changed.connect(self._show_form)
        self.column.addWidget(self.bar)
        self.question = QLineEdit()
        self._place: Path | None = None
        """What the conversation is about."""
        self._count = 0
        self._show_form()
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
        said: tuple[str, ...] = ()
        for question, result in turns:
            self._lines.add(label(question, "", selectable=True))
            if isinstance(result.answer, Draft):
                self._lines.add(answer_card(result, result.answer, self.frameWanted.emit, said))
                said = result.answer.receipt.warnings
        place = turns[-1][1].request.path if turns else None
        self._lines.follow_end = len(turns) > self._count
        self._count = len(turns)
        self.bar.offer_turns(follow_ups.carried(turns), new_place=place != self._place)
        self._place = place

    def _show_form(self) -> None:
        """What is to be typed."""
        if self.bar.condition.isChecked():
            self.question.setPlaceholderText("A condition, such as: pneumothorax")
        else:
            self.question.setPlaceholderText("A follow-up question" if self.bar.following else "A question about the region")

    def show_live(self, question: str, text: str, thinking: str = "") -> None:
        """The answer as it is written, under its question; what was typed is asked now. `thinking`: how far the trace is."""
        if self.question.text().strip() == question:
            self.question.clear()
        if self._live.parent() is None:
            self._lines.add(label(question))
            self._lines.add(self._live)
            self._live.show()
        self._live.setText(text or thinking or "…")
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
