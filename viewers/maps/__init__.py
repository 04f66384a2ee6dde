"""Maps of values over a picture: probabilities, attention, densities, as other programs write them and as we hand them on.

All places are level-0 pixels, x to picture-right, y down. No Qt here. `open_maps` reads a file by what it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.camera import Box
from viewers.errors import SourceError
from viewers.figures import rounded
from viewers.geometry import Size

if TYPE_CHECKING:
    from viewers.maps.patches import Patches
    from viewers.sources import Source

MOST_CELLS = 16_000_000
"""Cells one map may have."""
MOST_PATCHES = 5_000_000
"""Patches one file may hold."""
MOST_VALUES = 40_000_000
"""Patches times classes one file may hold."""
MOST_CLASSES = 32
"""Maps taken from one file."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a map lies on: the picture's size in level-0 pixels, its µm per pixel along x and y (None where not stated), and its
    file or folder, whose header the maps of a DICOM slide refer to."""

    size: Size
    mpp: tuple[float, float] | None = None
    file: Path | None = None

    @classmethod
    def of(cls, source: Source) -> Ground:
        spacing = source.spacing
        return cls(source.size, None if spacing is None else (spacing.x_mm * 1000, spacing.y_mm * 1000), source.path)


@dataclass(frozen=True, slots=True, eq=False)
class ValueMap:
    """One map: `values` float32 (rows, columns), NaN where there is none, over `extent` (x0, y0, x1, y1) in level-0 pixels.

    `low` and `high` are the ends of its legend in the values' own unit. `patches` are what the cells were made of, in full
    precision; None where the file held cells. `notes` say in a sentence each what a reader should know.
    """

    name: str
    values: NDArray[np.float32]
    extent: Box
    low: float
    high: float
    unit: str = ""
    patches: Patches | None = None
    notes: tuple[str, ...] = ()


def open_maps(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """The maps a file holds, one for each class. Raises SourceError; blocks, so never on the GUI thread."""
    from viewers.maps import opening

    return opening.opened(path, ground)


def own_range(path: Path, name: str, values: NDArray[np.floating]) -> tuple[float, float, tuple[str, ...]]:
    """The ends of a legend and what is to be said of them: 0 … 1 for values within it, else the values' own least and highest.

    Raises SourceError where nothing is finite.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        raise SourceError(path, f"{path.name}: {name} holds no value, every one is missing (NaN); choose another file.")
    least, highest = float(finite.min()), float(finite.max())
    if least >= 0 and highest <= 1:
        return 0.0, 1.0, ()
    low, high = (least, highest) if highest > least else (min(0.0, least), max(0.0, highest))
    return low, high, (f"Values go from {rounded(least)} to {rounded(highest)}, beyond 0 … 1; the legend's range is theirs.",)


def clean(name: object, longest: int = 60) -> str:
    """A class's name from a file, fit to be shown: printable, one line, not long; "map" where nothing is left."""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in str(name)[:1000]).split())
    return (words if len(words) <= longest else words[: longest - 1] + "…") or "map"
