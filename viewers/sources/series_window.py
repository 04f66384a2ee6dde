"""One window for a stack whose header names none, so that its slices keep their grey while one scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from viewers.grayscale import Window

if TYPE_CHECKING:
    from viewers.sources import GrayscaleSource

SHARES = (0.25, 0.5, 0.75)
"""Which slices are looked at, as shares of the stack."""
TAILS = (0.5, 99.5)
"""Percentiles that become black and white: single hot pixels do not darken the rest."""
_SAMPLE = 262_144


def series_window(source: GrayscaleSource) -> Window:
    """From a few slices of the stack, padding left out; its explanation names them. Reads pixels. Raises SourceError."""
    frames = sorted({int(share * (source.frames - 1) + 0.5) for share in SHARES})
    parts = []
    for frame in frames:
        grayscale, stored = source.frame_grayscale(frame), source.stored(frame)
        padded = grayscale.padded(stored)
        inner = stored.ravel() if padded is None else stored[~padded]
        values = grayscale.modality_values(inner[:: max(1, inner.size // _SAMPLE)])
        parts.append(values[np.isfinite(values)])
    values = np.concatenate(parts)
    low, high = (float(end) for end in np.percentile(values, TAILS)) if values.size else (0.0, 1.0)
    if high <= low and values.size:
        low, high = float(values.min()), float(values.max())
    return Window.spanning(low, high, f"series, by slices {', '.join(str(frame + 1) for frame in frames)}")
