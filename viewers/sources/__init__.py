"""Opened files. Every kind obeys the same interface, so that no caller asks what it holds.

`open_source` turns a path into a `Source`; `discover` finds what can be opened below a folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Region, Size, Spacing

Kind = Literal["radiograph", "series", "slide", "picture"]


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
