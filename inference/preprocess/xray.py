"""A radiograph as MedGemma was trained to see it: one function of the stored values and the header, never of the screen.

On ordinary files equal to the publisher's server (`Google-Health/medgemma`
python/data_accessors/local_file_handlers/generic_dicom_handler.py): rescale, then the window of the header, else the full
range, then MONOCHROME1, then 8 bit. VOI LUT sequences, VOILUTFunction and PresentationLUTShape are ignored there and here.
Where that code fails or wraps around, this one is defined: a window narrower than one value cannot be used and is ignored,
of several windows the caller passes the first, and 8-bit values that leave 0..255 after the rescale saturate.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def to_rgb(
    values: NDArray[np.generic],
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    window: tuple[float, float] | None = None,
    monochrome1: bool = False,
    bits: int = 16,
) -> NDArray[np.uint8]:
    """Stored values (H, W) as uint8 (H, W, 3). `window` is (centre, width) in rescaled values, `bits` is BitsAllocated.

    With a window: clip to centre ± width // 2, then 0..255, rounded. Without: 8-bit values stay as they are, others stretch
    from least to greatest. A constant image without a window is black, or white for MONOCHROME1. Not finite counts as least.
    """
    exact = values.astype(np.float64) * slope + intercept
    finite = np.isfinite(exact)
    if not finite.all():
        exact = np.where(finite, exact, exact[finite].min() if finite.any() else 0.0)
    if window is not None and usable(window):
        grey = _window(exact, *window)
    elif bits <= 8:
        grey = np.rint(np.clip(exact, 0, 255))
    else:
        grey = _stretch(exact)
    if monochrome1:
        grey = 255 - grey
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def usable(window: tuple[float, float]) -> bool:
    """Whether (centre, width) leaves anything between its ends: both finite and the width at least 2."""
    return all(math.isfinite(value) for value in window) and window[1] >= 2


def _window(exact: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    half = width // 2
    low, high = centre - half, centre + half
    return np.asarray(np.rint((np.clip(exact, low, high) - low) / (high - low) * 255.0))


def _stretch(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(exact.min()), float(exact.max())
    if high <= low:
        return np.zeros_like(exact)
    return np.asarray(np.rint((exact - low) / (high - low) * 255.0))
