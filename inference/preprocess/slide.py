"""Slide pixels: no transparency, and crops at the resolution a model was trained on.

Published work reads 896² patches at 1 µm/px, tissue only, in spatial order (arXiv 2604.05081 §2.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WHITE = 255
LARGER = 1.25
"""A picture is read in crops when its longer side exceeds the model's field by more than this factor."""


@dataclass(frozen=True, slots=True)
class Field:
    """How the model's square lies on a picture: `window` picture pixels across, so that it has the trained µm per pixel.

    `crops` False means that the picture is scored whole; `remark` says why, where that is not as trained.
    """

    window: int
    crops: bool
    remark: str = ""


def over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 4), not premultiplied, laid over white: uint8 (H, W, 3). Scanners leave unscanned areas transparent."""
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3].astype(np.uint16) * alpha + WHITE * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def field(height: int, width: int, mpp: float | None, trained_mpp: float | None, side: int) -> Field:
    """The model's field of `side` pixels at `trained_mpp` on a picture at `mpp` micrometres per pixel."""
    longer = max(height, width)
    if not mpp or not trained_mpp:
        return Field(longer, False, "resolution unknown, scored whole" if trained_mpp else "")
    window = max(1, round(side * trained_mpp / mpp))
    if window < side / 2:
        return Field(longer, False, f"{mpp:g} µm/px is coarser than the {trained_mpp:g} µm/px trained on, scored whole")
    if longer <= window * LARGER:
        finer = longer < window / LARGER
        return Field(longer, False, f"picture is smaller than the {window} px field trained on, enlarged" if finer else "")
    return Field(window, True)


def corners(length: int, window: int, stride: int) -> list[int]:
    """Where crops of `window` begin so that they cover `length`: every `stride`, the last one flush with the end."""
    last = max(0, length - window)
    return sorted({*range(0, last, stride), last})


def crops(pixels: NDArray[np.uint8], window: int, stride: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """(x, y, square of `window`) in reading order, covering the picture; beyond its edge the crop is white."""
    height, width = pixels.shape[:2]
    for y in corners(height, window, stride):
        for x in corners(width, window, stride):
            yield x, y, crop(pixels, x, y, window)


def crop(pixels: NDArray[np.uint8], x: int, y: int, window: int) -> NDArray[np.uint8]:
    """The square from (x, y), white where it leaves the picture."""
    part = pixels[y : y + window, x : x + window]
    if part.shape[:2] == (window, window):
        return part
    square = np.full((window, window, 3), WHITE, np.uint8)
    square[: part.shape[0], : part.shape[1]] = part
    return square


def patches(length: int, most: int) -> list[int]:
    """At most `most` of `length` patches, evenly spread and still in spatial order."""
    if length <= most:
        return list(range(length))
    return [int(i) for i in np.unique(np.floor(np.linspace(0, length, most, endpoint=False)).astype(int))]
