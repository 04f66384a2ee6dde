"""What the mouse, the wheel and the keys mean in a pane."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

if TYPE_CHECKING:
    from viewers.steered import Steered

TOLERANCE = 4.0
"""Screen pixels the mouse may move before a click becomes a drag."""
NOTCH = 120
"""Wheel units of one notch (Qt)."""


class Tool(StrEnum):
    """What a drag with the left button does."""

    REGION = "region"
    PAN = "pan"
    WINDOW = "window"
    MARK = "mark"
    """Draws and moves marks; a subclass of the pane says how."""


_CURSORS = {
    Tool.REGION: Qt.CursorShape.CrossCursor,
    Tool.PAN: Qt.CursorShape.OpenHandCursor,
    Tool.WINDOW: Qt.CursorShape.SizeAllCursor,
    Tool.MARK: Qt.CursorShape.CrossCursor,
}


@dataclass(slots=True)
class _Drag:
    tool: Tool
    start: QPointF
    last: QPointF
    moved: bool = False


class Gestures:
    """Turns events into calls of the pane. Space and the middle button pan whatever the tool is."""

    def __init__(self, pane: Steered, secondary: Tool = Tool.PAN) -> None:
        self._pane = pane
        self._secondary = secondary
        self._drag: _Drag | None = None
        self._space = False
        self._wheel = 0.0
        self.tool = Tool.REGION

    @property
    def band(self) -> tuple[QPointF, QPointF] | None:
        """The two corners of a region being dragged, in screen pixels."""
        drag = self._drag
        return (drag.start, drag.last) if drag and drag.moved and drag.tool == Tool.REGION else None

    @property
    def free(self) -> bool:
        """Whether the left button is the tool's: space is not held and nothing is being dragged."""
        return not self._space and self._drag is None

    def cursor(self) -> Qt.CursorShape:
        if self._drag and self._drag.tool == Tool.PAN:
            return Qt.CursorShape.ClosedHandCursor
        return Qt.CursorShape.OpenHandCursor if self._space else _CURSORS[self.tool]

    def press(self, event: QMouseEvent) -> bool:
        tool = {
            Qt.MouseButton.LeftButton: Tool.PAN if self._space else self.tool,
            Qt.MouseButton.MiddleButton: Tool.PAN,
            Qt.MouseButton.RightButton: self._secondary,
        }.get(event.button())
        if tool is None or self._drag is not None:
            return False
        self._drag = _Drag(tool, event.position(), event.position())
        return True

    def move(self, event: QMouseEvent) -> bool:
        """Whether the event belonged to a drag."""
        drag, place = self._drag, event.position()
        if drag is None:
            return False
        away = place - drag.start
        drag.moved = drag.moved or max(abs(away.x()), abs(away.y())) >= TOLERANCE
        if drag.moved:
            step, drag.last = place - drag.last, place
            self._pane.dragged(drag.tool, step.x(), step.y())
        return True

    def release(self, event: QMouseEvent) -> None:
        drag, self._drag = self._drag, None
        if drag and drag.moved and drag.tool == Tool.REGION:
            self._pane.select_between(drag.start, event.position())
        elif drag and not drag.moved and event.button() == Qt.MouseButton.LeftButton:
            self._pane.clicked(drag.start)

    def cancel(self) -> bool:
        """Give up a region being dragged; whether there was one."""
        there, self._drag = self.band is not None, None
        return there

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom about the cursor; in a stack, frames, and zoom with Ctrl."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        place = event.position()
        if self._pane.wheel_scrolls_frames and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._pane.set_frame(self._pane.frame - self.notches(event))
        else:
            self._pane.zoom(2.0 ** (turned / (2 * NOTCH)), place.x(), place.y())

    def notches(self, event: QWheelEvent) -> int:
        """Whole notches turned away from the person; what is less waits for the next event, as touchpads send it."""
        self._wheel += (event.angleDelta().y() or event.angleDelta().x()) / NOTCH
        whole = int(self._wheel)
        self._wheel -= whole
        return whole

    def key(self, event: QKeyEvent) -> bool:
        """Whether the key meant something here."""
        pane, key = self._pane, Qt.Key(event.key())
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            return False
        if key == Qt.Key.Key_Space:
            self._space = True
        elif key in _PANS:
            pane.flick_fields(*_PANS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            pane.zoom(0.5**0.5 if key == Qt.Key.Key_Minus else 2**0.5)
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            pane.set_frame(pane.frame + (1 if key == Qt.Key.Key_PageDown else -1))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            pane.set_frame(0 if key == Qt.Key.Key_Home else 2**31)
        elif key == Qt.Key.Key_Escape:
            return self.cancel() or pane.clear_selection()
        elif key == Qt.Key.Key_F:
            pane.fit()
        elif key in _TOOLS and _TOOLS[key] in pane.tools:
            pane.set_tool(Tool.REGION if self.tool == _TOOLS[key] else _TOOLS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            pane.select_middle()
        else:
            return False
        return True

    def key_released(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False

    def forget(self) -> None:
        """The pane lost the focus: no key is held any more."""
        self._space = False


_PANS = {
    Qt.Key.Key_Left: (-0.5, 0.0),
    Qt.Key.Key_Right: (0.5, 0.0),
    Qt.Key.Key_Up: (0.0, -0.5),
    Qt.Key.Key_Down: (0.0, 0.5),
}
_TOOLS = {Qt.Key.Key_W: Tool.WINDOW, Qt.Key.Key_V: Tool.PAN, Qt.Key.Key_S: Tool.REGION}
