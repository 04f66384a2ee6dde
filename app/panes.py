"""One, two or four panes side by side; exactly one is active and takes the keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from app.panels.parts import restyle
from app.panels.spacing_strip import SpacingStrip
from viewers.canvas import Canvas
from viewers.views import make_view

if TYPE_CHECKING:
    from viewers.sources import Source

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


class Pane(QFrame):
    """A frame with one view; which path it shows or waits for."""

    def __init__(self, number: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("pane")
        self.number = number
        self.path: Path | None = None
        self.standing: Path | None = None
        """What is on the screen now: not `path` while that is still being opened."""
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self.view: Canvas = Canvas(self)
        self.strip = SpacingStrip(self)
        self._layout.addWidget(self.strip)
        self._layout.addWidget(self.view, 1)

    def put(self, view: Canvas) -> None:
        """Show another view; the old one is closed."""
        old, self.view = self.view, view
        view.legend.follow(old.legend)
        self._layout.replaceWidget(old, view)
        view.show()
        self.strip.show_for(view.source)
        old.close_source()
        old.hide()
        old.deleteLater()


class Panes(QWidget):
    activated = Signal(int)
    """The number of the pane that became active."""
    viewMade = Signal(object)
    """Pane whose view is new: connect to it."""
    spacingGiven = Signal(object, object, str)
    """Path of a slide, µm per pixel (None: as the file says), and the scanner it is meant for ("": this slide)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(1)
        self.panes = [Pane(number, self) for number in range(4)]
        for pane, place in zip(self.panes, PLACES, strict=True):
            self._grid.addWidget(pane, *place)
            self._watch(pane)
            pane.strip.given.connect(partial(self._spacing_given, pane))
            pane.strip.forgotten.connect(partial(self._spacing_given, pane, None))
        self.active = 0
        self.count: Literal[1, 2, 4] = 1
        self.arrange(1)

    @property
    def pane(self) -> Pane:
        return self.panes[self.active]

    @property
    def view(self) -> Canvas:
        return self.pane.view

    def arrange(self, count: Literal[1, 2, 4]) -> None:
        """Show that many panes; what the others held stays in them."""
        self.count = count
        for pane in self.panes:
            pane.setVisible(pane.number < count)
        for row in (0, 1):
            self._grid.setRowStretch(row, 1 if row == 0 or count == 4 else 0)
        for column in (0, 1):
            self._grid.setColumnStretch(column, 1 if column == 0 or count > 1 else 0)
        self.activate(min(self.active, count - 1))

    def activate(self, number: int) -> None:
        changed = number != self.active
        self.active = number
        for pane in self.panes:
            restyle(pane, active="true" if pane.number == number and self.count > 1 else "false")
        if changed:
            self.activated.emit(number)

    def showing(self, path: Path) -> list[Pane]:
        return [pane for pane in self.panes if pane.path == path]

    def holding(self, path: Path) -> list[Pane]:
        """Panes that have it on the screen."""
        return [pane for pane in self.panes if pane.standing == path and pane.view.source is not None]

    def show_source(self, pane: Pane, source: Source) -> None:
        view = make_view(source, pane)
        pane.standing = pane.path
        pane.put(view)
        self._watch(pane)
        self.viewMade.emit(pane)

    def clear(self, pane: Pane) -> None:
        pane.path = pane.standing = None
        pane.put(Canvas(pane))
        self._watch(pane)
        self.viewMade.emit(pane)

    def _spacing_given(self, pane: Pane, mpp: float | None, scanner: str) -> None:
        if pane.path is not None:
            pane.strip.say("Keeping it …")
            self.spacingGiven.emit(pane.path, mpp, scanner)

    def close_all(self) -> None:
        for pane in self.panes:
            pane.view.close_source()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn, QEvent.Type.Wheel):
            for pane in self.panes:
                if pane.view is watched:
                    self.activate(pane.number)
        return False

    def _watch(self, pane: Pane) -> None:
        pane.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        pane.view.installEventFilter(self)
