"""Reference lines: on every pane, where the active one's slice lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from PySide6.QtCore import QLineF, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from app.panes import Pane, Panes
from viewers.dicom_view import RadiologyView
from viewers.reference_lines import Segment, line_on
from viewers.sources import StackedSource
from viewers.sources.stacks import stack_of

COLOUR = "#9ad0f5"


class Referencing(QObject):
    """Of series in one frame of reference alone: the slice shown, and thinner the first and last of its stack."""

    noted = Signal(str)

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes
        self.shown = True
        panes.viewMade.connect(self._view_made)
        panes.activated.connect(lambda _: self._again())

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"reference-lines": self.toggle}

    def toggle(self) -> None:
        self.shown = not self.shown
        self.noted.emit("reference lines are shown" if self.shown else "reference lines are hidden")
        self._again()

    def lines(self, pane: Pane) -> list[tuple[Segment, bool]]:
        """On this pane, in level-0 pixels, and whether each is the slice that is shown."""
        leader = self._panes.pane
        here, there = _place(pane), _place(leader)
        if not self.shown or pane is leader or here is None or there is None:
            return []
        (view, source), (other, from_source) = here, there
        plane = source.plane(view.frame)
        if plane is None:
            return []
        stack = stack_of(from_source.stacks, other.frame)
        found = []
        for frame in dict.fromkeys((stack.first, stack.first + stack.count - 1, other.frame)):
            cutting = from_source.plane(frame)
            segment = line_on(plane, cutting, from_source.size) if cutting is not None else None
            if segment is not None:
                found.append((segment, frame == other.frame))
        return found

    def _view_made(self, pane: Pane) -> None:
        view = pane.view
        if isinstance(view, RadiologyView):
            view.signs.append(partial(self._paint, pane))
            view.frameChanged.connect(lambda _: self._moved(pane))
        self._again()

    def _moved(self, pane: Pane) -> None:
        """The others show where the active pane's slice lies; a pane that follows or plays moves no line but its own."""
        if self.shown and pane is self._panes.pane:
            self._again(but=pane)

    def _again(self, but: Pane | None = None) -> None:
        for pane in self._panes.seen:
            if pane is not but and isinstance(pane.view, RadiologyView):
                pane.view.update()

    def _paint(self, pane: Pane, painter: QPainter) -> None:
        lines = self.lines(pane)
        if not lines:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for segment, current in lines:
            ends = QLineF(*(QPointF(*pane.view.camera.to_screen(*place)) for place in segment))
            for pen in _pens(current):
                painter.setPen(pen)
                painter.drawLine(ends)
        painter.restore()


def _pens(current: bool) -> Iterator[QPen]:
    """A dark rim under the line, so that it is seen on bone too."""
    if current:
        yield QPen(QColor(0, 0, 0, 140), 3.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    pen = QPen(QColor(COLOUR), 1.4 if current else 1.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    if not current:
        pen.setDashPattern([2, 5])
    yield pen


def _place(pane: Pane) -> tuple[RadiologyView, StackedSource] | None:
    view = pane.view
    source = view.source
    return (view, source) if isinstance(view, RadiologyView) and isinstance(source, StackedSource) else None
