"""A widget that looks at a picture through a camera and is steered by mouse, wheel and keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QEnterEvent, QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from viewers.camera import Camera
from viewers.geometry import Region, Size
from viewers.gestures import Gestures, Tool
from viewers.gliding import Glide

STILL_MS = 120
"""So long after the last movement the picture counts as still."""


class Steered(QWidget):
    """Moves its camera and says so. It knows neither files nor marks; a subclass says what drags and clicks mean beyond that.

    `live` is whether there is anything to look at; `moving` whether the view moved a moment ago.
    """

    viewChanged = Signal()
    frameChanged = Signal(int)
    toolChanged = Signal(str)

    tools: tuple[Tool, ...] = (Tool.REGION, Tool.PAN)
    wheel_scrolls_frames = False

    def __init__(self, parent: QWidget | None = None, secondary: Tool = Tool.PAN) -> None:
        """`secondary` is what a drag with the right button does."""
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(96, 96)
        self.camera = Camera(Size(1, 1))
        self.frame, self.frames = 0, 1
        self.live = self.moving = False
        self.gestures = Gestures(self, secondary)
        self.glide = Glide(self)
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(STILL_MS)
        self._still.timeout.connect(self._stand_still)
        self.setCursor(self.gestures.cursor())

    # what a subclass fills in

    def select_between(self, start: QPointF, end: QPointF) -> None:
        """A person dragged a region between two screen points."""

    def clear_selection(self) -> bool:
        """Give up the selected region; whether there was one."""
        return False

    def clicked(self, place: QPointF) -> None:
        """A click that was no drag, in screen pixels."""

    def pointed_at(self, place: QPointF | None) -> None:
        """The pointer is there, in screen pixels; None: it left."""

    def dragged(self, tool: Tool, across: float, down: float) -> None:
        """A step of a drag in screen pixels."""
        if tool == Tool.PAN:
            self.camera.pan(across, down)
            self._moved()
        self.update()

    # the view

    def visible_region(self) -> Region:
        """What the pane shows, clipped to the picture, with the current frame."""
        return self.camera.visible_region(self.frame)

    def fit(self) -> None:
        self.camera.fit()
        self._moved()

    def one_to_one(self) -> None:
        """One level-0 pixel on one pixel of the monitor."""
        self.zoom_to(1.0)

    def zoom_to(self, device_scale: float) -> None:
        self.camera.zoom_to(device_scale)
        self._moved()

    def zoom(self, factor: float, u: float | None = None, v: float | None = None) -> None:
        """Zoom about a screen point, default the middle."""
        self.camera.zoom(factor, u, v)
        self._moved()

    def turn_to(self, angle: float) -> None:
        """Turn the picture to `angle` degrees clockwise about the middle of the pane."""
        self.camera.turn_to(angle)
        self._moved()

    def turn_by(self, angle: float) -> None:
        """As `turn_to`, from where it stands now."""
        self.turn_to(self.camera.angle + angle)

    def flip(self) -> None:
        """Mirror what is seen left to right."""
        self.camera.flip()
        self._moved()

    def pan_fields(self, across: float, down: float) -> None:
        """Move the view by this many pane widths and heights."""
        self.camera.pan(-across * self.camera.width, -down * self.camera.height)
        self._moved()

    def flick_fields(self, across: float, down: float) -> None:
        """As `pan_fields`, in a short glide."""
        self.glide.by(across * self.camera.width, down * self.camera.height)

    def centre_on(self, x: float, y: float) -> None:
        self.camera.centre_on(x, y)
        self._moved()

    def moved_along(self) -> None:
        """The camera was moved from outside."""
        self._moved()

    def show_region(self, region: Region) -> None:
        """Bring a region into view."""
        self.set_frame(region.frame)
        self.camera.show(region)
        self._moved()

    @property
    def tool(self) -> Tool:
        return self.gestures.tool

    def set_tool(self, tool: Tool | str) -> None:
        self.gestures.tool = Tool(tool)
        self.setCursor(self.gestures.cursor())
        self.toolChanged.emit(str(tool))

    def set_frame(self, frame: int) -> None:
        """Show another frame, counted from 0; clipped to those there are."""
        frame = min(max(frame, 0), self.frames - 1)
        if frame != self.frame:
            self.frame = frame
            self.frameChanged.emit(frame)
            self._changed()

    def select_middle(self) -> None:
        """Select the middle half of the view: what the keyboard has instead of a drag."""
        width, height = self.camera.width, self.camera.height
        self.select_between(QPointF(width / 4, height / 4), QPointF(width * 3 / 4, height * 3 / 4))

    # events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.live or not self.gestures.press(event):
            event.ignore()
        self.setCursor(self.gestures.cursor())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.gestures.move(event)
        self.pointed_at(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.gestures.release(event)
        self.setCursor(self.gestures.cursor())
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.live:
            self.gestures.wheel(event)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.live or not self.gestures.key(event):
            super().keyPressEvent(event)
        self.setCursor(self.gestures.cursor())
        self.update()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        self.gestures.key_released(event)
        self.setCursor(self.gestures.cursor())
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.gestures.forget()
        super().focusOutEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.setCursor(self.gestures.cursor())
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed_at(None)
        super().leaveEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_camera()
        self._moved()

    def sizeHint(self) -> QSize:
        return QSize(900, 700)

    def _fit_camera(self) -> None:
        self.camera.resize(self.width(), self.height(), self.devicePixelRatioF())

    def _moved(self) -> None:
        self.moving = True
        self._still.start()
        self._changed()

    def _changed(self) -> None:
        self.viewChanged.emit()
        self.update()

    @Slot()
    def _stand_still(self) -> None:
        self.moving = False
        self.update()
