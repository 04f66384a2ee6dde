"""Colour maps whose lightness rises evenly and that colour-blind readers can order.

Anchors of matplotlib's inferno, viridis, cividis, magma and plasma (van der Walt, Smith, Firing; Nuñez, Anderton, Renslow; CC0),
joined by straight lines in sRGB.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

MapName = Literal["inferno", "viridis", "cividis", "magma", "plasma"]

_ANCHORS: dict[MapName, str] = {
    "inferno": "000004 1b0c42 4b0c6b 781c6d a52c60 cf4446 ed6925 fb9a06 f7d03c fcffa4",
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6dcd59 b4de2c fde725",
    "magma": "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf",
    "plasma": "0d0887 46039f 7201a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921",
    "cividis": "00204d 00336f 39486b 575c6d 707173 8a8779 a69d75 c4b56c e4cf5b ffea46",
}

NAMES: tuple[MapName, ...] = get_args(MapName)


def colormap(name: MapName, count: int = 256, start: float = 0.0) -> NDArray[np.uint8]:
    """`count` colours from low to high, uint8 (count, 3) sRGB; `start` (0 … 1) leaves out the darkest part."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _ANCHORS[name].split()], np.float64)
    places = np.linspace(start, 1.0, count) * (len(anchors) - 1)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
