"""What changed between two aligned films: current minus prior, signed, with the grey levels of the prior fitted first. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewers.alignment import Matrix, reduced, rescaled, warped

SIDE = 1024
"""Longest side of what is subtracted: finer detail of two films never lies over each other."""
_SMOOTH = 1.2
"""Standard deviation of the Gaussian over the difference, in its own pixels."""
_LEAST = 5.0
"""Per cent of the current film's range: smaller differences are not stretched to full colour."""
_ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
NOWHERE = (0x2A, 0x2D, 0x31)
"""sRGB where the prior does not reach."""
_COLOURS = "8fd6ff 4aa3dd 24638f 16202a 15171a 2b1d12 8a4c16 d98a2f ffd08a"
"""From darker to brighter now: blue and orange, which colour-blind readers tell apart; nothing changed is nearly black."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """`values` float32 (height, width) over the whole current film, NaN where the prior does not reach; above 0 is more now.
    `limit` is full colour; `unit` that of the values; `fitted` says what was done to the prior's."""

    values: NDArray[np.float32]
    limit: float
    unit: str
    fitted: str

    def colours(self) -> NDArray[np.uint8]:
        """uint8 sRGB (height, width, 3)."""
        table = diverging()
        steps = np.rint(np.nan_to_num(np.clip(self.values / self.limit, -1, 1)) * 127.5 + 127.5)
        found: NDArray[np.uint8] = table[steps.astype(np.uint8)]
        found[~np.isfinite(self.values)] = NOWHERE
        return found


def subtracted(current: NDArray[Any], prior: NDArray[Any], matrix: Matrix, unit: str = "") -> Difference:
    """Of modality values (height, width); `matrix` takes places of the current film to those of the prior (see `alignment`).

    With the same calibrated `unit` for both ("HU") values are subtracted as they are. Else the prior's are fitted by a straight
    line to the current ones, robustly: what changed does not pull it. Raises ValueError where the two have nothing in common.
    """
    from scipy.ndimage import gaussian_filter

    small, factor = reduced(current, SIDE)
    other, to_other = reduced(prior, SIDE)
    laid = warped(other, rescaled(matrix, factor, to_other), small.shape)
    there = np.isfinite(laid)
    if there.mean() < 0.05:
        raise ValueError("the two films do not lie over each other")
    gain, level = (1.0, 0.0) if unit else _line(laid[there], small[there])
    found = np.where(there, small - (gain * laid + level), 0.0).astype(np.float32)
    weight = gaussian_filter(there.astype(np.float32), _SMOOTH)
    found = gaussian_filter(found, _SMOOTH) / np.maximum(weight, 1e-3)
    spread = float(np.percentile(np.abs(found[there]), 99.5))
    least = _LEAST / 100 * float(np.ptp(np.percentile(small, (0.5, 99.5))))
    found[~there] = np.nan
    fitted = "" if unit else f"prior × {gain:.3g} {'+' if level >= 0 else '−'} {abs(level):.4g}"
    return Difference(found, rounded_up(max(spread, least, 1e-6)), unit or "normalised grey values", fitted)


def diverging(count: int = 256) -> NDArray[np.uint8]:
    """`count` colours from the lowest to the highest, uint8 (count, 3) sRGB."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS.split()], np.float64)
    places = np.linspace(0, len(anchors) - 1, count)
    return np.rint(np.stack([np.interp(places, np.arange(len(anchors)), anchors[:, at]) for at in range(3)], axis=1)).astype(
        np.uint8
    )


def rounded_up(value: float) -> float:
    """The next number with one figure, or with .5 after a 1."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _ROUND if step * power >= value * (1 - 1e-9)), 10 * power)


def _line(prior: NDArray[np.float32], current: NDArray[np.float32]) -> tuple[float, float]:
    """Gain and level by least squares, again and again without what lies further off than 2.5 robust deviations.

    Raises ValueError where brighter in one is not brighter in the other.
    """
    step = max(1, prior.size // 200_000)
    x, y = prior[::step].astype(np.float64), current[::step].astype(np.float64)
    keep = np.ones(x.shape, bool)
    gain, level = 1.0, 0.0
    for _ in range(8):
        spread = float(((x[keep] - x[keep].mean()) ** 2).sum())
        if keep.sum() < 100 or spread <= 0:
            raise ValueError("one of the films shows a single grey level")
        gain = float(((x[keep] - x[keep].mean()) * (y[keep] - y[keep].mean())).sum() / spread)
        level = float(y[keep].mean() - gain * x[keep].mean())
        off = y - gain * x - level
        middle = float(np.median(off[keep]))
        keep = np.abs(off - middle) <= 2.5 * 1.4826 * float(np.median(np.abs(off[keep] - middle))) + 1e-9
    if gain <= 0:
        raise ValueError("the grey levels of the two films have nothing in common")
    return gain, level
