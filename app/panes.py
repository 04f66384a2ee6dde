"""Panes in rows and columns; exactly one is active and takes the keys."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from app.grid import ONE, Grid
from app.panels.parts import restyle
from app.panels.spacing_strip import SpacingStrip
from viewers.canvas import Canvas
from viewers.views import make_view

if TYPE_CHECKING:
    from viewers.sources import Source

PATH_MIME = "application/x-hilum-path"
"""What a drag from the browser carries: the source's absolute path as the file system has it."""


class Pane(QFrame):
    """A frame with one view; which path it shows or waits for. A source dragged from the browser may be dropped on it."""

    dropped = Signal(object)
    """Path of the source."""

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
        self._foot: QWidget | None = None
        self.strip = SpacingStrip(self)
        self._layout.addWidget(self.strip)
        self._layout.addWidget(self.view, 1)
        self.setAcceptDrops(True)

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

    def set_foot(self, foot: QWidget | None) -> None:
        """Something narrow under the view; None takes it away."""
        old, self._foot = self._foot, foot
        if old is not None:
            old.hide()
            old.deleteLater()
        if foot is not None:
            self._layout.addWidget(foot)

    def lend_room(self, guest: QWidget) -> None:
        """Let something stand in the view's place that shows the view inside it."""
        self._layout.insertWidget(self._layout.indexOf(self.strip) + 1, guest, 1)

    def take_room_back(self, view: Canvas) -> None:
        """The view stands alone again."""
        self._layout.insertWidget(self._layout.indexOf(self.strip) + 1, view, 1)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dragged_path(event.mimeData()) is not None:
            event.acceptProposedAction()
            restyle(self, aimed="true")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        restyle(self, aimed="false")
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        restyle(self, aimed="false")
        path = dragged_path(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)


class Panes(QWidget):
    activated = Signal(int)
    """The number of the pane that became active."""
    viewLeaving = Signal(object)
    """Pane whose view is about to be replaced."""
    viewMade = Signal(object)
    """Pane whose view is new: connect to it."""
    spacingGiven = Signal(object, object, str)
    """Path of a slide, µm per pixel (None: as the file says), and the scanner it is meant for ("": this slide)."""

    dropped = Signal(object, int)
    """Path of a source dragged from the browser, and the pane it is for."""
    arranged = Signal(object)
    """The Grid that stands now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self.panes: list[Pane] = []
        self.active = 0
        self.grid = ONE
        self.arrange(ONE)

    @property
    def pane(self) -> Pane:
        return self.panes[self.active]

    @property
    def view(self) -> Canvas:
        return self.pane.view

    @property
    def count(self) -> int:
        """Panes that are seen."""
        return self.grid.count

    @property
    def seen(self) -> list[Pane]:
        return self.panes[: self.count]

    def arrange(self, grid: Grid) -> None:
        """Show that many panes; what the others held stays in them."""
        before, self.grid = self.grid, grid
        while len(self.panes) < grid.count:
            self.panes.append(self._made(len(self.panes)))
        for pane in self.panes:
            self._layout.removeWidget(pane)
            pane.setVisible(pane.number < grid.count)
        for pane in self.seen:
            self._layout.addWidget(pane, *grid.place(pane.number))
        for at in range(max(before.rows, grid.rows)):
            self._layout.setRowStretch(at, 1 if at < grid.rows else 0)
        for at in range(max(before.columns, grid.columns)):
            self._layout.setColumnStretch(at, 1 if at < grid.columns else 0)
        self.activate(min(self.active, grid.count - 1))
        self.arranged.emit(grid)

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
        self.viewLeaving.emit(pane)
        view = make_view(source, pane)
        pane.standing = pane.path
        pane.put(view)
        self._watch(pane)
        self.viewMade.emit(pane)

    def clear(self, pane: Pane) -> None:
        self.viewLeaving.emit(pane)
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

    def _made(self, number: int) -> Pane:
        pane = Pane(number, self)
        self._watch(pane)
        pane.strip.given.connect(partial(self._spacing_given, pane))
        pane.strip.forgotten.connect(partial(self._spacing_given, pane, None))
        pane.dropped.connect(lambda path: self.dropped.emit(path, number))
        return pane

    def _watch(self, pane: Pane) -> None:
        pane.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        pane.view.installEventFilter(self)


def dragged_path(data: QMimeData) -> Path | None:
    """The source that a drag carries; None for any other drag."""
    if not data.hasFormat(PATH_MIME):
        return None
    name = os.fsdecode(bytes(data.data(PATH_MIME).data()))
    return Path(name) if name else None
