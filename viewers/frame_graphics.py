"""What a header lays over a frame: overlay planes and a display shutter, as values. No Qt.

They are drawn on the screen and can be switched off. They change no stored value, and no model sees them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size


@dataclass(frozen=True, slots=True, eq=False)
class OverlayPlane:
    """One group 60xx (PS3.3 C.9.2): `bits` (rows, columns), True where it is drawn; `left`, `top` in level-0 pixels."""

    group: int
    bits: NDArray[np.bool_]
    left: int = 0
    top: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shutter:
    """What of the frame is to be seen (PS3.3 C.7.6.11, C.7.6.15); the rest is `grey`, 0 … 255."""

    visible: NDArray[np.bool_]
    grey: int = 0
    words: str = ""
    """"rectangular, circular"."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameGraphics:
    overlays: tuple[OverlayPlane, ...] = ()
    shutter: Shutter | None = None
    notes: tuple[str, ...] = ()
    """What the header states and cannot be drawn, one sentence each."""


NOTHING = FrameGraphics()


def drawn(planes: tuple[OverlayPlane, ...], size: Size, halvings: int = 0) -> NDArray[np.bool_] | None:
    """All planes as one picture (height, width) of a frame of `size` halved so often; None where nothing is drawn.

    A pixel of a halved picture is drawn where any of its pixels is, so that thin lines and letters do not vanish.
    """
    if not any(plane.bits.any() for plane in planes):
        return None
    canvas = np.zeros((size.height, size.width), np.bool_)
    for plane in planes:
        rows, columns = plane.bits.shape
        x0, y0 = max(0, plane.left), max(0, plane.top)
        x1, y1 = min(size.width, plane.left + columns), min(size.height, plane.top + rows)
        if x1 > x0 and y1 > y0:
            canvas[y0:y1, x0:x1] |= plane.bits[y0 - plane.top : y1 - plane.top, x0 - plane.left : x1 - plane.left]
    for _ in range(halvings):
        height, width = canvas.shape
        canvas = np.pad(canvas, ((0, height % 2), (0, width % 2)))
        canvas = canvas[0::2, 0::2] | canvas[0::2, 1::2] | canvas[1::2, 0::2] | canvas[1::2, 1::2]
    return canvas
