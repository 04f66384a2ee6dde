"""Another film laid into the frame of the one in a pane, so that one can be looked at in place of the other."""

from __future__ import annotations

import math
import weakref

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QTransform

from viewers import windows
from viewers.camera import Camera
from viewers.frames import FrameReader, Look, Shown, halvings_for
from viewers.grayscale import Lut, Window
from viewers.loader import Loader
from viewers.relay import Relay
from viewers.sources import Source


class Companion(QObject):
    """Owns `source`: after `close` it is closed once its thread has left it. It paints with the pane's own camera, over all of
    the pane's film, black where it does not reach."""

    changed = Signal()
    """It must be painted again."""

    def __init__(self, source: Source, parent: QObject) -> None:
        super().__init__(parent)
        self.source = source
        self.matrix: NDArray[np.float64] = np.array([[1.0, 0, 0], [0, 1.0, 0]])
        """(2, 3): from the pane's level-0 places to this film's."""
        self.frame = 0
        self.window: Window | Lut | None = None
        self.inverted = False
        self.failed = ""
        self._shown: Shown | None = None
        self._wanted: Look | None = None
        relay = Relay()
        relay.arrived.connect(self._collect)
        self._loader = Loader(FrameReader(source).make, 1, relay.announce, relay.closing(source), "hilum-companion")
        self._end = weakref.finalize(self, self._loader.close)

    @property
    def ready(self) -> bool:
        """Whether what was painted last is what was wanted."""
        return self._shown is not None and self._shown.look == self._wanted

    @property
    def there(self) -> bool:
        """Whether there is anything to paint."""
        return self._shown is not None

    @property
    def unit(self) -> str:
        """Of its values; "" where they have none, and until something is there."""
        grayscale = self._shown.grayscale if self._shown is not None else None
        return windows.unit(grayscale) if grayscale is not None else ""

    def close(self) -> None:
        self._end()

    def prepare(self, camera: Camera) -> None:
        """Begin to read what `camera` will need."""
        scale = math.sqrt(abs(float(np.linalg.det(self.matrix[:, :2])))) or 1.0
        look = Look(self.frame, halvings_for(self.source.size, camera.device_scale / scale), self.window, self.inverted)
        if look != self._wanted:
            self._wanted = look
            self._loader.want([look])

    def paint(self, painter: QPainter, camera: Camera) -> None:
        """The painter's unit is the device pixel, turned as `Canvas.washes` are."""
        self.prepare(camera)
        shown = self._shown
        if shown is None:
            return
        bounds = camera.device_bounds()
        seen = QRectF(bounds[0], bounds[1], bounds[2] - bounds[0], bounds[3] - bounds[1])
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(seen)
        painter.fillRect(seen, Qt.GlobalColor.black)
        to_device = self._to_device(camera, shown)
        back, good = to_device.inverted()
        if good:
            part = back.mapRect(seen).adjusted(-2, -2, 2, 2).intersected(QRectF(shown.image.rect()))
            painter.setTransform(to_device, True)
            painter.drawImage(part, shown.image, part)
        painter.restore()

    def _to_device(self, camera: Camera, shown: Shown) -> QTransform:
        """From pixels of the image to device pixels."""
        size, image = self.source.size, shown.image
        wide, high = size.width / image.width(), size.height / image.height()
        linear = np.linalg.inv(self.matrix[:, :2])
        shift = -linear @ self.matrix[:, 2]
        x0, y0, x1, y1 = camera.to_device((0, 0, camera.size.width, camera.size.height))
        across, down = (x1 - x0) / camera.size.width, (y1 - y0) / camera.size.height
        a, b, c, d = (float(one) for one in (linear[0, 0], linear[0, 1], linear[1, 0], linear[1, 1]))
        return QTransform(
            a * wide * across, c * wide * down, b * high * across, d * high * down,
            float(shift[0]) * across + x0, float(shift[1]) * down + y0,
        )  # fmt: skip

    @Slot()
    def _collect(self) -> None:
        for look, result in self._loader.take():
            if isinstance(result, Exception):
                self.failed = str(result) or type(result).__name__
            elif look == self._wanted or self._shown is None:
                self._shown = result
        self.changed.emit()
