"""Frames of a radiograph, a stack or a plain picture, made ready to paint. For worker threads; no widgets."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from viewers import windows
from viewers.frame_graphics import NOTHING, FrameGraphics, Shutter, drawn
from viewers.geometry import Region, Size
from viewers.grayscale import Grayscale, Lut, Window
from viewers.qimage import argb_to_qimage, to_paintable, to_qimage
from viewers.sources import CoarseSource, FramedSource, GrayscaleSource, Source
from viewers.sources.cache import FrameCache
from viewers.sources.series_window import series_window

MOST_PIXELS = 64_000_000
"""Larger pictures are shown halved."""
OVERLAY_ARGB = np.uint32(0xFFF2D24B)
"""Of overlay planes: a yellow no grey picture holds, opaque."""
_REDUCED_BYTES = 256 * 2**20
_GRAPHICS = 16
"""Frames whose overlays and shutter are kept."""
_LINES = 2
"""Overlays kept as images, four bytes a pixel."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame is wanted: halved so often, through a window (None: the file's own default), inverted or not."""

    frame: int
    halvings: int
    window: Window | Lut | None = None
    inverted: bool = False
    shutter: bool = True
    """Whether what the shutter hides is hidden."""
    stated: Shutter | None = None
    """A presentation state's shutter, in place of the header's."""
    overlays: bool = True
    """Whether the header's overlay planes are drawn."""
    coarse: bool = False
    """A first look at a large compressed frame, by the smaller picture its codestream holds; the exact one follows."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame ready to paint; `image` covers the whole frame."""

    look: Look
    image: QImage
    lossy: bool
    grayscale: Grayscale | None = None
    """None for colour."""
    through: Window | Lut | None = None
    """The window or LUT it went through: the one of the look, else the file's, the series' or the frame's own."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest modality value of the frame."""
    stored: NDArray[np.generic] | None = None
    """Stored values of the whole frame, for the value under the pointer."""
    edges: tuple[str, str] = ("", "")
    """Orientation letters at the picture's (right, bottom) edge."""
    graphics: FrameGraphics = NOTHING
    overlay: QImage | None = None
    """The overlay planes, to be painted over `image`; None where there are none or they are not wanted."""

    @property
    def size_bytes(self) -> int:
        """What it keeps in memory."""
        images = sum(one.sizeInBytes() for one in (self.image, self.overlay) if one is not None)
        return images + (0 if self.stored is None else self.stored.nbytes)

    def value_at(self, x: int, y: int) -> tuple[float | None, str]:
        """What one pixel measures, and its unit; where that is more than its modality value, that stands in the unit's words."""
        if self.grayscale is None or self.stored is None:
            return None, ""
        grayscale, stored = self.grayscale, self.stored[y : y + 1, x : x + 1]
        plain, unit = float(grayscale.modality_values(stored)[0, 0]), windows.unit(grayscale)
        value = float(grayscale.measured(stored)[0, 0])
        if not grayscale.quantities or not math.isfinite(value):
            return plain, unit
        own = f" ({plain:.5g} {unit})" if unit and (plain, unit) != (value, grayscale.measured_unit) else ""
        return value, f"{grayscale.measured_unit}{own}"


def halvings_for(size: Size, device_scale: float) -> int:
    """How often to halve a frame, so that it need be scaled by no more than √2 either way."""
    most = max(0, int(math.log2(max(size.width, size.height))))
    least = max(0, math.ceil(math.log(size.width * size.height / MOST_PIXELS, 4)))
    return min(most, max(least, round(math.log2(1 / device_scale))))


class FrameReader:
    """Turns a `Look` into a `Shown`. Reduced frames are kept, so that a change of window costs only a table look-up."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reduced = FrameCache(_REDUCED_BYTES)
        self._bounds: dict[int, tuple[float, float]] = {}
        self._lossy: bool | None = None
        self._drawn: dict[int, FrameGraphics] = {}
        self._lines: dict[tuple[int, int], tuple[QImage | None]] = {}
        self._series: Window | None = None
        self._asked = False
        self._lock = Lock()

    def make(self, look: Look) -> Shown | None:
        """None where a coarse look was wanted and there is none. Raises SourceError when the frame cannot be read."""
        source = self._source
        graphics = self._graphics(look.frame)
        if look.stated is not None:
            graphics = replace(graphics, shutter=look.stated)
        if look.coarse:
            return self._coarse(source, look, graphics) if isinstance(source, CoarseSource) else None
        if isinstance(source, GrayscaleSource):
            return self._grey(source, look, graphics)
        size = Size(max(1, source.size.width >> look.halvings), max(1, source.size.height >> look.halvings))
        return self._painted(look, graphics, source.read(Region.whole(source.size, look.frame), size))

    def _painted(self, look: Look, graphics: FrameGraphics, pixels: NDArray[np.uint8]) -> Shown:
        """uint8 grey (height, width) or RGB (height, width, 3), inverted where it is wanted, behind the shutter and under the
        overlays."""
        pixels = _shuttered(255 - pixels if look.inverted else pixels, graphics, look)
        return Shown(
            look,
            to_qimage(pixels) if pixels.ndim == 2 else to_paintable(pixels),
            self._is_lossy(look.frame),
            edges=self._edges(look.frame),
            graphics=graphics,
            overlay=self._overlay(look, graphics),
        )

    def _is_lossy(self, frame: int) -> bool:
        """Of a series one frame is asked, not all of them: the first picture must not wait for the last header."""
        if isinstance(self._source, FramedSource):
            return self._source.frame_lossy(frame)
        if self._lossy is None:
            self._lossy = bool(self._source.info().get("lossy"))
        return self._lossy

    def _edges(self, frame: int) -> tuple[str, str]:
        source = self._source
        if isinstance(source, FramedSource):
            return source.frame_edges(frame)
        return (source.facts.right_edge, source.facts.bottom_edge) if source.facts else ("", "")

    def _graphics(self, frame: int) -> FrameGraphics:
        """Kept for a few frames: a drag of the window asks for the same again and again."""
        source = self._source
        if not isinstance(source, FramedSource):
            return NOTHING
        found = self._drawn.get(frame)
        if found is None:
            found = source.frame_graphics(frame)
            for old in list(self._drawn)[: max(0, len(self._drawn) + 1 - _GRAPHICS)]:
                self._drawn.pop(old, None)
            self._drawn[frame] = found
        return found

    def _overlay(self, look: Look, graphics: FrameGraphics) -> QImage | None:
        """Lines in one colour on nothing; the last few are kept, for the same reason."""
        if not look.overlays or not graphics.overlays:
            return None
        key = look.frame, look.halvings
        kept = self._lines.get(key)
        if kept is None:
            bits = drawn(graphics.overlays, self._source.size, look.halvings)
            kept = (None if bits is None else argb_to_qimage(np.where(bits, OVERLAY_ARGB, np.uint32(0))),)
            for old in list(self._lines)[: max(0, len(self._lines) + 1 - _LINES)]:
                self._lines.pop(old, None)
            self._lines[key] = kept
        return kept[0]

    def _grey(self, source: GrayscaleSource, look: Look, graphics: FrameGraphics) -> Shown:
        stored, grayscale = source.stored(look.frame), source.frame_grayscale(look.frame)
        if look.frame not in self._bounds:
            self._bounds[look.frame] = grayscale.bounds(stored)
        bounds = self._bounds[look.frame]
        reduced = stored
        if look.halvings:
            reduced = self._reduced.get((look.frame, look.halvings), lambda: halved_often(stored, look.halvings))
        through = look.window or grayscale.default or self._for_all(source) or Window.spanning(*bounds, "full range")
        shown = self._painted(look, graphics, grayscale.render(reduced, through))
        return replace(shown, grayscale=grayscale, through=through, bounds=bounds, stored=stored)

    def _coarse(self, source: CoarseSource, look: Look, graphics: FrameGraphics) -> Shown | None:
        """To look at while the exact frame is on its way: without values, which only the exact one has."""
        values = source.coarse(look.frame, look.halvings)
        if values is None:
            return None
        grayscale = source.frame_grayscale(look.frame)
        bounds = grayscale.bounds(values)
        through = look.window or grayscale.default or self._series or Window.spanning(*bounds, "full range")
        shown = self._painted(look, graphics, grayscale.render(values, through))
        return replace(shown, grayscale=grayscale, through=through, bounds=bounds)

    def _for_all(self, source: GrayscaleSource) -> Window | None:
        """The series' window, where the header names none: a stack must not flicker while one scrolls."""
        if source.frames == 1:
            return None
        with self._lock:
            if not self._asked:
                self._series, self._asked = series_window(source), True
            return self._series


def _shuttered(pixels: NDArray[np.uint8], graphics: FrameGraphics, look: Look) -> NDArray[np.uint8]:
    """What the shutter hides in its own grey, whatever the window and even when inverted."""
    shutter = graphics.shutter
    if shutter is None or not look.shutter:
        return pixels
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    rows = np.arange(height) * shutter.visible.shape[0] // height
    columns = np.arange(width) * shutter.visible.shape[1] // width
    pixels[~shutter.visible[np.ix_(rows, columns)]] = shutter.grey
    return pixels


def halved_often(values: NDArray[np.generic], times: int) -> NDArray[np.generic]:
    """Every 2ⁿ × 2ⁿ values as their mean, in the dtype of `values`; an odd last row or column counts twice."""
    mean = cast("NDArray[np.float32]", values.astype(np.float32))
    for _ in range(times):
        height, width = mean.shape
        if height % 2 or width % 2:
            mean = np.pad(mean, ((0, height % 2), (0, width % 2)), mode="edge")
        mean = (mean[0::2, 0::2] + mean[0::2, 1::2] + mean[1::2, 0::2] + mean[1::2, 1::2]) * np.float32(0.25)
    return (np.rint(mean) if values.dtype.kind in "iu" else mean).astype(values.dtype)
