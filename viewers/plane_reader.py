"""Planes of a volume, made ready to paint. For worker threads; no widgets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from PySide6.QtGui import QImage

from viewers.grayscale import Lut, Window
from viewers.mpr import Plane
from viewers.qimage import to_paintable
from viewers.sources.slice_plane import Vector
from viewers.volume import Volume
from viewers.volume_cuts import Cut, CutValues, Slab, cut_values, is_askew, samples_of


@dataclass(frozen=True, slots=True)
class CutWish:
    """How a plane is wanted: with pixels `coarse` times as large, through a window (None: the file's own), inverted or not."""

    plane: Plane
    cut: Cut
    coarse: int = 1
    window: Window | Lut | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ShownCut:
    """A cut ready to paint; `image` covers `cut`, which has the pixels it was made with."""

    wish: CutWish
    cut: Cut
    image: QImage
    values: CutValues

    def slab_value(self, volume: Volume, place: Vector) -> tuple[float | None, str]:
        """What the pixel over a place measures, interpolated, and its unit."""
        x, y = (int(part) for part in self.cut.pixel(place))
        if not (0 <= x < self.cut.size.width and 0 <= y < self.cut.size.height and self.values.there[y, x]):
            return None, ""
        return volume.measured(self.values.stored[y : y + 1, x : x + 1])


class PlaneReader:
    """Turns a `CutWish` into a `ShownCut`. The last values of each plane are kept: a change of window samples nothing."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._last: dict[Plane, tuple[Cut, CutValues]] = {}
        self.ms_per_sample = 60e-6
        """How long a sample of a plane that lies askew takes here, lately."""
        self.wanted: frozenset[CutWish] = frozenset()
        """A fine picture that is no longer among them is given up; set on the GUI thread."""

    def make(self, wish: CutWish) -> ShownCut:
        volume = self._volume
        cut = wish.cut if wish.coarse == 1 else wish.cut.coarser(wish.coarse)
        last = self._last.get(wish.plane)
        values = last[1] if last is not None and last[0] == cut else self._sampled(wish, cut)
        self._last[wish.plane] = cut, values
        stored = np.rint(values.stored).astype(volume.voxels.dtype)
        grey = volume.grayscale.render(stored, wish.window or volume.window)
        if wish.inverted:
            grey = 255 - grey
        grey[~values.there] = 0
        return ShownCut(wish, cut, to_paintable(grey), values)

    def _sampled(self, wish: CutWish, cut: Cut) -> CutValues:
        begun = time.perf_counter()
        values = cut_values(self._volume, cut, wish.coarse, partial(self._late, wish))
        if is_askew(self._volume, cut):
            taken = (time.perf_counter() - begun) * 1000 / samples_of(self._volume, wish.cut, wish.coarse)
            self.ms_per_sample = 0.7 * self.ms_per_sample + 0.3 * taken
        return values

    def _late(self, wish: CutWish) -> bool:
        """Coarse pictures are shown even when the hand has moved on, so that something is seen while it moves."""
        return wish.coarse == 1 and wish not in self.wanted


def value_words(slab: Slab, thickness_mm: float, unit: str) -> str:
    """What a value under the pointer is: the voxel's own, or the slab's."""
    what = "nearest voxel" if slab == Slab.THIN else f"{slab} of {thickness_mm:.3g} mm"
    return ", ".join(word for word in (unit, what) if word)
