"""The hand on a picture: tools, the selected marks, and what is being drawn, over a document of marks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import shapely
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter
from shapely.geometry.base import BaseGeometry

from viewers import drawn
from viewers.annotations.annotation import Annotation, Kind, Plane, Point, new_id
from viewers.annotations.classes import UNCLASSIFIED, AnnotationClass, Colour
from viewers.annotations.document import Annotations, Edit, classifying, removing
from viewers.annotations.moving import handles, hit, moved, with_handle
from viewers.annotations.tools import Brush, Hand, Stroke, Tool, made
from viewers.annotations.wand import Look, Wand
from viewers.camera import Camera

MOVE, BRUSH, WAND = "move", "brush", "wand"
TOOLS = (MOVE, *(str(kind) for kind in Kind), BRUSH, WAND)
"""Every tool's name; "" is none: the mouse belongs to the pane."""
REACH_PX = 6.0
"""Screen pixels within which a line, a point or a corner is meant."""
_BRUSH_STEP = 1.25
_MOST_LIVE = 300
MANY = 2000
"""Marks in one edit beyond which it is worked out beside the GUI thread."""
_STAY = (str(Kind.POINTS), BRUSH, WAND)
"""After these the tool stays; after the others the hand moves again, as in QuPath."""


class Drawing(QObject):
    """Turns the hand's ways into edits of the document. All places are level-0 pixels.

    What a finished stroke becomes, what a place means and by which corners a mark is changed are a subclass's to say anew.
    """

    changed = Signal()
    """Something is to be painted again."""
    selectionChanged = Signal()
    toolChanged = Signal(str)
    classChanged = Signal()
    """Another class is given to what is drawn from now on."""

    def __init__(self, tools: Mapping[str, Tool], parent: QObject | None = None) -> None:
        """`tools` are those that draw, by name."""
        super().__init__(parent)
        self._document: Annotations | None = None
        self._tools = tools
        self._name = ""
        self._selected: dict[str, None] = {}
        self._hand: Hand | None = None
        self._grip: tuple[Annotation, int] | None = None
        self._carried: dict[str, Annotation] = {}
        self._start: Point | None = None
        self.bulk: Callable[[Callable[[Mapping[str, Annotation]], Edit]], None] | None = None
        """Does edits of very many marks beside the GUI thread; None: here and now."""
        self.plane: tuple[int, int] | None = None
        """Depth and time of what is drawn and seen; None on slides of one plane."""
        self.active_class = ""
        """What new marks are classified as."""

    # document and selection

    @property
    def document(self) -> Annotations | None:
        return self._document

    def follow(self, document: Annotations | None) -> None:
        """Whose marks are drawn; what is selected of a document stays when it is given again."""
        if document is self._document:
            return
        if self._document is not None:
            self._document.unlisten(self._edited)
        self.cancel()
        self._document = document
        self._selected.clear()
        if document is not None:
            document.listen(self._edited)
        self.selectionChanged.emit()
        self.changed.emit()

    @property
    def selected(self) -> list[Annotation]:
        marks = self._document.marks if self._document else {}
        return [marks[id] for id in self._selected if id in marks]

    def _only(self) -> Annotation | None:
        """The selected mark where it is the only one."""
        found = self.selected if len(self._selected) == 1 else []
        return found[0] if found else None

    @property
    def selected_ids(self) -> Collection[str]:
        return self._selected.keys()

    def select(self, ids: Iterable[str]) -> None:
        chosen = dict.fromkeys(ids)
        if list(chosen) != list(self._selected):
            self._selected = chosen
            self.selectionChanged.emit()
            self.changed.emit()

    def delete_selected(self) -> bool:
        """Whether there was anything to delete."""
        if self._document is None or not self._selected:
            return False
        ids = tuple(self._selected)
        self._edit(lambda marks: removing(marks, ids), len(ids))
        return True

    def at(self, place: Point, pixel: float) -> Annotation | None:
        """The shown mark at a place, of several the smallest; `pixel` is a screen pixel's width there."""
        return hit(self._document.snapshot, place, REACH_PX * pixel, self.shows) if self._document is not None else None

    def made(self, stroke: Stroke) -> Annotation | None:
        """The mark a finished stroke becomes; None: none."""
        if stroke.geometry is None:
            return None
        z, t = self.plane or (0, 0)
        return Annotation(stroke.geometry, stroke.kind, class_name=self.active_class, plane=Plane(z=z, t=t))

    def colour_of(self, class_name: str) -> Colour:
        return self._document.colour_of(class_name) if self._document is not None else UNCLASSIFIED

    def corners(self, one: Annotation) -> list[Point]:
        """By which a mark is changed."""
        return handles(one)

    def with_corner(self, one: Annotation, number: int, place: Point) -> Annotation:
        """One corner taken to `place`. Raises ValueError where nothing would be left of the shape."""
        return with_handle(one, number, place)

    def moved(self, one: Annotation, across: float, down: float) -> Annotation:
        return moved(one, across, down)

    @property
    def rest(self) -> str:
        """The tool a hand holds that draws nothing: after most marks it moves again, as in QuPath."""
        return MOVE

    @property
    def moves(self) -> bool:
        """Whether the hand selects, moves and changes marks now."""
        return self._name == MOVE

    def select_all(self) -> None:
        """All marks of classes that are shown."""
        if self._document is not None:
            hidden = {one.name for one in self._document.classes if not one.visible}
            marks = self._document.marks.items()
            self.select(id for id, one in marks if one.class_name not in hidden and self._here(one))

    def merge_selected(self) -> bool:
        """The selected areas become one; whether there were at least two."""
        areas = [one for one in self.selected if one.has_area and not one.locked]
        if self._document is None or len(areas) < 2:
            return False
        whole = replace(areas[0], geometry=shapely.union_all([one.geometry for one in areas]), kind=Kind.POLYGON, id=new_id())
        self._document.exchange([one.id for one in areas], [whole], "merge")
        self.select([whole.id])
        return True

    def lock_selected(self) -> None:
        """Locked ones are unlocked when all are, else all are locked."""
        chosen = self.selected
        locked = not all(one.locked for one in chosen)
        if self._document is not None and chosen:
            marks = [replace(one, locked=locked) for one in chosen if one.locked != locked]
            self._document.replace(marks, "lock" if locked else "unlock")

    def classify(self, name: str) -> None:
        """The selected marks, and those drawn from now on."""
        self.active_class = name
        self.classChanged.emit()
        ids = tuple(self._selected)
        if ids:
            self._edit(lambda marks: classifying(marks, ids, name), len(ids))
        self.changed.emit()

    def _edit(self, make: Callable[[Mapping[str, Annotation]], Edit], count: int) -> None:
        if self._document is None:
            return
        if count > MANY and self.bulk is not None:
            self.bulk(make)
        else:
            self._document.do(make(self._document.marks))

    # tools

    @property
    def tool(self) -> str:
        return self._name

    @tool.setter
    def tool(self, name: str) -> None:
        """Raises ValueError for a name that is no tool's."""
        if name not in ("", MOVE, *self._tools):
            raise ValueError(f"no tool is called {name!r}")
        if name != self._name:
            self.cancel()
            self._name = name
            self.toolChanged.emit(name)
            self.changed.emit()

    @property
    def brush_px(self) -> float:
        """The brush's diameter in screen pixels."""
        brush = self._tools.get(BRUSH)
        return brush.diameter_px if isinstance(brush, Brush) else 0.0

    @brush_px.setter
    def brush_px(self, value: float) -> None:
        brush = self._tools.get(BRUSH)
        if isinstance(brush, Brush):
            brush.diameter_px = min(max(value, 4.0), 400.0)
        self.changed.emit()

    def resize_brush(self, by: int) -> None:
        """So many steps larger, or smaller below 0."""
        self.brush_px *= _BRUSH_STEP**by

    @property
    def carried(self) -> Mapping[str, Annotation]:
        """Marks under the hand as they would be if it let go, by id."""
        return self._carried

    @property
    def busy(self) -> bool:
        """Whether something is being drawn or carried."""
        tool = self._tools.get(self._name)
        return bool(self._carried) or self._grip is not None or (tool is not None and tool.active)

    def press(self, hand: Hand) -> bool:
        """The left button went down; False: the press is the pane's."""
        if self._document is None or not (self._name or self.moves):
            return False
        self._hand = hand
        if self.moves:
            return self._take(hand)
        stroke = self._tools[self._name].press(hand, self._only())
        self._finish(stroke)
        self.changed.emit()
        return True

    def move(self, hand: Hand, down: bool) -> bool:
        """The hand moved, with the button down or not; whether it is drawing."""
        self._hand = hand
        if self.moves:
            return self._carry(hand) if down else False
        tool = self._tools.get(self._name)
        if tool is None:
            return False
        (tool.drag if down else tool.hover)(hand)
        if tool.active or isinstance(tool, Brush):
            self.changed.emit()
        return tool.active

    def release(self, hand: Hand) -> None:
        self._hand = hand
        if self.moves:
            self._drop()
        elif self._name:
            self._finish(self._tools[self._name].release(hand))
        self.changed.emit()

    def finish(self) -> bool:
        """Enter or a double click; whether there was something to end."""
        tool = self._tools.get(self._name)
        if tool is None or not tool.active:
            return False
        self._finish(tool.finish())
        self.changed.emit()
        return True

    def step_back(self) -> bool:
        tool = self._tools.get(self._name)
        done = tool is not None and tool.step_back()
        self.changed.emit()
        return done

    def cancel(self) -> bool:
        """Give up what is being drawn or carried; whether there was anything."""
        there = bool(self._carried) or self._grip is not None
        self._carried, self._grip, self._start = {}, None, None
        tool = self._tools.get(self._name)
        there = (tool is not None and tool.cancel()) or there
        self.changed.emit()
        return there

    def leave(self) -> None:
        """The hand left the pane."""
        self._hand = None
        self.changed.emit()

    def _finish(self, stroke: Stroke | None) -> None:
        document = self._document
        if stroke is None or document is None:
            return
        now = document.marks.get(stroke.of.id) if stroke.of is not None else None
        if now is None:
            one = self.made(stroke)
            if one is None:
                return
            document.add([one])
            self.select([one.id])
        elif stroke.geometry is None:
            document.remove([now.id], "erase")
        else:
            document.replace([replace(now, geometry=stroke.geometry, kind=stroke.kind)], "change shape")
        if self._name not in _STAY:
            self.tool = self.rest

    # moving

    def _take(self, hand: Hand) -> bool:
        assert self._document is not None
        grip = self.gripped(hand)
        if grip is not None:
            self._grip, self._start = grip, hand.place
            return True
        found = self.at(hand.place, hand.pixel)
        if found is None:
            if not hand.shift:
                self.select([])
            return False  # the pane pans
        if hand.shift:
            ids = dict(self._selected)
            ids.pop(found.id) if found.id in ids else ids.update({found.id: None})
            self.select(ids)
        elif found.id not in self._selected:
            self.select([found.id])
        self._start = hand.place
        return True

    def gripped(self, hand: Hand) -> tuple[Annotation, int] | None:
        """The corner at a place, as a mark and its corner's number."""
        only, reach = self._only(), REACH_PX * hand.pixel
        if only is None or hand.shift:
            return None
        for number, corner in enumerate(self.corners(only)):
            if max(abs(corner[0] - hand.place[0]), abs(corner[1] - hand.place[1])) <= reach:
                return only, number
        return None

    def _carry(self, hand: Hand) -> bool:
        if self._start is None:
            return False
        across, down = hand.place[0] - self._start[0], hand.place[1] - self._start[1]
        if not self._carried and max(abs(across), abs(down)) < 4 * hand.pixel:
            return True
        if self._grip is not None:
            one, number = self._grip
            try:
                self._carried = {one.id: self.with_corner(one, number, hand.place)}
            except ValueError:
                return True  # no shape would be left there
        else:
            self._carried = {one.id: self.moved(one, across, down) for one in self.selected if not one.locked}
        self.changed.emit()
        return True

    def _drop(self) -> None:
        carried, what = self._carried, "change shape" if self._grip else "move"
        self._carried, self._grip, self._start = {}, None, None
        if carried and self._document is not None:
            marks = self._document.marks
            placed = [
                replace(marks[id], geometry=one.geometry, kind=one.kind, rest=one.rest)
                for id, one in carried.items()
                if id in marks
            ]
            self._document.replace(placed, what)

    def shows(self, one: Annotation) -> bool:
        """Whether its class is shown and it belongs to the plane that is."""
        known = self._document.class_of(one.class_name) if self._document else None
        return (known is None or known.visible) and self._here(one)

    def _here(self, one: Annotation) -> bool:
        return self.plane is None or (one.plane.z, one.plane.t) == self.plane

    def _follow_class(self, old: Sequence[AnnotationClass], new: Sequence[AnnotationClass]) -> None:
        """The active class under its new name; none where it is gone. Marks of classes that are hidden now are let go."""
        names = [one.name for one in new]
        if self.active_class and self.active_class not in names:
            place = [one.name for one in old].index(self.active_class) if self.active_class in [one.name for one in old] else -1
            self.active_class = names[place] if len(old) == len(new) and place >= 0 else ""
        hidden = {one.name for one in new if not one.visible}
        marks = self._document.marks if self._document is not None else {}
        if hidden and self._selected:
            self.select([id for id in self._selected if id in marks and marks[id].class_name not in hidden])

    def _edited(self, edit: Edit) -> None:
        if edit.classes is not None:
            self._follow_class(*edit.classes)
        count, marks = len(self._selected), self._document.marks if self._document is not None else {}
        if count:
            self._selected = {id: None for id in self._selected if id in marks}
        if (
            (count and (len(edit.changes) > MANY or any(change.id in self._selected for change in edit.changes)))
            or count != len(self._selected)
            or edit.classes
        ):
            self.selectionChanged.emit()
        self.changed.emit()

    # painting

    @property
    def shape(self) -> BaseGeometry | None:
        """What is being drawn."""
        tool = self._tools.get(self._name)
        found = tool.preview if tool is not None and tool.active else None
        return None if found is None or found.is_empty else found

    def paint(self, painter: QPainter, camera: Camera) -> None:
        """Selected and unfinished shapes; the painter's unit is the screen pixel."""
        if self._document is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        marks = self._document.marks
        live = [marks[id] for id in islice(self._selected, _MOST_LIVE) if id in marks]
        chosen = [self._carried.get(one.id, one) for one in live if self.shows(one)]
        tool = self._tools.get(self._name)
        changing = tool.of if isinstance(tool, Brush) and tool.active else None
        for one in chosen:
            if changing is None or changing.id != one.id:
                drawn.draw_shape(painter, camera, one.geometry, self.colour_of(one.class_name))
        shape = self.shape
        if shape is not None:
            name = changing.class_name if changing is not None else self.active_class
            drawn.draw_shape(painter, camera, shape, self.colour_of(name))
        if self.moves and len(self._selected) == 1 and chosen:
            drawn.draw_handles(painter, camera, self.corners(chosen[0]))
        if self._hand is not None and self._name == BRUSH:
            drawn.draw_brush(painter, camera, self._hand.place, self.brush_px)
        painter.restore()


def slide_tools(look: Look) -> dict[str, Tool]:
    """Those of slides; `look` shows the wand the picture."""
    return {**{str(kind): made(kind) for kind in Kind}, BRUSH: Brush(), WAND: Wand(look)}
