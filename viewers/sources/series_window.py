"""One window for a stack whose header names none, so that its slices keep their grey while one scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.grayscale import Window

if TYPE_CHECKING:
    from viewers.sources import GrayscaleSource

SHARES = (0.25, 0.5, 0.75)
"""Which slices are looked at, as shares of the stack."""
TAILS = (0.5, 99.5)
"""Percentiles that become black and white: single hot pixels do not darken the rest."""
_SAMPLE = 262_144


def series_window(source: GrayscaleSource) -> Window | None:
    """From a few slices of the stack, padding left out; its explanation names them. Reads pixels.

    A slice that cannot be read is passed over. None where nothing is left to go by.
    """
    looked_at, parts = list[int](), list[NDArray[np.float32]]()
    for frame in sorted({int(share * (source.frames - 1) + 0.5) for share in SHARES}):
        try:
            grayscale, stored = source.frame_grayscale(frame), source.stored(frame)
        except SourceError:
            continue  # the pane says so when the reader comes to it
        padded = grayscale.padded(stored)
        inner = stored.ravel() if padded is None else stored[~padded]
        values = grayscale.modality_values(inner[:: max(1, inner.size // _SAMPLE)])
        looked_at.append(frame + 1)
        parts.append(values[np.isfinite(values)])
    values = np.concatenate([*parts, np.zeros(0, np.float32)])
    if not values.size:
        return None
    low, high = (float(end) for end in np.percentile(values, TAILS))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return Window.spanning(low, high, f"series, by slices {', '.join(map(str, looked_at))}")
