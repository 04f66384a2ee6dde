"""A heatmap laid over a picture in level-0 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, QVariantAnimation, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from viewers.blit import blit
from viewers.camera import Box, Camera
from viewers.colormaps import MapName, colormap
from viewers.qimage import argb_to_qimage

STEPS = 4096
"""Grey steps between low and high: how fine the threshold is."""
FADE_MS = 150
_GRID = 512
"""Longest side of the interpolated grid."""
_ONSET = 0.08
"""Share of the range over which colour comes in above the threshold, so that its edge is soft."""


class HeatmapLayer(QObject):
    """One heatmap, or none. `changed` says that it must be painted again.

    The grid is interpolated once when it arrives; `opacity` (0 … 1), `threshold` (in the heatmap's own unit; what lies
    below is hidden) and `visible` only change how it is coloured.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.map: MapName = "inferno"
        self.low, self.high = 0.0, 1.0
        self.phrase, self.unit, self.validated = "", "", False
        self.extent: Box = (0.0, 0.0, 1.0, 1.0)
        self._opacity, self._threshold, self._visible = 0.55, 0.5, True
        self._values: NDArray[np.float32] | None = None
        self._steps: NDArray[np.uint16] | None = None
        self._image: QImage | None = None
        self._fade = QVariantAnimation(self)
        self._fade.setDuration(FADE_MS)
        self._fade.setStartValue(0.0)
        self._fade.setEndValue(1.0)
        self._fade.valueChanged.connect(self._fading)
        self._shown = 0.0

    @property
    def present(self) -> bool:
        return self._steps is not None

    def shows(self, values: NDArray[np.float32]) -> bool:
        """Whether this very array, not only an equal one, is what is shown."""
        return self._values is values

    @property
    def fading(self) -> bool:
        return self.present and self._shown < 1.0

    @property
    def opacity(self) -> float:
        return self._opacity

    @opacity.setter
    def opacity(self, value: float) -> None:
        self._opacity = min(max(value, 0.0), 1.0)
        self.changed.emit()

    @property
    def threshold(self) -> float:
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold, self._image = value, None
        self.changed.emit()

    @property
    def visible(self) -> bool:
        return self._visible

    @visible.setter
    def visible(self, value: bool) -> None:
        self._visible = value
        self.changed.emit()

    def show(
        self,
        values: NDArray[np.float32],
        extent: Box,
        low: float,
        high: float,
        phrase: str,
        unit: str,
        validated: bool,
    ) -> None:
        """Fade in `values`, float32 (rows, columns), over `extent` (x0, y0, x1, y1) in level-0 pixels.

        `low` and `high` are the ends of the legend. NaN is transparent. The threshold goes to the middle of the range
        unless the range is the one shown before. Raises ValueError for an empty grid, extent or range.
        """
        if values.ndim != 2 or 0 in values.shape or not high > low or extent[2] <= extent[0] or extent[3] <= extent[1]:
            raise ValueError(f"a heatmap needs cells, an extent and low < high, not {values.shape} {extent} {low} … {high}")
        if (low, high) != (self.low, self.high) or not self.present:
            self._threshold = (low + high) / 2
        self.extent, self.low, self.high = extent, low, high
        self.phrase, self.unit, self.validated = phrase, unit, validated
        self._steps = _stepped(interpolated(values, _GRID), low, high)
        self._values, self._image, self._shown = values, None, 0.0
        self._fade.stop()
        self._fade.start()
        self.changed.emit()

    def clear(self) -> None:
        self._fade.stop()
        self._values = self._steps = self._image = None
        self.changed.emit()

    def colours(self, count: int = 256) -> NDArray[np.uint8]:
        """The legend's colours from low to high, uint8 (count, 3)."""
        return colormap(self.map, count, 0.25 if self.map == "inferno" else 0.0)

    def paint(self, painter: QPainter, camera: Camera) -> None:
        """Draw onto a painter whose unit is the device pixel, within the picture."""
        if self._steps is None or not self._visible or self._opacity == 0:
            return
        if self._image is None:
            self._image = argb_to_qimage(np.take(self._palette(), self._steps))
        painter.save()
        picture = camera.to_device((0, 0, camera.size.width, camera.size.height))
        painter.setClipRect(QRectF(picture[0], picture[1], picture[2] - picture[0], picture[3] - picture[1]))
        painter.setOpacity(self._opacity * self._shown)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        bounds = camera.device_bounds()
        blit(painter, self._image, camera.to_device(self.extent), bounds)
        painter.restore()

    def _palette(self) -> NDArray[np.uint32]:
        """0xAARRGGBB premultiplied for every step; index 0 is "no value"."""
        values = np.linspace(self.low, self.high, STEPS)
        onset = _ONSET * (self.high - self.low)
        alpha = np.where(values < self._threshold, 0.0, np.clip((values - self._threshold) / onset, 0.25, 1.0))
        if self._threshold <= self.low:
            alpha[:] = 1.0
        channels = np.rint(self.colours(STEPS) * alpha[:, None]).astype(np.uint32)
        words = np.rint(alpha * 255).astype(np.uint32) << 24 | channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]
        return np.concatenate([np.zeros(1, np.uint32), words])

    @Slot(object)
    def _fading(self, value: Any) -> None:
        self._shown = float(value)
        self.changed.emit()


def interpolated(values: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """The grid bilinearly enlarged by a whole factor until its longer side is near `longest`.

    Values stand at cell centres; beyond the outermost centres they are constant. Where a neighbour is NaN the result is NaN.
    """
    factor = max(1, longest // max(values.shape))
    if factor == 1:
        return values.astype(np.float32)
    holes = ~np.isfinite(values)
    if not holes.any():
        return _enlarged(values, factor)
    filled = _enlarged(np.where(holes, 0, values), factor)
    filled[_enlarged(holes, factor) > 0.5] = np.nan
    return filled


def _enlarged(values: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """(h, w) as float32 (h * factor, w * factor). No matrix product: its threads would wait for cores an engine has taken."""
    return _lengthened(_lengthened(values.astype(np.float32).T, factor).T, factor)


def _lengthened(rows: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """(n, m) as (n * factor, m)."""
    places = np.clip((np.arange(len(rows) * factor) + 0.5) / factor - 0.5, 0, len(rows) - 1)
    first = places.astype(np.intp)
    rows = np.ascontiguousarray(rows)
    fine = np.diff(rows, axis=0, append=rows[-1:])[first]
    fine *= (places - first).astype(np.float32)[:, None]
    fine += rows[first]
    return fine


def _stepped(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint16]:
    """1 … STEPS from low to high, 0 where there is no value."""
    share = values - np.float32(low)
    share *= np.float32((STEPS - 1) / (high - low))
    np.clip(share, 0, STEPS - 1, out=share)
    share += 1.5
    np.copyto(share, 0, where=~np.isfinite(values))
    return share.astype(np.uint16)
