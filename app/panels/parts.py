"""Small widgets every panel is made of, so that they look and space alike."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractSpinBox, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

MARGIN = 12
GAP = 8
_LONG = re.compile(r"[^\s/-]{31,}")
"""More letters than fit a line of the narrowest panel; "/" and "-" are broken after anyway."""


def label(text: str = "", role: str = "", *, wrap: bool = True, selectable: bool = False) -> QLabel:
    """Plain text in a role of the style sheet ("heading", "soft", "hint", "bad", …). Never rich text: it may be a model's."""
    widget = Wrapped() if wrap else QLabel()
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setText(text)
    widget.setObjectName(role)
    widget.setWordWrap(wrap)
    if selectable:
        widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return widget


class Wrapped(QLabel):
    """Text over as many lines as it needs; a word longer than any line (a file's name, a model's slip) is broken, not cut."""

    _whole = ""

    def setText(self, text: str) -> None:
        self._whole = text
        super().setText(_LONG.sub(lambda word: "\u200b".join(re.findall(r".{1,12}", word[0])), text))

    def text(self) -> str:
        return self._whole


class Word(Wrapped):
    """One sentence in a panel, gone while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setObjectName("bad")
        self.setWordWrap(True)
        self.hide()

    def say(self, sentence: str, bad: bool = True) -> None:
        """Not `bad`: a note."""
        self.setObjectName("bad" if bad else "soft")
        restyle(self)
        self.setText(sentence)
        self.setVisible(bool(sentence))


class Elided(QLabel):
    """One line that gives way: where it is too narrow it ends in … and its tool tip has the whole text."""

    _whole = ""
    tip = ""
    """What the tool tip says where the whole text is to be seen; set before the text."""

    def __init__(self, role: str = "", text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setObjectName(role)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._whole = text
        self.setAccessibleName(text)
        self.updateGeometry()
        self._fit()

    def text(self) -> str:
        """The whole text, whatever of it fits."""
        return self._whole

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 2, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        least = self.fontMetrics().horizontalAdvance("xxxx…") if self._whole else 0
        return QSize(min(least, self.sizeHint().width()), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
            self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(0, self.width()))
        super().setText(shown)
        self.setToolTip(self._whole if shown != self._whole else self.tip)


def button(text: str, clicked: Callable[[], object], *, primary: bool = False, tip: str = "") -> QPushButton:
    widget = QPushButton(text)
    widget.setObjectName("primary" if primary else "")
    widget.setToolTip(tip)
    widget.clicked.connect(lambda _checked=False: clicked())
    return widget


class Column(QWidget):
    """A panel's ground: a vertical layout with the house margins."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.column.setSpacing(GAP)


class ScrolledColumn(QScrollArea):
    """A column of widgets that scrolls up and down only; a stretch at its end keeps them at the top."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        ground = QWidget()
        self._lines = QVBoxLayout(ground)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(GAP)
        self._lines.addStretch(1)
        self.setWidget(ground)
        self.follow_end = False
        """Whether the end comes into sight with what is added next; for once."""
        self.verticalScrollBar().rangeChanged.connect(lambda *_: self._follow())

    def add(self, widget: QWidget) -> None:
        """Below what is there."""
        self._lines.insertWidget(self._lines.count() - 1, widget)

    def clear(self, keep: QWidget | None = None) -> None:
        """Empty the column; the widgets are deleted, except `keep`, which may be added again."""
        while self._lines.count() > 1 and (item := self._lines.takeAt(0)):
            widget = item.widget()
            if widget is None:
                continue
            if widget is keep:
                widget.setParent(None)
            else:
                widget.hide()
                widget.deleteLater()

    def _follow(self) -> None:
        if self.follow_end:
            self.follow_end = False
            self.to_end()

    def to_end(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())


def inset(number: QAbstractSpinBox) -> None:
    """Let a number stand where the text of a line edit does: the style sheet's padding does not reach into it."""
    number.lineEdit().setTextMargins(GAP, 0, GAP, 0)


def row(*widgets: QWidget, stretch: int = -1) -> QHBoxLayout:
    """Widgets side by side; the one at index `stretch` takes what is left, -1 leaves the rest empty."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GAP)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == stretch else 0)
    if stretch < 0:
        layout.addStretch(1)
    return layout


def restyle(widget: QWidget, **properties: str) -> None:
    """Set style-sheet properties and let them show."""
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def reword(line: QLabel, text: str, role: str) -> None:
    """Other words in another role of the style sheet."""
    line.setObjectName(role)
    restyle(line)
    line.setText(text)


def fill(widget: QWidget) -> QWidget:
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return widget
