"""What the picture is taken for, which the reader may correct, and the questions that are ready for its kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.modality import KINDS
from app.panels.parts import GAP, Elided
from app.ready import Ready
from inference.questions import Modality

CHOICES: dict[Modality, str] = {
    "photo": "A photograph", "document": "A page with print", "cxr": "A chest film", "slide": "A stained section",
}  # fmt: skip
"""What a picture may be whose file does not say."""


class ReadyRow(QWidget):
    kindSaid = Signal(str)
    chosen = Signal(str)
    """The words of a ready question, to be changed or asked by the reader."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.word = Elided("soft")
        self.change, self.ready = QToolButton(), QToolButton()
        for tool, text, tip in (
            (self.change, "Change", "Say what the picture is: the file does not, and it was guessed"),
            (self.ready, "Ready questions", "Put one into the line below; nothing is asked before you press Enter"),
        ):
            tool.setText(text)
            tool.setToolTip(tip)
            tool.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            tool.setMenu(QMenu(tool))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.word, 1)
        layout.addWidget(self.change)
        layout.addWidget(self.ready)
        for kind, words in CHOICES.items():
            self.change.menu().addAction(words).triggered.connect(partial(self._said, kind))
        self.offer(None, False, ())

    def offer(self, kind: Modality | None, guessed: bool, ready: Sequence[Ready]) -> None:
        """For the picture in the active pane; None while there is none."""
        self.word.setText(f"Taken for one of the {KINDS[kind]}" if kind is not None and guessed else "")
        self.change.setVisible(kind is not None and guessed)
        menu = self.ready.menu()
        menu.clear()
        for one in ready:
            action = menu.addAction(one.title)
            action.setToolTip(f"Published: {one.published}")
            action.triggered.connect(partial(self._chosen, one.text))
        menu.setToolTipsVisible(True)
        self.ready.setVisible(bool(ready))
        self.setVisible(kind is not None and (guessed or bool(ready)))

    def _said(self, kind: Modality, _checked: bool = False) -> None:
        self.kindSaid.emit(kind)

    def _chosen(self, text: str, _checked: bool = False) -> None:
        self.chosen.emit(text)
