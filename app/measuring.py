"""The measurements of the marks in the active pane, made anew a moment after the last edit, beside the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.errands import Errands
from viewers.annotations.annotation import Annotation
from viewers.annotations.measure import ClassCount, Columns, Inside, counts, inside, measured_all
from viewers.geometry import Spacing
from viewers.marked_slide import MarkedSlide

if TYPE_CHECKING:
    from app.panels.marks import MarksPanel
    from app.panes import Panes

PAUSE_MS = 200
MOST_AREAS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A moment's marks with their measures, row by row."""

    marks: tuple[Annotation, ...]
    columns: Columns
    counts: tuple[ClassCount, ...]
    inside: Mapping[str, Inside]
    """What lies in each area, by its id; empty where there are more than `MOST_AREAS`."""
    number: Mapping[str, int]
    """Where in `marks` each id stands."""


class Measuring(QObject):
    """Brings a table to the panel; what was measured of another slide meanwhile is dropped."""

    _made = Signal(object, object)

    def __init__(self, panes: Panes, panel: MarksPanel, errands: Errands, parent: QObject) -> None:
        super().__init__(parent)
        self._panes, self._panel, self._errands = panes, panel, errands
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._begin)
        self._made.connect(self._take)
        self._newest = 0

    def soon(self) -> None:
        """Something changed."""
        self._pause.start()

    def stop(self) -> None:
        self._pause.stop()

    def _begin(self) -> None:
        view, path = self._panes.view, self._panes.pane.standing
        document = view.drawing.document if isinstance(view, MarkedSlide) else None
        if path is None or document is None or view.source is None:
            self._panel.show_measures(None)
            return
        marks = tuple(document.marks.values())
        self._newest += 1
        self._errands.start(path, path.name, partial(self._measure, self._newest, path, marks, view.source.spacing))

    def _measure(self, wish: int, path: Path, marks: tuple[Annotation, ...], spacing: Spacing | None) -> None:
        if wish != self._newest:
            return  # something was edited since
        columns = measured_all(marks, spacing)
        areas = sum(one.has_area and one.object_type == "annotation" for one in marks)
        within = inside(marks, columns) if areas <= MOST_AREAS else ()
        number = {one.id: place for place, one in enumerate(marks)}
        found = Measured(marks, columns, counts(marks, columns), {one.id: one for one in within}, number)
        self._errands.tell(self._made, path, found)

    def _take(self, path: Path, found: Measured) -> None:
        if self._panes.pane.standing == path:
            self._panel.show_measures(found)
