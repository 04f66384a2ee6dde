"""What the picture is taken for, which the reader may correct, and the questions that are ready for its kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.panels.parts import GAP
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
        self.change, self.ready = QToolButton(), QToolButton()
        for tool, text, tip in (
            (self.change, "", "What the picture is: its file does not say; correct it where it was guessed wrong"),
            (self.ready, "Ready questions", "Put one into the line below; nothing is asked before you press Enter"),
        ):
            tool.setText(text)
            tool.setObjectName("menu")
            tool.setToolTip(tip)
            tool.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            tool.setMenu(QMenu(tool))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.change)
        layout.addStretch(1)
        layout.addWidget(self.ready)
        for kind, words in CHOICES.items():
            self.change.menu().addAction(words).triggered.connect(partial(self._said, kind))
        self.offer(None, False, ())

    def offer(self, kind: Modality | None, guessed: bool, ready: Sequence[Ready], said: bool = False) -> None:
        """For the picture in the active pane; None while there is none. `guessed`: its file does not say what it is; `said`: the
        reader did."""
        words = CHOICES.get(kind, "") if kind is not None else ""
        self.change.setText(words if said else f"{words} (guessed)")
        self.change.setVisible(guessed and bool(words))
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
