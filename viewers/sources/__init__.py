"""Opened files. Every kind obeys the same interface, so that no caller asks what it holds.

`open_source` turns a path into a `Source`; `discover` finds what can be opened below a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from viewers.channels import Mix
from viewers.frame_graphics import FrameGraphics
from viewers.geometry import Region, Size, Spacing
from viewers.grayscale import Grayscale, Lut, Window
from viewers.sources.facts import Facts
from viewers.sources.who import Who

if TYPE_CHECKING:
    from viewers.sources.folder import Failure, Item
    from viewers.sources.frame_times import FrameTimes
    from viewers.sources.slice_plane import SlicePlane
    from viewers.sources.stacks import Stack
    from viewers.waveform import Group

Kind = Literal["radiograph", "series", "slide", "picture", "waveform"]


@dataclass(frozen=True, slots=True)
class Level:
    """One stored resolution of a source; `downsample` is level-0 pixels per pixel of this level (1.0 for level 0)."""

    size: Size
    downsample: float
    tile: Size | None = None


@runtime_checkable
class Source(Protocol):
    """An opened file or series. Methods may be called from any thread, but never from the GUI thread."""

    path: Path
    kind: Kind
    modality: str
    """DICOM modality code ("DX", "CT", "SM", …), "" when the file names none."""
    name: str
    """What the browser shows: never a patient's name."""
    size: Size
    """Level-0 pixels."""
    frames: int
    spacing: Spacing | None
    levels: tuple[Level, ...]
    facts: Facts | None
    """Header values a model may need; None for files that are not DICOM."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not as it should be and how it is shown all the same, one sentence each."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """What `read` does to stored colours, such as "ICC profile NAME to sRGB": for receipts."""
        ...

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        """The displayed pixels of `region` as uint8 sRGB (height, width, 3), resampled to `size` (default: as stored).

        What lies outside the picture is white on a slide and black elsewhere. Greyscale goes through the file's own
        first VOI LUT or window. Raises `viewers.errors.SourceError`.
        """
        ...

    def info(self) -> Mapping[str, object]:
        """What `hilum info --json` prints: kind, dimensions, levels, spacing with provenance, syntax, frames."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class GrayscaleSource(Source, Protocol):
    """A source whose stored values a window applies to: one greyscale DICOM image, a multi-frame one or a series."""

    @property
    def grayscale(self) -> Grayscale:
        """How stored values become grey, for frame 0."""
        ...

    def frame_grayscale(self, frame: int) -> Grayscale:
        """How stored values become grey, for one frame (rescale may differ from slice to slice)."""
        ...

    def stored(self, frame: int = 0) -> NDArray[np.generic]:
        """Stored values (height, width), native byte order and right sign; read-only."""
        ...

    def values(self, frame: int = 0) -> NDArray[np.float32]:
        """Values after the modality LUT or rescale (HU on CT), (height, width)."""
        ...

    def render(self, frame: int = 0, window: Window | Lut | None = None) -> NDArray[np.uint8]:
        """The whole frame as grey 0–255 (height, width), through `window` or the file's own default.

        A stack of which the header names no window has one for all its frames.
        """
        ...


@runtime_checkable
class StackedSource(Source, Protocol):
    """A source whose frames lie in the patient: one DICOM image, a multi-frame one or a series."""

    stacks: tuple[Stack, ...]
    """Frames that belong together; a series may hold several volumes. At least one."""

    @property
    def frame_times(self) -> FrameTimes | None:
        """How long each frame of a multi-frame file is to be seen, by the file; None where it says nothing."""
        ...

    def plane(self, frame: int) -> SlicePlane | None:
        """Where one frame lies in the patient; None where the file does not say."""
        ...


@runtime_checkable
class FramedSource(Source, Protocol):
    """A source of frames that say more than their pixels."""

    def frame_edges(self, frame: int) -> tuple[str, str]:
        """Orientation letters at the (right, bottom) edge of one frame, "" where the header does not tell."""
        ...

    def frame_lossy(self, frame: int) -> bool:
        """Whether the pixels of one frame were compressed with loss."""
        ...

    def frame_graphics(self, frame: int) -> FrameGraphics:
        """Overlay planes and shutter of one frame; never part of what `read` and `stored` give. Raises SourceError."""
        ...


@runtime_checkable
class CoarseSource(GrayscaleSource, Protocol):
    """A greyscale source whose large frames may hold a smaller picture of themselves."""

    def coarse_first(self, frame: int) -> bool:
        """Whether a coarse picture of a frame is there sooner than the exact one."""
        ...

    def coarse(self, frame: int, halvings: int) -> NDArray[np.generic] | None:
        """Stored values about 1/2ⁿ as wide and high, for a first look and never for values; None where there are none."""
        ...


@runtime_checkable
class TiledSource(Source, Protocol):
    """A pyramid that is painted tile by tile; `levels[i].tile` is the grid of level i."""

    def read_tile(self, level: int, column: int, row: int) -> NDArray[np.uint8]:
        """One tile of a level's own grid as uint8 sRGB (height, width, 3); smaller at the right and bottom edge.

        Raises `viewers.errors.SourceError`, also for a tile outside the grid.
        """
        ...


@runtime_checkable
class ScannedSource(Source, Protocol):
    """A slide: its size of a pixel may be absent or wrong, and the reader may give it."""

    scanner: str
    """The device that made it; "" where the file names none."""

    def give_spacing(self, spacing: Spacing | None) -> None:
        """Another size of a pixel than the file's; None: the file's again."""
        ...


@runtime_checkable
class LabelledSource(Source, Protocol):
    """A slide with pictures beside its own: the glass's label, a macro of the whole glass, a thumbnail."""

    associated: tuple[str, ...]
    """Their names. "label" and "macro" may show the patient's name: hidden until a person asks, see `app.label_pictures`."""
    vendor: str

    @property
    def identity(self) -> str:
        """What stays the same when the file is renamed; "" where the file gives nothing."""
        ...

    def associated_image(self, name: str) -> NDArray[np.uint8]:
        """uint8 RGB (height, width, 3). Raises `viewers.errors.SourceError`."""
        ...


@runtime_checkable
class ChannelSource(TiledSource, Protocol):
    """A tiled source of stored values: channels to be mixed, and planes (frame = t · z-planes + z) to choose from."""

    mix: Mix
    """The file's default, which `read` and `read_tile` go through; empty for a picture in colour."""
    z: int
    t: int
    histograms: tuple[tuple[float, ...], ...]
    """Of each channel of `mix`: heights 0 … 1 between the ends of `viewers.channels.scale_of`."""

    def raw_tile(self, level: int, column: int, row: int, frame: int) -> NDArray[np.generic]:
        """One tile's stored values (channels, height, width); for a picture in colour uint8 red, green, blue."""
        ...

    def coloured(self, values: NDArray[np.generic], mix: Mix) -> NDArray[np.uint8]:
        """Such values as uint8 sRGB (height, width, 3)."""
        ...


@runtime_checkable
class NamedSource(Source, Protocol):
    """A DICOM image, whose header has words for its patient, study and series."""

    who: Who


@runtime_checkable
class FiledSource(Source, Protocol):
    """A DICOM image or waveform whose frames may lie in several files."""

    def file_of(self, frame: int) -> Path:
        """The file a frame is read from."""
        ...


@runtime_checkable
class TracedSource(Source, Protocol):
    """A waveform: its values are in `groups`, its pixels are paper with traces on it."""

    sort: str
    """"12-lead ECG", …"""
    groups: tuple[Group, ...]


def open_source(path: Path | str, *, spacing: Spacing | None = None) -> Source:
    """Opens a file by what it holds, not by its name; a folder opens as the one series or slide it holds.

    `spacing` is the reader's own and replaces the file's. Raises `viewers.errors.SourceError`.
    """
    from viewers.sources import opening

    return opening.opened(Path(path), spacing)


def discover(
    folder: Path | str, leave_out: Callable[[Path], bool] | None = None, *, eager: bool = False
) -> Iterator[Item | Failure]:
    """What can be opened below `folder`, sorted by path: slices of one series and a DICOM slide as one item each.

    What cannot be opened is yielded too, as a `Failure` with its sentence. Hidden files are left out, and folders of which
    `leave_out` says True. Raises SourceError when `folder` itself cannot be read. `eager`: unsorted, as soon as
    they are known.
    """
    from viewers.sources import folder as folders

    return folders.discovered(Path(folder), leave_out or folders.none_left_out, eager=eager)
