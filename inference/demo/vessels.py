"""The vessel trees of a chest phantom: two fans of branches from the hila, thinner with every fork."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def vessel_tree(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Starts (n, 2), ends (n, 2) and thickness (n,) of all segments, in the patient frame."""
    rng = np.random.default_rng(seed)
    angle = np.tile(np.linspace(-1.45, 1.45, 9), 2) + rng.normal(0.0, 0.1, 18)
    flip = np.repeat([-1.0, 1.0], 9)
    at = np.stack([flip * 0.075, np.full(18, -0.005)], 1)
    thick = np.full(18, 0.0085)
    parts = []
    for _ in range(4):
        for _ in range(4):
            angle = angle + rng.normal(0.0, 0.13, angle.shape)
            length = rng.uniform(0.016, 0.028, angle.shape)
            end = at + np.stack([flip * np.cos(angle) * length, np.sin(angle) * length], 1)
            parts.append((at, end, thick))
            at, thick = end, thick * 0.92
        fork = rng.uniform(0.25, 0.6, angle.shape)
        angle = np.concatenate([angle + fork, angle - fork * rng.uniform(0.6, 1.2, fork.shape)])
        at, flip = np.tile(at, (2, 1)), np.tile(flip, 2)
        thick = np.concatenate([thick * 0.76, thick * 0.72])
    starts, ends, widths = (np.concatenate(column) for column in zip(*parts, strict=True))
    return starts, ends, widths
