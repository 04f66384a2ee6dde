"""How strokes become marks: one small class for each tool, without a widget.

A tool is told presses, drags and clicks in level-0 pixels and gives back a `Stroke` when a mark is finished. `pixel` is what one
pixel of the screen covers in level-0 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from viewers.annotations import annotation
from viewers.annotations.annotation import Annotation, Kind, Point

CLOSE_PX = 9.0
"""Screen pixels from the first corner within which a click closes a polygon."""
FREEHAND_PX = 1.5
"""Screen pixels between two places of a freehand line, and by how much it is simplified."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Where the hand is and what it holds down."""

    place: Point
    pixel: float = 1.0
    shift: bool = False
    alt: bool = False


@dataclass(frozen=True, slots=True)
class Stroke:
    """A finished act: a new shape, or what an annotation's shape becomes (`of`; `geometry` None: nothing is left of it)."""

    geometry: BaseGeometry | None
    kind: Kind
    of: Annotation | None = None


class Tool:
    """By default nothing happens. `preview` is what has been drawn so far, with the hand where it is."""

    def __init__(self) -> None:
        self.active = False

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:  # noqa: ARG002 - for tools that need it
        """The button went down; `chosen` is the selected annotation."""
        self.active = True
        return None

    def drag(self, hand: Hand) -> None:
        """The hand moved with the button down."""

    def hover(self, hand: Hand) -> None:
        """The hand moved with the button up."""

    def release(self, hand: Hand) -> Stroke | None:  # noqa: ARG002
        self.active = False
        return None

    def finish(self) -> Stroke | None:
        """Enter or a double click: end what is being drawn."""
        return None

    def step_back(self) -> bool:
        """Backspace: take back the last corner; whether there was one."""
        return False

    def cancel(self) -> bool:
        """Give up what is being drawn; whether there was anything."""
        there, self.active = self.active, False
        return there

    @property
    def preview(self) -> BaseGeometry | None:
        return None


class PointTool(Tool):
    """A click sets a point; beside a selected annotation of points it joins them."""

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:
        if chosen is not None and chosen.kind == Kind.POINTS and not chosen.locked and not hand.alt:
            places = [*(part.coords[0] for part in shapely.get_parts(chosen.geometry)), hand.place]
            return Stroke(annotation.points(places), Kind.POINTS, chosen)
        return Stroke(annotation.points([hand.place]), Kind.POINTS)


class DragTool(Tool):
    """A shape between where the button went down and where it comes up; Shift makes it as high as wide, or a line upright."""

    def __init__(self, kind: Kind, make: Callable[[Point, Point], BaseGeometry]) -> None:
        super().__init__()
        self._kind, self._make = kind, make
        self._ends: tuple[Point, Point] | None = None

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:
        self._ends = hand.place, hand.place
        return super().press(hand, chosen)

    def drag(self, hand: Hand) -> None:
        if self._ends is not None:
            start = self._ends[0]
            self._ends = start, squared(start, hand.place, self._kind) if hand.shift else hand.place

    def release(self, hand: Hand) -> Stroke | None:
        self.drag(hand)
        shape = self.preview
        self.cancel()
        return None if shape is None else Stroke(shape, self._kind)

    def cancel(self) -> bool:
        self._ends = None
        return super().cancel()

    @property
    def preview(self) -> BaseGeometry | None:
        if self._ends is None:
            return None
        try:
            return self._make(*self._ends)
        except ValueError:
            return None


class CornerTool(Tool):
    """Corner after corner by clicks, or freehand by dragging. A click near the first corner, Enter or a double click ends it."""

    def __init__(self, closed: bool) -> None:
        super().__init__()
        self._closed = closed
        self._places: list[Point] = []
        self._next: Point | None = None
        self._freehand = False
        self._pixel = 1.0

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:
        self._pixel = hand.pixel
        first = self._places[0] if self._places else None
        if self._closed and first and len(self._places) > 2 and _apart(first, hand.place) <= CLOSE_PX * hand.pixel:
            return self.finish()
        if not self._places or _apart(self._places[-1], hand.place) > hand.pixel:
            self._places.append(hand.place)
        self._freehand = False
        return super().press(hand, chosen)

    def drag(self, hand: Hand) -> None:
        if self._places and _apart(self._places[-1], hand.place) >= FREEHAND_PX * hand.pixel:
            self._places.append(hand.place)
            self._freehand = True

    def hover(self, hand: Hand) -> None:
        self._next = hand.place if self._places else None

    def release(self, hand: Hand) -> Stroke | None:  # noqa: ARG002
        return self.finish() if self._freehand else None

    def finish(self) -> Stroke | None:
        places, freehand = self._places, self._freehand
        tolerance = FREEHAND_PX * self._pixel / 2
        self.cancel()
        try:
            shape = annotation.polygon(places) if self._closed else annotation.line(places)
            if freehand:
                thin = shapely.simplify(shape, tolerance)
                shape = annotation.areas(thin) if self._closed else thin
        except ValueError:
            return None
        return Stroke(shape, Kind.POLYGON if self._closed else Kind.POLYLINE)

    def step_back(self) -> bool:
        if not self._places:
            return False
        self._places.pop()
        self.active = bool(self._places)
        return True

    def cancel(self) -> bool:
        there = bool(self._places)
        self._places, self._next, self._freehand, self.active = [], None, False, False
        return there

    @property
    def preview(self) -> BaseGeometry | None:
        places = [*self._places, *([self._next] if self._next and not self._freehand else [])]
        if len(places) < 2:
            return shapely.Point(places[0]) if places else None
        return shapely.Polygon(places) if self._closed and len(places) > 2 else shapely.LineString(places)


class Brush(Tool):
    """Paints an area with a disc; begun inside the selected area it adds to it, with Alt it takes away from it.

    `diameter_px` is on the screen. Subclasses say what lies under the hand.
    """

    def __init__(self) -> None:
        super().__init__()
        self.diameter_px = 40.0
        self._of: Annotation | None = None
        self._shape: BaseGeometry | None = None
        self._last: Point | None = None
        self._erases = False

    def under(self, hand: Hand, last: Point | None) -> BaseGeometry | None:
        """The disc swept from the last place to this one."""
        radius = self.diameter_px * hand.pixel / 2
        path = shapely.Point(hand.place) if last is None or last == hand.place else shapely.LineString([last, hand.place])
        return path.buffer(radius, quad_segs=12)

    def press(self, hand: Hand, chosen: Annotation | None) -> Stroke | None:
        usable = chosen is not None and chosen.has_area and not chosen.locked
        self._erases = hand.alt
        takes = usable and chosen is not None and (hand.alt or hand.shift or chosen.geometry.contains(shapely.Point(hand.place)))
        self._of = chosen if takes else None
        self._shape = self._of.geometry if self._of is not None else None
        self._last = None
        if hand.alt and self._of is None:
            return None  # nothing to take away from
        self.active = True
        self._sweep(hand)
        return None

    def drag(self, hand: Hand) -> None:
        if self.active:
            self._sweep(hand)

    def release(self, hand: Hand) -> Stroke | None:  # noqa: ARG002
        shape, of, there = self._shape, self._of, self.active
        self.cancel()
        if not there:
            return None
        try:
            whole = annotation.areas(shape) if shape is not None else None
        except ValueError:
            whole = None
        if whole is None and of is None:
            return None
        return Stroke(whole, Kind.POLYGON, of)

    def cancel(self) -> bool:
        self._shape = self._of = self._last = None
        return super().cancel()

    @property
    def preview(self) -> BaseGeometry | None:
        return self._shape

    @property
    def of(self) -> Annotation | None:
        """The annotation that is being changed."""
        return self._of

    def _sweep(self, hand: Hand) -> None:
        part = self.under(hand, self._last)
        self._last = hand.place
        if part is None:
            return
        if self._erases:
            self._shape = None if self._shape is None else self._shape.difference(part)
        else:
            self._shape = part if self._shape is None else self._shape.union(part)
        if self._shape is not None:
            self._shape = shapely.simplify(self._shape, hand.pixel / 3)


def made(kind: Kind) -> Tool:
    """The tool that draws a kind."""
    if kind == Kind.POINTS:
        return PointTool()
    if kind in (Kind.POLYGON, Kind.POLYLINE):
        return CornerTool(kind == Kind.POLYGON)
    shapes: dict[Kind, Callable[[Point, Point], BaseGeometry]] = {
        Kind.LINE: lambda a, b: annotation.line([a, b]),
        Kind.RECTANGLE: annotation.rectangle,
        Kind.ELLIPSE: annotation.ellipse,
    }
    return DragTool(kind, shapes[kind])


def _apart(a: Point, b: Point) -> float:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def squared(start: Point, end: Point, kind: Kind) -> Point:
    """`end` with the shape as high as wide, a line along the rows or the columns."""
    across, down = end[0] - start[0], end[1] - start[1]
    if kind == Kind.LINE:
        return (end[0], start[1]) if abs(across) >= abs(down) else (start[0], end[1])
    side = max(abs(across), abs(down))
    return start[0] + (side if across >= 0 else -side), start[1] + (side if down >= 0 else -side)
