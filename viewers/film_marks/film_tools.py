"""How places become measurements: straight strokes by dragging or by clicking, and what a stroke is held to with Shift."""

from __future__ import annotations

import math

import shapely
from shapely.geometry.base import BaseGeometry

from viewers.annotations import annotation
from viewers.annotations.annotation import Annotation, Kind, Point
from viewers.annotations.tools import CornerTool, DragTool, Hand, PointTool, Stroke, Tool, squared
from viewers.film_marks.film_mark import PLACES, FilmTool, kind_of, shaped

CLICK_PX = 4.0
"""Screen pixels within which a press and its release are a click."""


class PlacesTool(Tool):
    """So many places, each by a click, or two by a drag. Shift holds a stroke to rows or columns, a second one to the first."""

    def __init__(self, tool: FilmTool) -> None:
        super().__init__()
        self._tool = tool
        self._places: list[Point] = []
        self._next: Point | None = None
        self._pressed: Point | None = None
        self._begins = False

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:
        self._begins = self._opens()
        self._pressed = hand.place
        if self._begins:
            self._places.append(hand.place)
        self._next = self._held(hand)
        return super().press(hand, chosen)

    def drag(self, hand: Hand) -> None:
        self._next = self._held(hand)

    def hover(self, hand: Hand) -> None:
        self._next = self._held(hand) if self._places else None

    def release(self, hand: Hand) -> Stroke | None:
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return None
        clicked = math.dist(pressed, hand.place) <= CLICK_PX * hand.pixel
        if not (self._begins and clicked):
            self._places.append(self._held(hand))
        if len(self._places) < PLACES[self._tool]:
            return None
        places = self._places
        self.cancel()
        try:
            return Stroke(shaped(self._tool, places), kind_of(self._tool))
        except ValueError:
            return None

    def step_back(self) -> bool:
        if not self._places:
            return False
        self._places.pop()
        self.active = bool(self._places)
        return True

    def cancel(self) -> bool:
        there = bool(self._places)
        self._places, self._next, self._pressed, self.active = [], None, None, False
        return there

    @property
    def preview(self) -> BaseGeometry | None:
        places = [*self._places, *([self._next] if self._next is not None else [])]
        try:
            return shaped(self._tool, places)
        except ValueError:
            pass
        try:
            return shaped(self._tool, places[:2])
        except ValueError:
            return shapely.Point(places[0]) if places else None

    def _opens(self) -> bool:
        """Whether a press now begins a stroke, whose end the drag may set."""
        return len(self._places) < 2 if self._tool is FilmTool.ANGLE else len(self._places) % 2 == 0

    def _held(self, hand: Hand) -> Point:
        number = len(self._places)
        if not hand.shift or not number or (number % 2 == 0 and self._tool is not FilmTool.ANGLE):
            return hand.place
        start = self._places[-1]
        if number == 3 and self._tool is not FilmTool.ANGLE:
            return along(start, hand.place, self._places[0], self._places[1])
        return squared(start, hand.place, Kind.LINE)


def along(start: Point, end: Point, a: Point, b: Point) -> Point:
    """The place nearest to `end` on the line through `start` that is parallel to that from `a` to `b`."""
    across, down = b[0] - a[0], b[1] - a[1]
    square = across * across + down * down
    if not square:
        return end
    part = ((end[0] - start[0]) * across + (end[1] - start[1]) * down) / square
    return start[0] + part * across, start[1] + part * down


class ProbeTool(PointTool):
    """Every click is a probe of its own."""

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:  # noqa: ARG002 - never joins another
        return super().press(hand, None)


def film_tools() -> dict[str, Tool]:
    """One tool for each kind of measurement, by its name."""
    return {
        **{str(tool): PlacesTool(tool) for tool in PLACES},
        str(FilmTool.ELLIPSE): DragTool(Kind.ELLIPSE, annotation.ellipse),
        str(FilmTool.RECTANGLE): DragTool(Kind.RECTANGLE, annotation.rectangle),
        str(FilmTool.FREEHAND): CornerTool(True),
        str(FilmTool.PROBE): ProbeTool(),
    }
