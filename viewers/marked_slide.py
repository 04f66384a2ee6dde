"""A slide with marks on it: the pane that a person draws on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget
from shapely.geometry.base import BaseGeometry

from viewers import theme
from viewers.annotations.annotation import Annotation, Kind, Point
from viewers.annotations.document import Annotations
from viewers.annotations.measure import live_text, measured
from viewers.drawing import BRUSH, MOVE, Drawing, slide_tools
from viewers.gestures import Tool
from viewers.lettering import draw_plate, pane_font
from viewers.mark_layer import MarkLayer
from viewers.marking_hand import MarkingHand
from viewers.qimage import to_array
from viewers.slide_view import SlideView
from viewers.sources import Source


class MarkedSlide(SlideView):
    """`drawing` is the hand, `marks` the layer that is painted; both follow the document that `show_marks` gives them."""

    def __init__(self, parent: QWidget | None = None, cache_bytes: int | None = None) -> None:
        super().__init__(parent, cache_bytes)
        self.marks = MarkLayer(self)
        self.drawing = Drawing(slide_tools(self._patch), self)
        self.hand = MarkingHand(self, self.drawing, lambda: self.marks.visible, self._over_inset)
        self.marks.changed.connect(self.update)
        self.drawing.changed.connect(self.update)
        self.drawing.toolChanged.connect(self._tool_changed)
        self.frameChanged.connect(lambda _: self._use_plane())

    def show_marks(self, document: Annotations | None) -> None:
        """Whose marks are shown and drawn; None for none."""
        self.marks.follow(document)
        self.drawing.follow(document)

    def opened(self, source: Source) -> None:
        super().opened(source)
        self._use_plane()

    def _use_plane(self) -> None:
        """Marks belong to a depth and a time where a slide has several."""
        source = self.channel_source
        plane = None
        if source is not None and source.frames > 1:
            t, z = divmod(self.frame, source.z)
            plane = z, t
        self.drawing.cancel()
        self.drawing.plane = plane
        self.marks.show_plane(plane)

    def closed(self) -> None:
        self.show_marks(None)
        super().closed()

    @property
    def settled(self) -> bool:
        return super().settled and self.marks.settled

    def set_marking(self, name: str) -> None:
        """Take a tool of `viewers.drawing.TOOLS`; "" gives the mouse back to the pane."""
        self.drawing.tool = name

    def set_tool(self, tool: Tool | str) -> None:
        if Tool(tool) != Tool.MARK:
            self.drawing.tool = ""
        super().set_tool(tool)

    def paint_marks(self, painter: QPainter) -> None:
        self.marks.paint(painter, self.camera, self.moving)

    def paint_hand(self, painter: QPainter) -> None:
        if not self.marks.visible:
            return
        self.drawing.paint(painter, self.camera)
        shape = self.drawing.shape
        if shape is not None and self.hand.place is not None and self.source is not None:
            text = live_text(measured(Annotation(shape, _kind(shape, self.drawing.tool)), self.source.spacing))
            self._say(painter, text, self.hand.place)

    def _say(self, painter: QPainter, text: str, place: QPointF) -> None:
        """A measure beside the hand."""
        font = pane_font(self.font(), theme.SMALL_POINTS)
        painter.save()
        painter.setFont(font)
        words = painter.fontMetrics().boundingRect(text)
        left = min(place.x() + 16, self.width() - words.width() - 16)
        plate = QRectF(left, min(place.y() + 16, self.height() - 28.0), words.width() + 12, words.height() + 6)
        draw_plate(painter, plate)
        painter.setPen(theme.PLATE_TEXT)
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()

    def said_at(self, x: float, y: float) -> str:
        """Also the class of the mark there."""
        one = self.drawing.at((x, y), 1 / self.camera.scale) if self.marks.visible else None
        name = "" if one is None else one.name or one.class_name or "unclassified mark"
        return "   ".join(filter(None, (super().said_at(x, y), name)))

    # events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.hand.press(event):
            self.marks.visible = True  # nobody draws on what they do not see
        elif self.drawing.tool == MOVE and self.hand.mine(event):
            self.gestures.tool = Tool.PAN
            super().mousePressEvent(event)
            self.gestures.tool = Tool.MARK
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.hand.move(event):
            self.pointed_at(event.position())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self.hand.release(event):
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if not self.drawing.tool or event.button() != Qt.MouseButton.LeftButton:
            super().mouseDoubleClickEvent(event)
        elif not self.drawing.finish():
            self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.live or not self._key(event):
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.drawing.leave()
        super().leaveEvent(event)

    def _key(self, event: QKeyEvent) -> bool:
        """Whether the key meant something to the hand."""
        key, drawing = Qt.Key(event.key()), self.drawing
        if Qt.Key.Key_0 <= key <= Qt.Key.Key_9 and not event.modifiers():
            return self._classify(chr(key))
        if key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight) and drawing.tool == BRUSH:
            drawing.resize_brush(1 if key == Qt.Key.Key_BracketRight else -1)
            return True
        return self.hand.key(event)

    def _classify(self, digit: str) -> bool:
        """What is selected and drawn from now on gets the class of that key; 0: none."""
        known = self.drawing.document.classes if self.drawing.document is not None else ()
        found = [one.name for one in known if one.key == digit] if digit != "0" else [""]
        if found:
            self.drawing.classify(found[0])
        return bool(found)

    def give_up(self) -> bool:
        """What is being drawn goes, else what is selected is let go; whether there was anything."""
        return self.hand.give_up()

    def take_back(self) -> bool:
        """The last corner goes, else the selected marks; whether there was anything."""
        return self.hand.take_back()

    def _over_inset(self, place: QPointF) -> bool:
        return self._overview.place(self.camera, place.x(), place.y()) is not None or self.legend.over(place)

    def _tool_changed(self, name: str) -> None:
        super().set_tool(Tool.MARK if name else Tool.REGION)
        self.setCursor(Qt.CursorShape.ArrowCursor if name == MOVE else self.gestures.cursor())

    def _patch(self, place: Point, side: int) -> tuple[NDArray[np.uint8], Callable[[BaseGeometry], BaseGeometry]] | None:
        """The picture alone around a place, one pixel a screen pixel, and from those pixels to level 0."""
        u, v = self.camera.to_screen(*place)
        left, top, ratio = round(u) - side // 2, round(v) - side // 2, self.camera.ratio
        image = QImage(side, side, QImage.Format.Format_RGB32)
        image.fill(self.background)
        painter = QPainter(image)
        painter.translate(-left, -top)
        painter.scale(1 / ratio, 1 / ratio)
        self._turn(painter)
        self.paint_picture(painter)
        painter.end()

        def to_slide(shape: BaseGeometry) -> BaseGeometry:
            return shapely.transform(shape, lambda px: np.array([self.camera.from_screen(left + x, top + y) for x, y in px]))

        return to_array(image), to_slide


def _kind(shape: BaseGeometry, tool: str) -> Kind:
    """As what an unfinished shape is measured."""
    if shape.geom_type in ("LineString", "MultiLineString"):
        return Kind.LINE
    if shape.geom_type in ("Point", "MultiPoint"):
        return Kind.POINTS
    return Kind(tool) if tool in (Kind.RECTANGLE, Kind.ELLIPSE) else Kind.POLYGON
