"""The picture pane: what slides and radiographs have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QCloseEvent, QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from viewers import marks, theme
from viewers.camera import Box, Camera
from viewers.geometry import Region, Spacing
from viewers.gestures import Tool
from viewers.layers import Layers
from viewers.legend import TIP, Legend
from viewers.lettering import Lettering
from viewers.markings import Markings
from viewers.overlay import HeatmapLayer
from viewers.sources import Source
from viewers.steered import Steered
from viewers.words import CORNERS, Pointed, Words, paint_words

if TYPE_CHECKING:
    from viewers.viewport import Viewport

EMPTY = "Nothing open here. Drop files or a folder on it, or press Ctrl+O."


class Canvas(Steered):
    """Shows a source and what lies over it, and turns gestures into regions. All lengths it emits are level-0 pixels.

    It never waits: subclasses read pixels on their own threads. It owns the source it is given: once it has let go and
    its last thread has left, the source is closed. Drops are left to the window.
    """

    regionSelected = Signal(object)
    """The Region a person dragged, None when it was cleared."""
    pointerMoved = Signal(object)
    """What is `Pointed` at, None outside the picture."""

    has_lengths = True
    """Whether a scale bar makes sense."""
    background = theme.SURROUND
    ink = theme.LIGHT_INK

    def __init__(self, parent: QWidget | None = None, secondary: Tool = Tool.PAN) -> None:
        self._viewport: Viewport | None = None
        super().__init__(parent, secondary)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Picture")
        self.corner_texts: dict[str, list[str]] = {corner: [] for corner in CORNERS}
        """Further lines for each corner, above those the pane writes itself."""
        self.washes: list[Callable[[QPainter], None]] = []
        """Paint over picture and heatmaps, under marks; the painter's unit is the device pixel, as in `paint_picture`."""
        self.signs: list[Callable[[QPainter], None]] = []
        """Paint above everything but a message; the painter's unit is the screen pixel."""
        self._source: Source | None = None
        self._status = ""
        self._lettering = Lettering()
        self._legend = Legend()
        self._markings = Markings(self)
        self._markings.changed.connect(self.update)

    # what a subclass fills in

    def opened(self, source: Source) -> None:
        """Start reading."""

    def closed(self) -> None:
        """Tell the threads to end; the last of them closes the source."""
        if self._source is not None:
            self._source.close()

    def paint_picture(self, painter: QPainter) -> None:
        """Paint through `self.camera`; the painter's unit is the device pixel."""

    def paint_marks(self, painter: QPainter) -> None:
        """Paint what lies over picture and heatmap; the painter's unit is the device pixel, as in `paint_picture`."""

    def paint_hand(self, painter: QPainter) -> None:
        """Paint what is under the hand, above everything; the painter's unit is the screen pixel."""

    def corner_lines(self) -> Mapping[str, Sequence[str]]:
        return {}

    def edge_letters(self) -> tuple[str, str, str, str]:
        """The patient's sides at the (left, right, top, bottom) edge, "" where unknown."""
        return "", "", "", ""

    def paint_insets(self, painter: QPainter) -> float:  # noqa: ARG002 - for subclasses
        """Paint what stands in the top-right corner, in screen pixels; returns the height it takes."""
        return 0.0

    def message(self) -> str:
        """What stands in the middle of the pane, "" for nothing."""
        return self._status

    def said_at(self, x: float, y: float) -> str:
        """What lies over a level-0 place, in words."""
        return self._markings.said_at(x, y, self.frame)

    def value_at(self, x: int, y: int) -> tuple[float | None, str]:  # noqa: ARG002 - for subclasses
        """The stored value of a level-0 pixel and its unit, where the source has one."""
        return None, ""

    # the source

    @property
    def source(self) -> Source | None:
        return self._source

    def set_source(self, source: Source | None) -> None:
        """Show `source` from its first frame, fitted; None empties the pane. The source before it is closed."""
        if source is self._source:
            return
        self.close_source()
        if source is None:
            return
        self._source, self.frame, self.frames, self.live = source, 0, source.frames, True
        self.camera = Camera(source.size, _aspect(source))
        self.setAccessibleName(f"Picture: {source.name}")
        self._fit_camera()
        self.opened(source)
        self._changed()

    def close_source(self) -> None:
        """Let go of the source; returns at once, its threads end by themselves."""
        if self._source is None:
            return
        self.closed()
        self._source, self.frame, self.frames, self.live, self._status = None, 0, 1, False, ""
        self._markings.select(None, False)
        self._markings.clear()
        self.layers.lend(())
        self._legend.hide()
        self.setAccessibleName("Picture")
        self.update()

    @property
    def spacing(self) -> Spacing | None:
        """What lengths on the picture are written in: as the source states it, unless a subclass knows better."""
        return self._source.spacing if self._source is not None else None

    @property
    def settled(self) -> bool:
        """Whether what is shown is final: nothing moves, nothing visible is still being read."""
        return not self.moving and not self.layers.fading

    def set_status(self, text: str) -> None:
        """A message in the middle of the pane; "" takes it away."""
        self._status = text
        self.update()

    # regions and results

    @property
    def selection(self) -> Region | None:
        return self._markings.selection

    @property
    def overlay(self) -> HeatmapLayer:
        return self._markings.overlay

    @property
    def layers(self) -> Layers:
        """The heatmaps over the picture; `overlay` is one of them."""
        return self._markings.layers

    @property
    def legend(self) -> Legend:
        """Where the heatmap's legend stands."""
        return self._legend

    def fold_legend(self) -> None:
        """From its slim form to the whole and back."""
        self._legend.fold()
        self.update()

    def set_selection(self, region: Region | None, proposed: bool = False) -> None:
        """Show a region without announcing it; `proposed` marks it as a model's."""
        self._markings.select(region, proposed)

    def select_between(self, start: QPointF, end: QPointF) -> None:
        """A person's region between two screen points."""
        ends = (start.x(), start.y()), (end.x(), end.y())
        region = self.camera.region_between(*ends, self.frame) if self._source else None
        if region is not None:
            self.set_selection(region)
            self.regionSelected.emit(region)

    def clear_selection(self) -> bool:
        """Whether there was one."""
        if self.selection is None:
            return False
        self.set_selection(None)
        self.regionSelected.emit(None)
        return True

    def show_heatmap(
        self,
        values: NDArray[np.float32],
        extent: Box,
        low: float,
        high: float,
        phrase: str,
        unit: str,
        validated: bool,
        frame: int | None = None,
    ) -> None:
        """Fade in a heatmap over a frame (None: the one shown); see `HeatmapLayer.show`."""
        self._markings.use_frame(self.frame if frame is None else frame)
        self.overlay.show(values, extent, low, high, phrase, unit, validated)

    def shows_heatmap(self, values: NDArray[np.float32], frame: int) -> bool:
        """Whether this very array already lies on that frame."""
        return self._markings.shows(values, frame)

    def show_boxes(self, boxes: Sequence[tuple[str, float, float, float, float]], frame: int | None = None) -> None:
        """A model's boxes (label, x0, y0, x1, y1) on a frame (None: the one shown)."""
        self._markings.use_frame(self.frame if frame is None else frame)
        self._markings.box(boxes)

    def clear_results(self) -> None:
        """Take away heatmap and boxes."""
        self._markings.clear()

    def grab_view(self) -> QImage:
        """The pane as it is seen, in device pixels."""
        return self.grab().toImage()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._viewport is None:
            painter = QPainter(self)
            painter.setClipRect(event.rect())
            self._paint_all(painter)
            painter.end()

    def _paint_all(self, painter: QPainter) -> None:
        if self.devicePixelRatioF() != self.camera.ratio:
            self._fit_camera()
        bounds = QRectF(self.rect())
        painter.fillRect(bounds, QColor(self.background if self._source else theme.SURROUND))
        if self._source is None:
            marks.draw_message(painter, self.font(), self._status or EMPTY, bounds, plate=bool(self._status))
        else:
            self._paint_source(painter, bounds)

    def draw_by_card(self) -> None:
        """From now on through OpenGL. Once for a pane."""
        from viewers.viewport import Viewport

        if self._viewport is None:
            self._viewport = Viewport(self, self._paint_all)

    @property
    def by_card(self) -> bool:
        return self._viewport is not None

    def update(self, *part: Any) -> None:
        """Paint again; also what lies over the pane and paints in its place."""
        if self._viewport is None:
            super().update(*part)
        else:
            self._viewport.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._viewport is not None:
            self._viewport.resize(self.size())
        super().resizeEvent(event)

    def _paint_source(self, painter: QPainter, bounds: QRectF) -> None:
        painter.save()
        painter.scale(1 / self.camera.ratio, 1 / self.camera.ratio)
        self._turn(painter)
        painter.save()
        self.paint_picture(painter)
        painter.restore()
        self._markings.paint_heatmaps(painter, self.camera, self.frame)
        for wash in self.washes:
            wash(painter)
        self.paint_marks(painter)
        painter.restore()
        ends = self.gestures.band
        band = None if ends is None else ((ends[0].x(), ends[0].y()), (ends[1].x(), ends[1].y()))
        self._markings.paint(painter, self._lettering, self.font(), self.camera, self.frame, bounds, band)
        self.paint_hand(painter)
        inset, lines = self.paint_insets(painter), self.corner_lines()
        corners = {corner: [*self.corner_texts.get(corner, ()), *lines.get(corner, ())] for corner in CORNERS}
        heatmap = self._markings.legend(self.frame)
        words = Words(corners, self.edge_letters(), self.spacing, inset, self._legend, heatmap, self.has_lengths)
        paint_words(painter, self._lettering, self.font(), self.ink, self.camera, words)
        for sign in self.signs:
            sign(painter)
        if self.message():
            marks.draw_message(painter, self.font(), self.message(), bounds)

    def _turn(self, painter: QPainter) -> None:
        """From the frame of `Camera.to_device` to the pane's device pixels."""
        camera = self.camera
        if camera.turned:
            middle = camera.width * camera.ratio / 2, camera.height * camera.ratio / 2
            painter.translate(*middle)
            painter.rotate(camera.angle)
            painter.scale(-1 if camera.flipped else 1, 1)
            painter.translate(-middle[0], -middle[1])

    def _turn_back(self, painter: QPainter) -> None:
        """Undoes `_turn`, for what is painted where it stands on the pane."""
        camera = self.camera
        middle = camera.width * camera.ratio / 2, camera.height * camera.ratio / 2
        painter.translate(*middle)
        painter.scale(-1 if camera.flipped else 1, 1)
        painter.rotate(-camera.angle)
        painter.translate(-middle[0], -middle[1])

    # events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._legend.press(event.position()):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self._legend.held or (event.buttons() == Qt.MouseButton.NoButton and self._legend.over(event.position()))
        if over != bool(self.toolTip()):
            self.setCursor(Qt.CursorShape.PointingHandCursor if over else self.gestures.cursor())
            self.setToolTip(TIP if over else "")
        if self._legend.held:
            gap = theme.MARGIN
            self._legend.drag(event.position(), QRectF(self.rect()).adjusted(gap, gap, -gap, -gap))
            self.update()
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._legend.held:
            self._legend.release()
            self.update()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._legend.over(event.position()):
            self._legend.put_back()
            self.update()
        else:
            super().mouseDoubleClickEvent(event)

    def pointed_at(self, place: QPointF | None) -> None:
        pointed = None
        if place is not None and self._source is not None:
            x, y = self.camera.from_screen(place.x(), place.y())
            if 0 <= x < self.camera.size.width and 0 <= y < self.camera.size.height:
                pointed = Pointed(x, y, *self.value_at(int(x), int(y)), self.said_at(x, y))
        self.pointerMoved.emit(pointed)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.close_source()
        super().closeEvent(event)


def _aspect(source: Source) -> float:
    """Height over width of one pixel; 1 for slides and where both differ by less than a hundredth."""
    spacing = source.spacing
    if spacing is None or source.kind == "slide":
        return 1.0
    aspect = spacing.y_mm / spacing.x_mm
    return aspect if abs(aspect - 1) > 0.01 else 1.0
