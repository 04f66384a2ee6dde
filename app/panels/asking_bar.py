"""How the next question is asked: by itself or as a follow-up, freely or as "Is there …?", with or without thinking first."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app import follow_ups
from app.follow_ups import Turns
from app.panels.parts import button, label, row


class AskingBar(QWidget):
    """Each question is asked by itself until the reader says otherwise; what a follow-up carries stands here, with a way out."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._turns: Turns = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self.context = label("", "soft")
        self.clear = button("Clear context", self.clear_context, tip="Alt+Shift+Q: ask the next question by itself")
        self._line = QWidget()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.context, 1)
        line.addWidget(self.clear)
        column.addWidget(self._line)
        self.follow = _toggle("Follow up", "Alt+Q: carry the earlier questions and answers about this picture")
        self.condition = _toggle("Is there …?", "Alt+Y: a condition, answered by yes or no in the published form")
        self.think = _toggle("Think first", "Alt+K: ask for a thinking trace before the answer")
        self.think.hide()
        column.addLayout(row(self.follow, self.condition, self.think))
        for one in (self.follow, self.condition, self.think):
            one.toggled.connect(lambda on, one=one: self._toggled(one, on))
        self._show()

    @property
    def following(self) -> bool:
        return self.follow.isChecked() and bool(self._turns)

    def offer_turns(self, turns: Turns, new_place: bool) -> None:
        """What a follow-up would carry; `new_place`: about another picture than before, so nothing of it is carried on."""
        self._turns = turns
        if new_place or not turns:
            self.follow.setChecked(False)
        self._show()

    def offer_thinking(self, tokens: int) -> None:
        """The budget of the chosen model's trace; 0 where it does not think."""
        self.think.setVisible(tokens > 0)
        if not tokens:
            self.think.setChecked(False)

    def clear_context(self) -> None:
        self.follow.setChecked(False)

    def _toggled(self, one: QPushButton, on: bool) -> None:
        other = {self.follow: self.condition, self.condition: self.follow}.get(one)
        if on and other is not None:
            other.setChecked(False)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.follow.setEnabled(bool(self._turns))
        self._line.setVisible(self.following)
        if self.following:
            self.context.setText(
                f"Carries {follow_ups.words(self._turns)} with the answers, about the same picture. "
                "Models were not evaluated for dialogue."
            )


def _toggle(text: str, tip: str) -> QPushButton:
    made = QPushButton(text)
    made.setObjectName("toggle")
    made.setCheckable(True)
    made.setToolTip(tip)
    return made
