"""Panes linked so that they move together: at once where they show one slide, else after two places picked in each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPen
from shiboken6 import isValid

from app.chain import paint_chain
from app.panes import Pane, Panes
from viewers import theme
from viewers.lettering import draw_plate, pane_font
from viewers.linking import CLOSEST_PX, IDENTITY, Linked, Point, Similarity
from viewers.slide_view import SlideView

LETTERS = "AB"


class Linking(QObject):
    noted = Signal(str)

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes
        self.linked: Linked | None = None
        self.picks: dict[Path, list[Point]] | None = None
        """By slide: the places picked so far; None while nobody picks."""
        self._first: Path | None = None
        self._leading = False
        panes.viewMade.connect(self._view_made)

    def link(self) -> None:
        """All panes with slides that are seen; the active one leads."""
        self.unlink()
        members = self._members()
        if len(members) < 2:
            self.noted.emit("two panes with slides are needed to link them: press Ctrl+2")
            return
        leader = next((pane for pane in members if pane.number == self._panes.active), members[0])
        paths = dict.fromkeys(pane.standing for pane in [leader, *members] if pane.standing is not None)
        self._first = leader.standing
        self.picks = {path: [] for path in paths}
        if len(paths) == 1:
            self._join(dict.fromkeys(paths, IDENTITY))
            return
        for pane in members:
            pane.view.installEventFilter(self)
            pane.view.signs.append(partial(self._paint_picks, pane))
            pane.view.setCursor(Qt.CursorShape.CrossCursor)
            pane.view.update()
        self.noted.emit("linking: pick two places in each slide")

    def unlink(self) -> bool:
        """Let every pane go its own way; whether any was linked."""
        there, self.linked = self.linked is not None, None
        self.give_up()
        for pane in self._panes.panes:
            pane.view.signs = [sign for sign in pane.view.signs if getattr(sign, "func", None) != self._paint_sign]
            pane.view.update()
        return there

    def give_up(self) -> bool:
        """Stop picking; whether there was any."""
        there, self.picks = self.picks is not None, None
        for pane in self._panes.panes:
            pane.view.removeEventFilter(self)
            pane.view.signs = [sign for sign in pane.view.signs if getattr(sign, "func", None) != self._paint_picks]
            pane.view.setCursor(pane.view.gestures.cursor())
            pane.view.update()
        return there

    def pick(self, pane: Pane, place: QPointF) -> None:
        """A person clicked a place, in screen pixels; once every slide has two, the panes are linked."""
        if self.picks is None or pane.standing not in self.picks or len(self.picks[pane.standing]) == len(LETTERS):
            return
        picked, camera = self.picks[pane.standing], pane.view.camera
        if picked:
            u, v = camera.to_screen(*picked[0])
            if abs(u - place.x()) + abs(v - place.y()) < CLOSEST_PX:
                self.noted.emit("B must lie further from A")
                return
        picked.append(camera.from_screen(place.x(), place.y()))
        for one in self._members():
            one.view.update()
        if all(len(places) == len(LETTERS) for places in self.picks.values()):
            self._finish()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """While places are picked a click with the left button is one; space and the other buttons go on moving the view."""
        if self.picks is None or event.type() != QEvent.Type.MouseButtonPress or not isinstance(event, QMouseEvent):
            return False
        pane = next((one for one in self._members() if one.view is watched), None)
        if pane is None or event.button() != Qt.MouseButton.LeftButton or not pane.view.gestures.free:
            return False
        self._panes.activate(pane.number)
        pane.view.setFocus()
        self.pick(pane, event.position())
        return True

    def _finish(self) -> None:
        assert self.picks is not None
        assert self._first is not None
        flipped = {pane.standing: pane.view.camera.flipped for pane in self._members()}
        first, frames = self.picks[self._first], {}
        for path, places in self.picks.items():
            mirrored = flipped.get(path) != flipped.get(self._first)
            frames[path] = Similarity.between(places, first, mirrored)
        self._join(frames)

    def _join(self, frames: dict[Path, Similarity]) -> None:
        self.give_up()
        members = [pane for pane in self._members() if pane.standing in frames]
        self.linked = Linked({pane.number: frames[pane.standing] for pane in members if pane.standing is not None})
        for pane in members:
            pane.view.signs.append(partial(self._paint_sign, pane))
            pane.view.update()
        leader = next((pane for pane in members if pane.standing == self._first), members[0])
        self._moved(leader)
        self.noted.emit(f"{len(members)} panes linked")

    def _moved(self, pane: Pane) -> None:
        """The others follow; what they then say of themselves leads nobody."""
        if self._leading or self.linked is None or pane.number not in self.linked.frames:
            return
        self._leading = True
        try:
            views = {one.number: one.view for one in self._members()}
            for number in self.linked.lead(pane.number, {key: view.camera for key, view in views.items()}):
                views[number].moved_along()
        finally:
            self._leading = False

    def _view_made(self, pane: Pane) -> None:
        """Another slide stands in the pane: it is linked no more."""
        pane.view.viewChanged.connect(partial(self._moved, pane))
        if self.picks is not None:
            self.give_up()
            self.noted.emit("linking given up: another slide was opened")
        if self.linked is not None and self.linked.frames.pop(pane.number, None) is not None and len(self.linked.frames) < 2:
            self.unlink()

    def _members(self) -> list[Pane]:
        return [pane for pane in self._panes.seen if _is_open_slide(pane)]

    def _paint_sign(self, pane: Pane, painter: QPainter) -> None:
        """A chain at the pane's top."""
        paint_chain(pane.view, painter)

    def _paint_picks(self, pane: Pane, painter: QPainter) -> None:
        """What to do next, and the places picked so far."""
        picked = self.picks.get(pane.standing, []) if self.picks is not None and pane.standing is not None else []
        for letter, place in zip(LETTERS, picked, strict=False):
            _paint_place(painter, pane.view, letter, place)
        font = pane_font(pane.view.font())
        words = _next(len(picked))
        width = QFontMetricsF(font).horizontalAdvance(words) + 24
        plate = QRectF(round((pane.view.width() - width) / 2), theme.MARGIN + 24, round(width), 28)
        draw_plate(painter, plate)
        painter.setFont(font)
        painter.setPen(QColor(theme.PLATE_TEXT))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, words)


def _is_open_slide(pane: Pane) -> bool:
    return isinstance(pane.view, SlideView) and isValid(pane.view) and pane.view.source is not None


def _next(picked: int) -> str:
    return ("Click place A · Esc gives up", "Click place B, far from A", "Now the other slide")[picked]


def _paint_place(painter: QPainter, view: SlideView | object, letter: str, place: Point) -> None:
    assert isinstance(view, SlideView)
    middle = QPointF(*view.camera.to_screen(*place))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for pen in (QPen(QColor(255, 255, 255, 220), 4), QPen(QColor(theme.ACCENT).darker(150), 2)):
        painter.setPen(pen)
        painter.drawEllipse(middle, 7, 7)
        painter.drawLine(middle + QPointF(-12, 0), middle + QPointF(-3, 0))
        painter.drawLine(middle + QPointF(3, 0), middle + QPointF(12, 0))
    plate = QRectF(middle.x() + 10, middle.y() + 6, 20, 20)
    draw_plate(painter, plate)
    painter.setFont(pane_font(view.font(), bold=True))
    painter.setPen(QColor(theme.PLATE_TEXT))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, letter)
    painter.restore()
