"""The hand on a film: what it draws belongs to the frame that is shown, and texts are moved like corners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import shapely
from PySide6.QtCore import QObject, Signal

from viewers import theme
from viewers.annotations import annotation
from viewers.annotations.annotation import Annotation, Kind, Point
from viewers.annotations.classes import Colour
from viewers.annotations.moving import handles, with_handle
from viewers.annotations.moving import moved as moved_whole
from viewers.annotations.tools import Hand, Stroke
from viewers.drawing import REACH_PX, Drawing
from viewers.film_marks.film_mark import PLACES, FilmTool, FrameKey, beside, film_mark, key_of, shaped, tool_of, with_label
from viewers.film_marks.film_tools import film_tools

LABEL = -1
"""The number of a mark's text among its corners."""
_MOST_CORNERS = 60
_ASKED = (FilmTool.ARROW, FilmTool.CALIBRATION)


class FilmHand(Drawing):
    """Without a tool it selects and moves marks where it meets one; everywhere else the mouse stays the pane's."""

    wordsWanted = Signal(object)
    """An arrow or a calibration line that waits for what a person types: `keep` or `drop` it."""

    def __init__(self, label_at: Callable[[Point], tuple[Annotation, Point] | None], parent: QObject | None = None) -> None:
        """`label_at` finds the mark whose text covers a place, and the middle of that text."""
        super().__init__(film_tools(), parent)
        self._label_at = label_at
        self._off: Point = (0.0, 0.0)
        self.key: FrameKey | None = None
        """The frame that is shown; None: marks of every frame count as elsewhere."""
        self.waiting: Annotation | None = None
        self._asked: Annotation | None = None

    @property
    def rest(self) -> str:
        return ""

    @property
    def moves(self) -> bool:
        return not self.tool

    def colour_of(self, class_name: str) -> Colour:  # noqa: ARG002 - films have no classes
        return theme.MEASURED

    def _here(self, one: Annotation) -> bool:
        return self.key is not None and key_of(one) == self.key

    # what is drawn

    def made(self, stroke: Stroke) -> Annotation | None:
        if stroke.geometry is None or self.key is None:
            return None
        mark = film_mark(FilmTool(self.tool), stroke.geometry, self.key)
        if tool_of(mark) not in _ASKED:
            return mark
        self._asked = mark
        return None

    def _finish(self, stroke: Stroke | None) -> None:
        super()._finish(stroke)
        mark, self._asked = self._asked, None
        if mark is not None:
            self.tool = self.rest
            self.waiting = mark
            self.wordsWanted.emit(mark)

    def keep(self, mark: Annotation) -> None:
        """The waiting mark with what was typed."""
        self.waiting = None
        if self.document is not None:
            self.document.add([mark])
            self.select([mark.id])
        self.changed.emit()

    def drop(self) -> None:
        """Nothing was typed."""
        self.waiting = None
        self.changed.emit()

    def cancel(self) -> bool:
        there, self.waiting = self.waiting is not None, None
        return super().cancel() or there

    def merge_selected(self) -> bool:
        return False

    # what is changed

    def at(self, place: Point, pixel: float) -> Annotation | None:
        """The shown mark whose line is nearest within reach: what an area encloses stays the picture's."""
        if self.document is None:
            return None
        spot, best, nearest = shapely.Point(place), None, REACH_PX * pixel
        for one in self.document.marks.values():
            if self.shows(one):
                away = (one.geometry.boundary if one.has_area else one.geometry).distance(spot)
                if away <= nearest:
                    best, nearest = one, away
        return best

    def gripped(self, hand: Hand) -> tuple[Annotation, int] | None:
        found = super().gripped(hand)
        if found is not None or hand.shift:
            return found
        label = self._label_at(hand.place)
        if label is None:
            return None
        mark, middle = label
        self.select([mark.id])
        if mark.locked:
            return None
        self._off = middle[0] - hand.place[0], middle[1] - hand.place[1]
        return mark, LABEL

    def corners(self, one: Annotation) -> list[Point]:
        if one.locked or tool_of(one) is FilmTool.PROBE:
            return []
        if tool_of(one) in PLACES:
            return [(float(x), float(y)) for x, y in shapely.get_coordinates(one.geometry)]
        found = handles(one)
        return found if len(found) <= _MOST_CORNERS else []

    def with_corner(self, one: Annotation, number: int, place: Point) -> Annotation:
        if number == LABEL:
            return with_label(one, (place[0] + self._off[0], place[1] + self._off[1]))
        tool = tool_of(one)
        if tool is None or tool not in PLACES:
            return with_handle(one, number, place)
        corners = self.corners(one)
        corners[number] = place
        return replace(one, geometry=shaped(tool, corners))

    def moved(self, one: Annotation, across: float, down: float) -> Annotation:
        label = beside(one).label
        whole = moved_whole(one, across, down)
        return whole if label is None else with_label(whole, (label[0] + across, label[1] + down))

    @property
    def sketch(self) -> Annotation | None:
        """What is being drawn or waits for its words, as a mark that can be measured; None for nothing."""
        if self.waiting is not None or self.key is None:
            return self.waiting
        shape = self.shape
        if shape is None or not self.tool:
            return None
        tool = FilmTool(self.tool)
        if tool is FilmTool.FREEHAND and shape.geom_type != "Polygon":
            return replace(film_mark(tool, shape, self.key), kind=Kind.POLYLINE)
        if tool is FilmTool.FREEHAND:
            try:
                shape = annotation.areas(shape)
            except ValueError:
                return None
        return film_mark(tool, shape, self.key)
