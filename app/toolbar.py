"""The slim bar over the panes: what can be asked of the region, and how the picture is shown."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

ASKS = {"labels": "Labels", "heatmap": "Heatmap", "draft": "Draft", "question": "Ask"}
LOOKS = ("whole", "fit", "one", "invert", "reset", "overlay")
PANES = ("panes-1", "panes-2", "panes-4", "palette")


class Toolbar(QFrame):
    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        for id, text in ASKS.items():
            layout.addWidget(_button(actions[id], text))
        layout.addSpacing(12)
        for id in LOOKS:
            layout.addWidget(_button(actions[id]))
        layout.addStretch(1)
        for id in PANES:
            layout.addWidget(_button(actions[id]))


def _button(action: QAction, text: str = "") -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    if text:
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setIconText(f"{text}  {key}")
    button.setDefaultAction(action)
    button.setIconSize(QSize(18, 18))
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setAccessibleName(action.text())
    beside = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
    button.setToolButtonStyle(beside)
    return button
