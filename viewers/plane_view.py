"""One plane of a volume on the screen, with the lines of the two others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from viewers import marks, theme
from viewers.blit import blit
from viewers.camera import Camera
from viewers.gestures import Tool
from viewers.legend import Legend
from viewers.lettering import Lettering
from viewers.mpr import PLANES, Crosshair, Plane
from viewers.plane_lines import COLOURS, CutLine, draw_cut_lines, handle_reach, taken
from viewers.plane_reader import ShownCut
from viewers.steered import Steered
from viewers.volume_cuts import Cut, Slab
from viewers.words import Words, paint_words


class PlaneView(Steered):
    """It paints what it is given and says what a hand wants; it holds no volume and reads nothing.

    The left button moves the crosshair, on a handle it turns the other plane; the right one drags the window, the middle one or
    space pans, the wheel goes along the normal, with Ctrl it zooms.
    """

    pointed = Signal(object)
    """Screen point under the pointer as a place in pixels of the cut, None when it left."""
    aimed = Signal(object)
    """Patient mm the crosshair shall move to."""
    turned = Signal(float)
    """Degrees, clockwise on the screen, that the other planes shall turn."""
    stepped = Signal(int)
    """Notches along the normal."""
    windowDragged = Signal(float, float)
    """Screen pixels across and down."""
    released = Signal()
    """The hand let go of crosshair or handle."""
    alone = Signal()
    """This plane alone, or all of them again."""

    tools = ()

    def __init__(self, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent, secondary=Tool.WINDOW)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.plane = plane
        self.setAccessibleName(f"{plane.capitalize()} plane")
        self.cut: Cut | None = None
        self.crosshair: Crosshair | None = None
        self.shown: ShownCut | None = None
        self.corners: Mapping[str, Sequence[str]] = {}
        self.said = ""
        """A message in the middle; "" for none."""
        self.working = False
        """Whether a finer picture is on its way."""
        self._lettering, self._legend = Lettering(), Legend()
        self._turning: float | None = None
        self._aiming = False
        self._hot: Plane | None = None

    # what is shown

    def set_cut(self, cut: Cut, crosshair: Crosshair) -> None:
        """Look at another plane; what the middle of the pane shows stays there, as large. It is painted with its picture."""
        before, self.cut, self.crosshair, self.live = self.cut, cut, crosshair, True
        if before is None:
            self.camera = Camera(cut.size, cut.pixel_mm[1] / cut.pixel_mm[0])
            self._fit_camera()
        elif (before.size, before.pixel_mm) != (cut.size, cut.pixel_mm):
            self._keep_looking(before, cut)

    def set_shown(self, shown: ShownCut) -> None:
        self.shown = shown
        self.update()

    def say(self, text: str) -> None:
        self.said = text
        self.update()

    @property
    def busy(self) -> bool:
        """Whether a hand holds crosshair or handle."""
        return self._aiming or self._turning is not None

    def _keep_looking(self, before: Cut, cut: Cut) -> None:
        """All cuts of a plane have the volume's middle in theirs: lengths from there stay as they are."""
        old, fitted = self.camera, self.camera.fitted
        across = (old.x - before.size.width / 2) * before.pixel_mm[0]
        down = (old.y - before.size.height / 2) * before.pixel_mm[1]
        scale = old.scale / before.pixel_mm[0] * cut.pixel_mm[0]
        self.camera = Camera(cut.size, cut.pixel_mm[1] / cut.pixel_mm[0])
        self.camera.resize(old.width, old.height, old.ratio)
        x, y = cut.size.width / 2 + across / cut.pixel_mm[0], cut.size.height / 2 + down / cut.pixel_mm[1]
        self.camera.look(x, y, scale, 0.0, False)
        self.camera.fitted = fitted

    # painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        bounds = QRectF(self.rect())
        painter.fillRect(bounds, QColor("#000000"))
        if self.devicePixelRatioF() != self.camera.ratio:
            self._fit_camera()
        if self.cut is not None and self.shown is not None:
            self._paint_cut(painter, self.cut, self.shown)
        if self.cut is not None and self.crosshair is not None:
            draw_cut_lines(painter, self._lines(), bounds, self._reach, self._hot)
            self._paint_words(painter, self.cut, self.crosshair)
        pen = QPen(QColor(COLOURS[self.plane]), 2)
        painter.setPen(pen)
        painter.drawLine(1, 1, 33, 1)
        painter.drawLine(1, 1, 1, 33)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.ACCENT), 1))
            painter.drawRect(bounds.adjusted(0.5, 0.5, -0.5, -0.5))
        if self.said:
            marks.draw_message(painter, self.font(), self.said, bounds)
        painter.end()

    def _paint_cut(self, painter: QPainter, cut: Cut, shown: ShownCut) -> None:
        painter.save()
        painter.scale(1 / self.camera.ratio, 1 / self.camera.ratio)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        first, last = shown.cut.place(0, 0), shown.cut.place(shown.cut.size.width, shown.cut.size.height)
        target = self.camera.to_device((*cut.pixel(first), *cut.pixel(last)))
        blit(painter, shown.image, target, self.camera.device_bounds())
        painter.restore()

    def _paint_words(self, painter: QPainter, cut: Cut, crosshair: Crosshair) -> None:
        lines = {corner: list(said) for corner, said in self.corners.items()}
        if self.working:
            lines["top-left"] = [*lines.get("top-left", []), "…"]
        words = Words(lines, crosshair.letters(self.plane), cut.spacing, 0.0, self._legend, None)
        paint_words(painter, self._lettering, self.font(), theme.LIGHT_INK, self.camera, words)

    @property
    def _reach(self) -> float:
        return handle_reach(self.camera.width, self.camera.height)

    def _lines(self) -> list[CutLine]:
        cut, crosshair = self.cut, self.crosshair
        if cut is None or crosshair is None:
            return []
        middle = self.camera.to_screen(*cut.pixel(crosshair.place))
        found = []
        for other in PLANES:
            if other == self.plane:
                continue
            way = crosshair.line(self.plane, other)
            along = float(way @ cut.across), float(way @ cut.down)
            half = cut.thickness_mm / 2 * self.camera.scale / cut.pixel_mm[0] if cut.slab != Slab.THIN else 0.0
            found.append(CutLine(other, middle, along, half))
        return found

    # hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        if event.button() != Qt.MouseButton.LeftButton or not self.live or not self.gestures.free:
            super().mousePressEvent(event)
            return
        if taken(self._lines(), self._reach, place) is not None:
            self._turning = self._angle(place)
        else:
            self._aiming = True
            self._aim(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        if self._aiming:
            self._aim(place)
        elif self._turning is not None:
            now = self._angle(place)
            step = (now - self._turning + 180.0) % 360.0 - 180.0
            self._turning = now
            self.turned.emit(step)
        else:
            super().mouseMoveEvent(event)
            if event.buttons() == Qt.MouseButton.NoButton:
                self._hover(place)
            return
        self.pointed_at(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.busy and event.button() == Qt.MouseButton.LeftButton:
            self._aiming, self._turning = False, None
            self._hover(event.position())
            self.released.emit()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.alone.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        elif self.live and (notches := self.gestures.notches(event)):
            self.stepped.emit(-notches)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        notches = {Qt.Key.Key_PageDown: 1, Qt.Key.Key_PageUp: -1}.get(Qt.Key(event.key()))
        if notches is None or not self.live:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(notches)

    def dragged(self, tool: Tool, across: float, down: float) -> None:
        if tool == Tool.WINDOW:
            self.windowDragged.emit(across, down)
        super().dragged(tool, across, down)

    def pointed_at(self, place: QPointF | None) -> None:
        self.pointed.emit(None if place is None else self.camera.from_screen(place.x(), place.y()))

    def _aim(self, place: QPointF) -> None:
        if self.cut is not None:
            self.aimed.emit(self.cut.place(*self.camera.from_screen(place.x(), place.y())))

    def _angle(self, place: QPointF) -> float:
        """Of a screen point about the crosshair, degrees clockwise."""
        if self.cut is None or self.crosshair is None:
            return 0.0
        x, y = self.camera.to_screen(*self.cut.pixel(self.crosshair.place))
        return math.degrees(math.atan2(place.y() - y, place.x() - x))

    def _hover(self, place: QPointF) -> None:
        hot = taken(self._lines(), self._reach, place)
        if hot != self._hot:
            self._hot = hot
            self.setToolTip("" if hot is None else f"Turn the planes: the {hot} one becomes oblique")
            self.update()
        self.setCursor(Qt.CursorShape.PointingHandCursor if hot is not None else Qt.CursorShape.CrossCursor)
