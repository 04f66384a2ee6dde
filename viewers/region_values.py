"""The modality values of a frame or a region, for histograms and windows fitted to them. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.frame_graphics import Shutter
from viewers.geometry import Region, Size
from viewers.grayscale import Grayscale, Window

SAMPLE = 131_072
"""Values at most: few enough for the GUI thread, enough for percentiles."""
TAILS = (1.0, 99.0)
"""Percentiles that become black and white."""
BARS = 128


def sampled(
    grayscale: Grayscale, stored: NDArray[np.generic], region: Region | None = None, shutter: Shutter | None = None
) -> NDArray[np.float32]:
    """Finite modality values of a region of a frame, None all of it; padding and what the shutter hides left out.

    Of larger regions every n-th column and row, so that at most `SAMPLE` are taken.
    """
    height, width = stored.shape
    inside = Region.whole(Size(width, height)).intersection(region or Region.whole(Size(width, height)))
    if inside is None:
        return np.zeros(0, np.float32)
    step = max(1, int(np.ceil(np.sqrt(inside.width * inside.height / SAMPLE))))
    cut = slice(inside.y, inside.bottom, step), slice(inside.x, inside.right, step)
    part = np.ascontiguousarray(stored[cut])
    keep = np.ones(part.shape, np.bool_) if shutter is None else shutter.visible[cut]
    padded = grayscale.padded(part)
    values = grayscale.modality_values(part[keep if padded is None else keep & ~padded])
    return values[np.isfinite(values)]


def fitted(values: NDArray[np.float32], explanation: str = "") -> Window | None:
    """The window from the lower to the upper percentile of `TAILS`; None where all values are one or there are none."""
    if not values.size:
        return None
    low, high = (float(end) for end in np.percentile(values, TAILS))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return Window.spanning(low, high, explanation) if high > low else None


def bars(values: NDArray[np.float32], low: float, high: float) -> tuple[float, ...]:
    """Heights 0 … 1 of `BARS` equal steps from `low` to `high`: the root of the counts, so that rare values are seen too."""
    if not values.size or not high > low:
        return ()
    counts = np.sqrt(np.histogram(values, BARS, (low, high))[0].astype(np.float64))
    return tuple((counts / max(1.0, float(counts.max()))).tolist())
