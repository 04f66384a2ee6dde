"""Two films of one part laid over each other by an affine map, found by their correlation. No Qt.

Enhanced correlation coefficient (Evangelidis and Psarakis, IEEE PAMI 30, 2008), from coarse to fine, on pictures whose local mean
and contrast are levelled, so that exposure, window and broad shadows count little. All maps are between array places, where
(0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""(height, width)."""
Matrix = NDArray[np.float64]
"""(2, 3): (x, y) of the fixed picture to (x, y) of the moving one."""

_Wide = NDArray[np.floating[Any]]

SIDE = 384
"""Longest side of the finest pictures that are compared."""
GOOD, WORTH = 0.38, 0.02
"""Correlation of the levelled pictures that counts as the same chest in place, and how much worse than at the start it may be.
On real films of two patients, each taken twice, it is 0.47 and 0.51; of any two of four patients at most 0.29."""
LEAST_OVERLAP = 0.5
_LEVELS = (48, 96, 192, SIDE)
_STEPS = (40, 40, 30, 15)
_NEAR = 32
"""Of the longer side, the width over which the grey is levelled."""
_SHIFTS = (-0.2, -0.1, 0.0, 0.1, 0.2)
_SCALES = (0.85, 1.0, 1.18)
_LARGEST_TURN, _LARGEST_STRETCH = 25.0, 1.6
"""Degrees; and the ratio of lengths, either way, beyond which no two films of a chest were taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """`before` and `after` are correlations of the levelled pictures where both lie over each other, -1 … 1; `overlap` the share
    of the fixed picture that the moving one covers. `refused` says why it must not be used, "" where it may."""

    matrix: Matrix
    before: float
    after: float
    overlap: float
    refused: str = ""

    @property
    def words(self) -> str:
        return f"correlation {self.before:.2f} before, {self.after:.2f} after"


def align(fixed: Picture, moving: Picture, start: Matrix) -> Alignment:
    """The map from `fixed` to `moving`; `start` is where to begin, such as the same mm from both middles. Bright must mean the
    same in both; sizes and grey levels may differ. Takes a second or two."""
    (one, to_one), (other, to_other) = reduced(fixed, SIDE), reduced(moving, SIDE)
    first = best = rescaled(start, to_one, to_other)
    for level, steps in zip(_LEVELS, _STEPS, strict=True):
        (a, to_a), (b, to_b) = _at_level(one, level), _at_level(other, level)
        here = rescaled(best, to_a, to_b)
        if level == _LEVELS[0]:
            here = max(_guesses(here, a.shape), key=lambda guess: _rating(a, b, guess))
        best = rescaled(_ecc(a, b, here, steps), 1 / to_a, 1 / to_b)
    before, _ = correlation(a, b, rescaled(first, to_a, to_b))
    after, overlap = correlation(a, b, rescaled(best, to_a, to_b))
    refused = _refusal(best, first, before, after, overlap)
    return Alignment(rescaled(best, 1 / to_one, 1 / to_other), before, after, overlap, refused)


def warped(moving: NDArray[Any], matrix: Matrix, shape: tuple[int, int]) -> NDArray[np.float32]:
    """`moving` seen in the frame of a fixed picture of `shape`, bilinear, float32; NaN where it does not reach."""
    from scipy.ndimage import affine_transform

    swapped = np.array([[matrix[1, 1], matrix[1, 0]], [matrix[0, 1], matrix[0, 0]]])  # to (row, column)
    offset = matrix[1, 2], matrix[0, 2]
    found: NDArray[np.float32] = affine_transform(
        moving.astype(np.float32, copy=False), swapped, offset, shape, np.float32, order=1, cval=np.nan
    )
    return found


def correlation(fixed: Picture, moving: Picture, matrix: Matrix) -> tuple[float, float]:
    """Pearson's, where both are; and the share of `fixed` where that is. (0, share) where there is too little."""
    laid = warped(moving, matrix, fixed.shape)
    there = np.isfinite(laid)
    share = float(there.mean())
    if share < 0.05:
        return 0.0, share
    a, b = fixed[there] - fixed[there].mean(), laid[there] - laid[there].mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return (float((a * b).sum()) / norm if norm > 0 else 0.0), share


def levelled(picture: Picture) -> Picture:
    """Each place in standard deviations from the mean around it (a Gaussian of 1/32 of the longer side), within ± 3."""
    from scipy.ndimage import gaussian_filter

    low, high = (float(one) for one in np.percentile(picture, (0.5, 99.5)))
    clean = np.clip(picture, low, high) / max(high - low, 1e-6)
    sigma = max(picture.shape) / _NEAR
    mean = gaussian_filter(clean, sigma, mode="nearest")
    spread = np.sqrt(np.maximum(gaussian_filter((clean - mean) ** 2, sigma, mode="nearest"), 0))
    found: Picture = np.clip((clean - mean) / (spread + 0.02), -3, 3).astype(np.float32)
    return found


def reduced(picture: NDArray[Any], side: int) -> tuple[Picture, float]:
    """Its means, so that the longer side has at most `side` pixels, and the factor from its places to theirs."""
    from scipy.ndimage import gaussian_filter, zoom

    factor = min(1.0, side / max(picture.shape))
    smooth: Picture = picture.astype(np.float32, copy=False)
    block = max(1, int(0.5 / factor))
    if block > 1:  # whole blocks first: a wide Gaussian over a large film takes seconds
        high, wide = (length // block for length in picture.shape)
        smooth = smooth[: high * block, : wide * block].reshape(high, block, wide, block).mean(axis=(1, 3))
        factor *= block
    if factor < 1:
        smooth = gaussian_filter(smooth, 0.45 / factor, mode="nearest")
        smooth = zoom(smooth, factor, order=1, mode="nearest", grid_mode=True)
    return smooth, smooth.shape[1] / (picture.shape[1] // block * block)


def _at_level(picture: Picture, side: int) -> tuple[Picture, float]:
    small, factor = reduced(picture, side)
    return levelled(small), factor


def rescaled(matrix: Matrix, fixed: float, moving: float) -> Matrix:
    """The map between the pictures enlarged by these factors; pixels keep their edges, not their centres."""
    centre = np.array([0.5, 0.5])
    linear = matrix[:, :2] * (moving / fixed)
    shift = (matrix[:, :2] @ (centre / fixed - centre) + matrix[:, 2] + centre) * moving - centre
    return np.column_stack([linear, shift])


def _guesses(start: Matrix, shape: tuple[int, ...]) -> list[Matrix]:
    height, width = shape
    middle, found = np.array([(width - 1) / 2, (height - 1) / 2]), list[Matrix]()
    for scale in _SCALES:
        for across in _SHIFTS:
            for down in _SHIFTS:
                linear = np.eye(2) * scale
                shift = middle - linear @ middle + np.array([across * width, down * height])
                found.append(np.column_stack([start[:, :2] @ linear, start[:, :2] @ shift + start[:, 2]]))
    return found


def _rating(fixed: Picture, moving: Picture, matrix: Matrix) -> float:
    """Correlation that little overlap makes worse."""
    found, share = correlation(fixed, moving, matrix)
    return found * min(1.0, share / 0.7)


def _ecc(fixed: Picture, moving: Picture, start: Matrix, steps: int) -> Matrix:
    """The best of the maps on the way uphill from `start`."""
    slope_down, slope_across = (np.asarray(one, np.float32) for one in np.gradient(moving))
    y, x = np.mgrid[0 : fixed.shape[0], 0 : fixed.shape[1]].astype(np.float64)
    matrix, best, rated = start, start, _rating(fixed, moving, start)
    for _ in range(steps):
        laid = warped(moving, matrix, fixed.shape)
        there = np.isfinite(laid)
        if there.mean() < 0.2:
            break
        gx, gy = (warped(one, matrix, fixed.shape)[there].astype(np.float64) for one in (slope_across, slope_down))
        px, py = x[there], y[there]
        slopes = np.stack([gx * px, gx * py, gx, gy * px, gy * py, gy], axis=1)
        slopes -= slopes.mean(axis=0)
        one, other = fixed[there].astype(np.float64), laid[there].astype(np.float64)
        one, other = one - one.mean(), other - other.mean()
        square = slopes.T @ slopes
        square += np.eye(6) * 1e-6 * np.diag(square).mean()
        step = _step(slopes, square, one, other)
        if step is None:
            break
        matrix = np.asarray(matrix + step.reshape(2, 3), np.float64)
        now = _rating(fixed, moving, matrix)
        if now > rated:
            best, rated = matrix, now
        moved = np.abs(step.reshape(2, 3) @ np.array([fixed.shape[1], fixed.shape[0], 1.0])).max()
        if moved < 0.01:
            break
    return best


def _step(slopes: _Wide, square: _Wide, one: _Wide, other: _Wide) -> _Wide | None:
    """The change of the six parameters; None where they can no longer raise the correlation."""
    on_one, on_other = slopes.T @ one, slopes.T @ other
    try:
        solved = np.linalg.solve(square, on_other)
    except np.linalg.LinAlgError:
        return None
    above = float(other @ other - on_other @ solved)
    below = float(one @ other - on_one @ solved)
    if below <= 0 or above <= 0:
        return None
    change: _Wide = np.linalg.solve(square, on_one * (above / below) - on_other)
    return change


def _refusal(matrix: Matrix, start: Matrix, before: float, after: float, overlap: float) -> str:
    linear = matrix[:, :2] @ np.linalg.inv(start[:, :2])
    stretches = np.linalg.svd(linear, compute_uv=False)
    turn = abs(float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))))
    if overlap < LEAST_OVERLAP:
        return "the two films show too little of the same"
    if np.linalg.det(linear) <= 0 or turn > _LARGEST_TURN or max(stretches[0], 1 / stretches[1]) > _LARGEST_STRETCH:
        return "the two films could only be made to fit by a turn or a stretch that no two films have"
    if after < GOOD:
        return f"the two films do not fit (correlation {after:.2f}, {GOOD} is needed)"
    if after < before - WORTH:
        return "no better fit than the middles of the films was found"
    return ""
