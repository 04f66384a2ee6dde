"""What lies over a picture: heatmaps, a model's boxes, the selected region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QFont, QPainter

from viewers import marks, theme
from viewers.camera import Camera
from viewers.geometry import Region
from viewers.layers import Layers
from viewers.lettering import Lettering
from viewers.marks import BoxMark
from viewers.overlay import HeatmapLayer


class Markings(QObject):
    """Holds them and paints them. What a model found belongs to the frame it was made for and shows on no other."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.overlay = HeatmapLayer(self)
        self.layers = Layers(self.overlay, self)
        self.layers.changed.connect(self.changed)
        self.selection: Region | None = None
        self._proposed = False
        self._boxes: tuple[BoxMark, ...] = ()
        self._frame = 0

    def select(self, region: Region | None, proposed: bool) -> None:
        self.selection, self._proposed = region, proposed
        self.changed.emit()

    def use_frame(self, frame: int) -> None:
        """Results shown from now on belong to `frame`; those of another frame go."""
        if frame != self._frame:
            self.clear()
        self._frame = frame

    def box(self, boxes: Sequence[tuple[str, float, float, float, float]]) -> None:
        marked = tuple(BoxMark(*box) for box in boxes)
        if marked != self._boxes:
            self._boxes = marked
            self.changed.emit()

    def clear(self) -> None:
        """Take away a model's heatmap and boxes, not the selection and not what was loaded."""
        self._boxes = ()
        self.overlay.clear()

    def shows(self, values: NDArray[np.float32], frame: int) -> bool:
        """Whether this very heatmap already lies on `frame`."""
        return frame == self._frame and self.overlay.shows(values)

    def legend(self, frame: int) -> HeatmapLayer | None:
        """The layer whose legend belongs beside that frame."""
        return self.layers.legend(frame == self._frame)

    def said_at(self, x: float, y: float, frame: int) -> str:
        """What the layers say of a level-0 point, "" where they say nothing."""
        return self.layers.said_at(x, y, frame == self._frame)

    def paint_heatmaps(self, painter: QPainter, camera: Camera, frame: int) -> None:
        """The painter's unit is the device pixel. What was loaded lies over every frame."""
        for layer in self.layers.seen(frame == self._frame):
            layer.paint(painter, camera)

    def paint(
        self,
        painter: QPainter,
        lettering: Lettering,
        font: QFont,
        camera: Camera,
        frame: int,
        bounds: QRectF,
        band: tuple[tuple[float, float], tuple[float, float]] | None,
    ) -> None:
        """Boxes, the selection, and the region being dragged (`band`); the painter's unit is the screen pixel."""
        if frame == self._frame:
            marks.draw_boxes(painter, lettering, font, camera, self._boxes, bounds)
        chosen = self.selection
        if chosen is not None and chosen.frame == frame and band is None:
            shape = marks.outline(camera, (chosen.x, chosen.y, chosen.right, chosen.bottom))
            marks.draw_outline(painter, shape, theme.PROPOSED if self._proposed else theme.ACCENT, self._proposed)
            if self._proposed:
                marks.draw_tag(painter, lettering, font, shape.boundingRect(), "proposed · approximate", bounds)
        if band is not None:
            marks.draw_outline(painter, marks.outline(camera, camera.box_between(*band)), theme.ACCENT, dashed=False)
