"""MR as MedGemma was trained to see it: least to greatest over the whole acquisition, grey in all three channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_rgb(values: NDArray[np.generic], span: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """Values (H, W) or (slices, H, W) as uint8 with a last axis of 3.

    `span` is (least, greatest) of the whole acquisition where only a part of it is passed; None takes those of `values`.
    A constant acquisition comes out black (the publisher's server makes it white).
    """
    exact = np.asarray(values, np.float64)
    low, high = span if span is not None else (float(exact.min()), float(exact.max()))
    unit = np.clip((exact - low) / (high - low), 0, 1) if high > low else np.zeros_like(exact)
    return np.repeat(np.rint(unit * 255.0).astype(np.uint8)[..., None], 3, axis=-1)
