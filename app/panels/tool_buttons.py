"""The tools that draw, as buttons side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QGridLayout, QToolButton


class ToolButtons(QGridLayout):
    """Each triggers an action of the table, whose id is `prefix` and the tool's name; `across` stand in a row."""

    def __init__(self, prefix: str, across: int) -> None:
        super().__init__()
        self.setSpacing(4)
        self._prefix, self._across = prefix, across
        self._buttons: dict[str, QToolButton] = {}

    def offer(self, names: Iterable[str], actions: Mapping[str, QAction]) -> None:
        for number, name in enumerate(names):
            tool = QToolButton()
            tool.setObjectName("flat")
            tool.setCheckable(True)
            tool.setIconSize(QSize(20, 20))
            tool.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            tool.clicked.connect(actions[f"{self._prefix}{name}"].trigger)
            self.addWidget(tool, number // self._across, number % self._across)
            self._buttons[name] = tool
        self.setColumnStretch(self._across, 1)
        self.dress(actions)

    def dress(self, actions: Mapping[str, QAction]) -> None:
        """Icons and tips after a change of theme or keys."""
        for name, tool in self._buttons.items():
            action = actions[f"{self._prefix}{name}"]
            key = action.shortcut().toString()
            tool.setIcon(action.icon())
            tool.setAccessibleName(action.text())
            tool.setToolTip(f"{action.text()} ({key})" if key else action.text())

    def check(self, name: str) -> None:
        """The tool that is in the hand; "" for none."""
        for one, tool in self._buttons.items():
            tool.setChecked(one == name)

    def enable(self, on: bool) -> None:
        for tool in self._buttons.values():
            tool.setEnabled(on)
