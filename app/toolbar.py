"""The slim bar over the panes: what can be asked of the region, and how the picture is shown."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QMenu, QToolButton, QWidget

from app.theme import ThemeName, icon

ASKS = {"labels": "Labels", "heatmap": "Heatmap", "draft": "Draft", "question": "Ask"}
LOOKS = ("whole", "fit", "one", "invert", "reset", "overlay")
PANES = ("panes-1", "panes-2", "panes-4", "palette")
GIVE_WAY = (*reversed(LOOKS), *PANES[:-1])
"""What goes into the menu "More" where the bar is too narrow, in this order; the words beside the icons go after all of them."""
GAP, SIDE = 4, 8


class Toolbar(QFrame):
    """As narrow as the window wants it: buttons give way to a menu, words to icons."""

    def __init__(self, actions: Mapping[str, QAction], theme: ThemeName, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self._actions = actions
        self._buttons = {id: _button(actions[id], ASKS.get(id, "")) for id in (*ASKS, *LOOKS, *PANES)}
        self.more = QToolButton()
        self.more.setObjectName("flat")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more.setToolTip("More")
        self.more.setAccessibleName("More")
        self.more.setIconSize(QSize(18, 18))
        self.more.setMenu(QMenu(self.more))
        self.dress(theme)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SIDE, 4, SIDE, 4)
        layout.setSpacing(GAP)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        for id, button in self._buttons.items():
            if id == PANES[0]:
                layout.addStretch(1)
            layout.addWidget(button)
        layout.addWidget(self.more)

    def dress(self, theme: ThemeName) -> None:
        self.more.setIcon(icon("mdi6.dots-horizontal", theme))

    def name_keys(self) -> None:
        """The words again, after the keys changed."""
        for id, text in ASKS.items():
            _name(self._actions[id], text)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Let go of words and buttons until the rest fits."""
        for words in (True, False):
            for id in ASKS:
                self._buttons[id].setToolButtonStyle(_style(words))
            for count in range(len(GIVE_WAY) + 1):
                gone = GIVE_WAY[:count]
                if self._needed(gone) <= self.width():
                    self._show_without(gone)
                    return
        self._show_without(GIVE_WAY)

    def _needed(self, gone: tuple[str, ...]) -> int:
        widths = [button.sizeHint().width() for id, button in self._buttons.items() if id not in gone]
        widths += [self.more.sizeHint().width()] if gone else []
        return sum(widths) + GAP * len(widths) + 2 * SIDE

    def _show_without(self, gone: tuple[str, ...]) -> None:
        for id, button in self._buttons.items():
            button.setVisible(id not in gone)
        menu = self.more.menu()
        menu.clear()
        for id in self._buttons:
            if id in gone:
                menu.addAction(self._actions[id])
        self.more.setVisible(bool(gone))


def _button(action: QAction, text: str = "") -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    if text:
        _name(action, text)
    button.setDefaultAction(action)
    button.setIconSize(QSize(18, 18))
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setAccessibleName(action.text())
    button.setToolButtonStyle(_style(bool(text)))
    return button


def _name(action: QAction, text: str) -> None:
    """The word beside the icon, with the key that does the same."""
    action.setIconText(f"{text}  {action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)}")


def _style(words: bool) -> Qt.ToolButtonStyle:
    return Qt.ToolButtonStyle.ToolButtonTextBesideIcon if words else Qt.ToolButtonStyle.ToolButtonIconOnly
