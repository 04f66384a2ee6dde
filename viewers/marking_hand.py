"""Mouse and keys of a pane as strokes of its drawing: what slides and films have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent

from viewers.annotations.tools import Hand
from viewers.drawing import Drawing

if TYPE_CHECKING:
    from viewers.canvas import Canvas


class MarkingHand:
    """Each method says whether the event was the hand's; the pane takes the others."""

    def __init__(self, pane: Canvas, drawing: Drawing, seen: Callable[[], bool], over_inset: Callable[[QPointF], bool]) -> None:
        """`seen` is whether marks are shown, `over_inset` whether something that stands over the picture lies at a place."""
        self._pane, self._drawing, self._seen, self._over_inset = pane, drawing, seen, over_inset
        self._pressed = False
        self.place: QPointF | None = None
        """Where the hand was last, in screen pixels."""

    def mine(self, event: QMouseEvent) -> bool:
        """Whether a press may be the hand's at all."""
        left = event.button() == Qt.MouseButton.LeftButton
        return left and self._pane.live and self._pane.gestures.free and not self._over_inset(event.position())

    def over_mark(self, event: QMouseEvent) -> bool:
        """Whether a mark lies under the pointer."""
        hand = self.hand(event)
        return self._seen() and self._drawing.at(hand.place, hand.pixel) is not None

    def press(self, event: QMouseEvent) -> bool:
        if not self.mine(event) or not (self._drawing.tool or self._seen()) or not self._drawing.press(self.hand(event)):
            return False
        self._pressed, self.place = True, event.position()
        return True

    def move(self, event: QMouseEvent) -> bool:
        self.place = event.position()
        return self._pane.gestures.free and self._drawing.move(self.hand(event), self._pressed)

    def release(self, event: QMouseEvent) -> bool:
        if not self._pressed or event.button() != Qt.MouseButton.LeftButton:
            return False
        self._pressed = False
        self._drawing.release(self.hand(event))
        return True

    def key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self._drawing.finish()
        if key == Qt.Key.Key_Escape:
            return self.give_up()
        if key == Qt.Key.Key_Backspace:
            return self.take_back()
        return key == Qt.Key.Key_Delete and self._seen() and self._drawing.delete_selected()

    def give_up(self) -> bool:
        """What is being drawn goes, else what is selected is let go; whether there was anything."""
        self._pressed = False
        return self._drawing.cancel() or self._let_go()

    def take_back(self) -> bool:
        """The last corner goes, else the selected marks; whether there was anything."""
        if self._drawing.busy:
            return self._drawing.step_back()
        return self._seen() and self._drawing.delete_selected()

    def _let_go(self) -> bool:
        there = bool(self._drawing.selected_ids)
        self._drawing.select([])
        return there

    def hand(self, event: QMouseEvent) -> Hand:
        held, place, camera = event.modifiers(), event.position(), self._pane.camera
        return Hand(
            camera.from_screen(place.x(), place.y()),
            1 / camera.scale,
            bool(held & Qt.KeyboardModifier.ShiftModifier),
            bool(held & Qt.KeyboardModifier.AltModifier),
        )
