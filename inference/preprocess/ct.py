"""CT as MedGemma was trained to see it: three windows of HU in red, green and blue, slices in the order of their position.

Windows: 1.5 from the publisher's CT notebooks, 1.0 from arXiv 2507.05201 §2.1.2. The publisher's server differs by mistake
(green 135 … 215, and HU cast back to unsigned storage, which saturates air and lung); that is not repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

WINDOWS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "1.5": ((-1024.0, 1024.0), (-135.0, 215.0), (0.0, 80.0)),
    "1.0": ((-1225.0, 1025.0), (-135.0, 215.0), (0.0, 80.0)),
}
"""Least and greatest HU of red, green and blue, by the version of the model."""
MOST_SLICES = 85


def to_rgb(hu: NDArray[np.floating], version: str = "1.5") -> NDArray[np.uint8]:
    """HU (H, W) or (slices, H, W) as uint8 with a last axis of 3: clip, scale to 0..255, round. KeyError: unknown version."""
    exact = np.asarray(hu, np.float64)
    channels = [np.rint((np.clip(exact, low, high) - low) / (high - low) * 255.0) for low, high in WINDOWS[version]]
    return np.stack(channels, axis=-1).astype(np.uint8)


def by_position(positions: Sequence[Sequence[float]], orientation: Sequence[float]) -> list[int]:
    """The order of slices along their normal, feet to head for an axial series.

    `positions` are ImagePositionPatient, `orientation` ImageOrientationPatient (PS3.3 C.7.6.2.1.1): mm in the patient's frame.
    """
    normal = np.cross(np.asarray(orientation[:3], float), np.asarray(orientation[3:], float))
    return [int(i) for i in np.argsort(np.asarray(positions, float) @ normal, kind="stable")]


def choose(slices: int, most: int = MOST_SLICES) -> list[int]:
    """Which of `slices` a model reads: all, or `most` equidistant, round(i / (most − 1) · (n − 1)) with i from 0.

    The publisher's formula, round(i / most · (n − 1)) with i from 1, never takes the first slice; that is not repeated here.
    """
    if slices <= most:
        return list(range(slices))
    return [round(i / (most - 1) * (slices - 1)) for i in range(most)] if most > 1 else [0]
