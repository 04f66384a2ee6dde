"""Frames of a radiograph, a stack or a plain picture, made ready to paint. For worker threads; no widgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from viewers.geometry import Region, Size
from viewers.grayscale import Grayscale, Lut, Window
from viewers.qimage import to_paintable, to_qimage
from viewers.sources import FramedSource, GrayscaleSource, Source
from viewers.sources.cache import FrameCache

MOST_PIXELS = 64_000_000
"""Larger pictures are shown halved."""
_REDUCED_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame is wanted: halved so often, through a window (None: the file's own default), inverted or not."""

    frame: int
    halvings: int
    window: Window | Lut | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame ready to paint; `image` covers the whole frame."""

    look: Look
    image: QImage
    lossy: bool
    grayscale: Grayscale | None = None
    """None for colour."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest modality value of the frame."""
    stored: NDArray[np.generic] | None = None
    """Stored values of the whole frame, for the value under the pointer."""
    edges: tuple[str, str] = ("", "")
    """Orientation letters at the picture's (right, bottom) edge."""

    def value_at(self, x: int, y: int) -> float | None:
        """The modality value of one pixel, None for colour."""
        if self.grayscale is None or self.stored is None:
            return None
        return float(self.grayscale.modality_values(self.stored[y : y + 1, x : x + 1])[0, 0])


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

    def make(self, look: Look) -> Shown:
        """Raises SourceError when the frame cannot be read."""
        if self._lossy is None:
            self._lossy = bool(self._source.info().get("lossy"))
        source = self._source
        if isinstance(source, GrayscaleSource):
            return self._grey(source, look)
        size = Size(max(1, source.size.width >> look.halvings), max(1, source.size.height >> look.halvings))
        pixels = source.read(Region.whole(source.size, look.frame), size)
        return Shown(look, to_paintable(255 - pixels if look.inverted else pixels), self._lossy, edges=self._edges(look.frame))

    def _edges(self, frame: int) -> tuple[str, str]:
        source = self._source
        if isinstance(source, FramedSource):
            return source.frame_edges(frame)
        return (source.facts.right_edge, source.facts.bottom_edge) if source.facts else ("", "")

    def _grey(self, source: GrayscaleSource, look: Look) -> Shown:
        stored, grayscale = source.stored(look.frame), source.frame_grayscale(look.frame)
        if look.frame not in self._bounds:
            self._bounds[look.frame] = grayscale.bounds(stored)
        bounds = self._bounds[look.frame]
        reduced = stored
        if look.halvings:
            reduced = self._reduced.get((look.frame, look.halvings), lambda: halved_often(stored, look.halvings))
        window = look.window
        grey = grayscale.render(reduced, window, bounds)
        if look.inverted:
            grey = 255 - grey
        return Shown(look, to_qimage(grey), bool(self._lossy), grayscale, bounds, stored, self._edges(look.frame))


def halved_often(values: NDArray[np.generic], times: int) -> NDArray[np.generic]:
    """Every 2ⁿ × 2ⁿ values as their mean, in the dtype of `values`; an odd last row or column counts twice."""
    mean = cast("NDArray[np.float32]", values.astype(np.float32))
    for _ in range(times):
        height, width = mean.shape
        if height % 2 or width % 2:
            mean = np.pad(mean, ((0, height % 2), (0, width % 2)), mode="edge")
        mean = (mean[0::2, 0::2] + mean[0::2, 1::2] + mean[1::2, 0::2] + mean[1::2, 1::2]) * np.float32(0.25)
    return (np.rint(mean) if values.dtype.kind in "iu" else mean).astype(values.dtype)
