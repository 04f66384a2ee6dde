"""A heatmap laid over a picture in level-0 pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, QVariantAnimation, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from viewers.blit import blit
from viewers.camera import Box, Camera
from viewers.colormaps import MapName, colormap
from viewers.maps import ValueMap
from viewers.maps.stepped import STEPS, Stepped, stepped
from viewers.qimage import argb_to_qimage

FADE_MS = 150
RANKED = "rank, not absolute values"
"""The unit of a legend while ranks are shown."""
_PIECE = 128
"""What is coloured is widened to whole pieces of so many cells, so that a small pan colours nothing anew."""
_ONSET = 0.08
"""Share of the range over which colour comes in above the threshold, so that its edge is soft."""


class HeatmapLayer(QObject):
    """One heatmap, or none. `changed` says that it must be painted again.

    `low`, `high`, `unit` and `threshold` (what lies below is hidden) are those of the legend: the values' own, or with `rank`
    the share 0 … 1 of cells that lie below. `smooth` shows the grid bilinearly enlarged, else every cell as it is. All of these,
    `map`, `opacity` (0 … 1) and `visible` only change how prepared steps are coloured, cell by cell of what is seen.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.phrase, self.validated = "", False
        self.extent: Box = (0.0, 0.0, 1.0, 1.0)
        self.notes: tuple[str, ...] = ()
        self._unit = ""
        self._range = 0.0, 1.0
        self._map: MapName = "inferno"
        self._opacity, self._threshold, self._visible = 0.55, 0.5, True
        self._smooth, self._rank = True, False
        self._values: NDArray[np.float32] | None = None
        self._steps: Stepped | None = None
        self._image: QImage | None = None
        self._seen: tuple[object, ...] = ()
        self._fade = QVariantAnimation(self)
        self._fade.setDuration(FADE_MS)
        self._fade.setStartValue(0.0)
        self._fade.setEndValue(1.0)
        self._fade.valueChanged.connect(self._fading)
        self._shown = 0.0

    @property
    def present(self) -> bool:
        return self._steps is not None

    @property
    def values(self) -> NDArray[np.float32] | None:
        """float32 (rows, columns), NaN where there is none."""
        return self._values

    @property
    def steps(self) -> Stepped | None:
        """The values made ready; its histogram is in the values' own unit."""
        return self._steps

    def shows(self, values: NDArray[np.float32]) -> bool:
        """Whether this very array, not only an equal one, is what is shown."""
        return self._values is values

    @property
    def fading(self) -> bool:
        return self.present and self._shown < 1.0

    @property
    def low(self) -> float:
        return 0.0 if self._rank else self._range[0]

    @property
    def high(self) -> float:
        return 1.0 if self._rank else self._range[1]

    @property
    def range(self) -> tuple[float, float]:
        """Low and high in the values' own unit, whatever the legend shows."""
        return self._range

    @property
    def unit(self) -> str:
        return RANKED if self._rank else self._unit

    @property
    def own_unit(self) -> str:
        return self._unit

    @property
    def map(self) -> MapName:
        return self._map

    @map.setter
    def map(self, name: MapName) -> None:
        self._map = name
        self._recoloured()

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
        self._threshold = value
        self._recoloured()

    @property
    def visible(self) -> bool:
        return self._visible

    @visible.setter
    def visible(self, value: bool) -> None:
        self._visible = value
        self.changed.emit()

    @property
    def smooth(self) -> bool:
        return self._smooth

    @smooth.setter
    def smooth(self, value: bool) -> None:
        self._smooth = value
        self._recoloured()

    @property
    def rank(self) -> bool:
        return self._rank

    @rank.setter
    def rank(self, value: bool) -> None:
        """The threshold goes with it: it hides the same cells as before, to a step."""
        if value == self._rank:
            return
        if self._steps is not None:
            own = np.linspace(*self._range, STEPS)
            ends = (own, self._steps.ranks) if value else (self._steps.ranks, own)
            lowest = self._threshold <= self.low
            self._threshold = float(np.interp(self._threshold, *ends))
            if lowest:
                self._threshold = 0.0 if value else self._range[0]
        self._rank = value
        self._recoloured()

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
        kept = (low, high) == self._range and self.present
        self._rank = self._rank and kept
        self.validated, self.notes = validated, ()
        self._put(ValueMap(phrase, values, extent, low, high, unit), stepped(values, low, high), kept)

    def lay(self, the: ValueMap, steps: Stepped) -> None:
        """Fade in a map that was made ready elsewhere: every cell as it is, nothing hidden."""
        self.validated, self.notes, self._smooth = True, the.notes, False
        self._put(the, steps, False)
        self.threshold = self.low

    def use(self, steps: Stepped) -> None:
        """The same values with another range; the threshold stays where it was, within the new range."""
        self._steps, self._range = steps, (steps.low, steps.high)
        if not self._rank:
            self._threshold = min(max(self._threshold, steps.low), steps.high)
        self._recoloured()

    def clear(self) -> None:
        self._fade.stop()
        self._values = self._steps = None
        self._recoloured()

    def colours(self, count: int = 256) -> NDArray[np.uint8]:
        """The legend's colours from low to high, uint8 (count, 3)."""
        return colormap(self.map, count, 0.25 if self.map == "inferno" else 0.0)

    def value_at(self, x: float, y: float) -> float | None:
        """The value of the cell in which the level-0 point lies, in its own unit; None where there is none."""
        x0, y0, x1, y1 = self.extent
        if self._values is None or not (x0 <= x < x1 and y0 <= y < y1):
            return None
        rows, columns = self._values.shape
        row, column = int((y - y0) / (y1 - y0) * rows), int((x - x0) / (x1 - x0) * columns)
        value = float(self._values[min(row, rows - 1), min(column, columns - 1)])
        return value if math.isfinite(value) else None

    def paint(self, painter: QPainter, camera: Camera) -> None:
        """Draw onto a painter whose unit is the device pixel, within the picture."""
        if self._steps is None or not self._visible or self._opacity == 0:
            return
        cells, place = self._needed(self._steps, camera)
        if cells is None:
            return
        if self._image is None:
            self._image = argb_to_qimage(np.take(self._palette(self._steps), cells))
        painter.save()
        x0, y0, x1, y1 = self.extent
        # An odd grid reaches beyond its extent on a coarser level; whole pictures are cut off at their own edge alone.
        inner = (max(0, x0), max(0, y0), min(camera.size.width, x1), min(camera.size.height, y1))
        picture = camera.to_device(inner if place[2] > x1 or place[3] > y1 else (0, 0, camera.size.width, camera.size.height))
        painter.setClipRect(QRectF(picture[0], picture[1], picture[2] - picture[0], picture[3] - picture[1]))
        painter.setOpacity(self._opacity * self._shown)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._smooth)
        blit(painter, self._image, camera.to_device(place), camera.device_bounds())
        painter.restore()

    def _needed(self, steps: Stepped, camera: Camera) -> tuple[NDArray[np.uint16] | None, Box]:
        """The cells that are seen, no finer than the screen, and what they cover in level-0 pixels; None where none is."""
        if self._smooth and steps.smooth is not None:
            self._keep((-1,))
            return steps.smooth, self.extent
        x0, y0, x1, y1 = self.extent
        rows, columns = steps.levels[0].shape
        across, down = (x1 - x0) / columns, (y1 - y0) / rows
        level = math.ceil(-math.log2(min(across, down * camera.aspect) * camera.device_scale) - 1e-9)
        level = min(max(level, 0), len(steps.levels) - 1)
        across, down = across * 2**level, down * 2**level
        cells, (left, top, right, bottom) = steps.levels[level], camera.visible()
        first, last = _pieces((left - x0) / across, (right - x0) / across, cells.shape[1])
        upper, lower = _pieces((top - y0) / down, (bottom - y0) / down, cells.shape[0])
        if last <= first or lower <= upper:
            return None, self.extent
        self._keep((level, first, last, upper, lower))
        place = x0 + first * across, y0 + upper * down, x0 + last * across, y0 + lower * down
        return cells[upper:lower, first:last], place

    def _keep(self, seen: tuple[object, ...]) -> None:
        """What was coloured for other cells is coloured anew."""
        if seen != self._seen:
            self._seen, self._image = seen, None

    def _palette(self, steps: Stepped) -> NDArray[np.uint32]:
        """0xAARRGGBB premultiplied for every step; index 0 is "no value"."""
        low, high = self.low, self.high
        values = steps.ranks if self._rank else np.linspace(low, high, STEPS)
        onset = _ONSET * (high - low)
        alpha = np.where(values < self._threshold, 0.0, np.clip((values - self._threshold) / onset, 0.25, 1.0))
        if self._threshold <= low:
            alpha[:] = 1.0
        colours = self.colours(STEPS)
        if self._rank:
            colours = colours[np.rint(values * (STEPS - 1)).astype(np.intp)]
        channels = np.rint(colours * alpha[:, None]).astype(np.uint32)
        words = np.rint(alpha * 255).astype(np.uint32) << 24 | channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]
        return np.concatenate([np.zeros(1, np.uint32), words])

    def _put(self, the: ValueMap, steps: Stepped, kept: bool) -> None:
        if not kept:
            self._threshold = (the.low + the.high) / 2
        self.extent, self._range = the.extent, (the.low, the.high)
        self.phrase, self._unit = the.name, the.unit
        self._values, self._steps, self._shown = the.values, steps, 0.0
        self._fade.stop()
        self._fade.start()
        self._recoloured()

    def _recoloured(self) -> None:
        self._image = None
        self.changed.emit()

    @Slot(object)
    def _fading(self, value: Any) -> None:
        self._shown = float(value)
        self.changed.emit()


def _pieces(first: float, last: float, count: int) -> tuple[int, int]:
    """A span of cells widened to whole pieces, within 0 … count."""
    start = math.floor((first - 1) / _PIECE) * _PIECE
    end = math.ceil((last + 1) / _PIECE) * _PIECE
    return max(0, start), min(count, end)
