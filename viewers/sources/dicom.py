"""DICOM images: one file, the frames of one file, or the files of one series, all as one stack of slices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.frame_graphics import FrameGraphics
from viewers.geometry import Region, Size, Spacing
from viewers.grayscale import Grayscale, Lut, Window
from viewers.readers.pool import readers
from viewers.sources import Kind, Level, values
from viewers.sources.cache import FrameCache
from viewers.sources.decode import has_preview, lossy, preview, syntax_name
from viewers.sources.describing import described
from viewers.sources.dicom_facts import edges, facts_of
from viewers.sources.dicom_spacing import spacing_of
from viewers.sources.facts import Facts
from viewers.sources.frame_times import FrameTimes, times_of
from viewers.sources.gray_header import grayscale_of
from viewers.sources.header import header_of
from viewers.sources.high_bit import stored_values
from viewers.sources.overlay_planes import overlays_of
from viewers.sources.palette import coloured
from viewers.sources.placed import Placed, placed
from viewers.sources.resample import cut, resized
from viewers.sources.series_window import series_window
from viewers.sources.shutters import shutter_of
from viewers.sources.slice_plane import SlicePlane
from viewers.sources.stacks import Stacked, stacked_up
from viewers.sources.ultrasound import regions_of
from viewers.sources.who import who_of

_CACHE_BYTES = 512 * 2**20
_GREY = ("MONOCHROME1", "MONOCHROME2")


class Dicom:
    """A stack of slices of equal size. `GreyDicom` and `ColourDicom` say how a slice is shown."""

    def __init__(
        self, path: Path, found: Stacked, kind: Kind, spacing: Spacing | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        slices = found.frames
        first = slices[0].header
        self.path, self.name, self.kind = path, path.name, kind
        self.slices, self.stacks = slices, found.stacks
        self.modality = values.code(first.dataset, "Modality")
        self.size, self.frames = first.size, len(self.slices)
        self.levels: tuple[Level, ...] = (Level(self.size, 1.0),)
        self.facts: Facts | None = facts_of(first.dataset)
        self.who = who_of(first.dataset)
        stated, spacing_notes = spacing_of(first.dataset, slices[0].frame)
        self.spacing = spacing or stated
        self.regions = regions_of(first.dataset)
        self.notes = (*notes, *spacing_notes, *filter(None, [readers().problem]))
        self.steps: tuple[str, ...] = ()
        self._cache = FrameCache(_CACHE_BYTES)

    def stored(self, frame: int = 0) -> NDArray[np.generic]:
        """Stored values of one frame, read-only: (height, width), colour as RGB (height, width, 3)."""
        one = self._slice(frame)
        return self._cache.get(frame, lambda: stored_values(one.header, one.frame))

    @property
    def most_kept(self) -> int:
        """How many decoded frames find room together, with some left for those that are looked at again."""
        return int(0.75 * _CACHE_BYTES) // max(1, self.slices[0].header.coded.frame_bits // 8)

    def keep(self, frame: int) -> None:
        """Decode a frame that may be asked for soon, behind everything that somebody waits for. Raises SourceError."""
        one = self._slice(frame)
        self._cache.get(frame, lambda: stored_values(one.header, one.frame, urgent=False))

    def file_of(self, frame: int) -> Path:
        """The file a frame is read from."""
        return self._slice(frame).header.path

    def info(self) -> Mapping[str, object]:
        first = self.slices[0].header
        return described(
            self,
            transfer_syntax={"uid": first.syntax, "name": syntax_name(first.syntax)},
            lossy=any(lossy(one.header, one.header.syntax) for one in self.slices),
            photometric=first.photometric,
            bits=first.stored,
            windows=[],
            stacks=[", ".join(word for word in (stack.label, stack.gaps.words) if word) for stack in self.stacks if stack.gaps],
        )

    def frame_edges(self, frame: int) -> tuple[str, str]:
        """Orientation letters at the (right, bottom) edge of one frame, "" where the header does not tell."""
        one = self._slice(frame)
        return edges(one.header, one.frame)

    def frame_lossy(self, frame: int) -> bool:
        """Whether the pixels of one frame were compressed with loss."""
        one = self._slice(frame)
        return lossy(one.header, one.header.syntax)

    def frame_graphics(self, frame: int) -> FrameGraphics:
        """Overlay planes and shutter of one frame. Raises SourceError."""
        one = self._slice(frame)
        planes, notes = overlays_of(one.header, one.frame)
        aspect = self.spacing.y_mm / self.spacing.x_mm if self.spacing else 1.0
        shutter, planes, more = shutter_of(one.header.dataset, one.frame, self.size, aspect, planes)
        return FrameGraphics(planes, shutter, (*notes, *more))

    def close(self) -> None:
        self._cache.clear()

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        raise NotImplementedError

    def plane(self, frame: int) -> SlicePlane | None:
        """Where one frame lies in the patient; None where the file does not say."""
        return self._slice(frame).plane

    @cached_property
    def frame_times(self) -> FrameTimes | None:
        """How long each frame of a multi-frame file is to be seen, by the file; None where it says nothing."""
        first = self.slices[0].header
        return times_of(first.dataset, self.frames) if first.frames == self.frames else None

    def _slice(self, frame: int) -> Placed:
        if not 0 <= frame < self.frames:
            raise SourceError(self.path, f"{self.name} has {self.frames} frames; frame {frame + 1} does not exist.")
        return self.slices[frame]


class GreyDicom(Dicom):
    """Greyscale: the pixels shown go through the header's own VOI LUT or first window."""

    def __init__(
        self, path: Path, found: Stacked, kind: Kind, spacing: Spacing | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(path, found, kind, spacing, notes)
        self._grayscales: dict[int, Grayscale] = {}
        self.grayscale = self.frame_grayscale(0)
        self.notes = (*self.notes, *self.grayscale.notes)

    def frame_grayscale(self, frame: int) -> Grayscale:
        one = self._slice(frame)
        if frame not in self._grayscales:
            self._grayscales[frame] = grayscale_of(one.header, one.frame)
        return self._grayscales[frame]

    def coarse_first(self, frame: int) -> bool:
        """Whether a coarse picture of a frame is there sooner than the exact one."""
        return frame not in self._cache and has_preview(self._slice(frame).header)

    def coarse(self, frame: int, halvings: int) -> NDArray[np.generic] | None:
        """Stored values about 1/2ⁿ as wide and high, for a first look and never for values; None where there are none."""
        one = self._slice(frame)
        return preview(one.header, one.frame, halvings)

    def values(self, frame: int = 0) -> NDArray[np.float32]:
        return self.frame_grayscale(frame).modality_values(self.stored(frame))

    @cached_property
    def series_window(self) -> Window | None:
        """The one window of a stack of which the header names none; None where it does, or for a single picture."""
        return series_window(self) if self.frames > 1 and self.grayscale.default is None else None

    def render(self, frame: int = 0, window: Window | Lut | None = None) -> NDArray[np.uint8]:
        grayscale = self.frame_grayscale(frame)
        window = window or (self.series_window if grayscale.default is None else None)
        return grayscale.render(self.stored(frame), window)

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        grey = resized(cut(self.render(region.frame), region, 0), size or region.size)
        return np.repeat(grey[:, :, None], 3, axis=2)

    def info(self) -> Mapping[str, object]:
        windows = [
            {"centre": one.centre, "width": one.width, "explanation": one.explanation, "function": one.function}
            for one in self.grayscale.windows
        ]
        luts = [lut.explanation for lut in self.grayscale.voi_luts]
        return {
            **super().info(),
            "windows": windows,
            "voi_luts": luts,
            "shown_with": self.grayscale.default_name,
            "unit": self.grayscale.measured_unit,
        }


class ColourDicom(Dicom):
    """RGB, YBR and palette colour, more than 8 bits cut to the upper 8."""

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        one = self._slice(region.frame)
        pixels = self._cache.get(("shown", region.frame), lambda: coloured(one.header, self.stored(region.frame)))
        return resized(cut(cast("NDArray[np.uint8]", pixels), region, 0), size or region.size)


def opened(path: Path, spacing: Spacing | None = None) -> GreyDicom | ColourDicom:
    """One DICOM file with one or more frames. Raises SourceError."""
    header = header_of(path)
    found = stacked_up(placed(header), several_files=False)
    return stacked(path, found, "series" if header.frames > 1 else "radiograph", spacing, found.notes)


def stacked(
    path: Path, found: Stacked, kind: Kind, spacing: Spacing | None = None, notes: tuple[str, ...] = ()
) -> GreyDicom | ColourDicom:
    header = found.frames[0].header
    make = GreyDicom if header.samples == 1 and header.photometric in _GREY else ColourDicom
    return make(path, found, kind, spacing, notes)
