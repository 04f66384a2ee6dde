"""The images that a text names by the numbers a model had for them; a press shows one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.panels.flow import Flow


class FrameLinks(QWidget):
    """Hidden where none is named."""

    wanted = Signal(int)
    """A frame of the source, from 0."""

    def __init__(self, named: Sequence[tuple[str, int]] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._named: list[tuple[str, int]] = []
        self._links = Flow(gap=12)
        self.setLayout(self._links)
        self.show_named(named)

    def show_named(self, named: Sequence[tuple[str, int]]) -> None:
        """(what the text calls it, its frame) each."""
        if list(named) != self._named:
            while (old := self._links.takeAt(0)) is not None:
                if (widget := old.widget()) is not None:
                    widget.deleteLater()
            self._named = list(named)
            for label, frame in named:
                self._links.addWidget(self._link(label, frame))
        self.setVisible(bool(named))

    def _link(self, label: str, frame: int) -> QPushButton:
        link = QPushButton()
        link.setObjectName("link")
        text = f"frame {frame + 1}"
        link.setText(label.capitalize() if label == text else f"{label.capitalize()} is {text}")
        link.setToolTip(f"Show {text}")
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(partial(self.wanted.emit, frame))
        return link
