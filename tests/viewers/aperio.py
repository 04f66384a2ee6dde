"""A small SVS with a label and a macro, laid out as Aperio's scanner does; every pixel of the label is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

CANARY = (255, 0, 255)
"""A colour that no part of the slide itself has."""
LABEL = (300, 360)
MACRO = (1200, 360)
"""Width and height; the label takes the left quarter of the macro."""


def write_svs(path: Path, side: int = 2048) -> Path:
    """Pink tissue in the middle of a white slide, 0.5 µm per pixel; label and the label's end of the macro in `CANARY`."""
    rng = np.random.default_rng(5)
    base = np.full((side, side, 3), 246, np.uint8)
    quarter = side // 4
    stain = np.array((190, 90, 150)) + rng.integers(-25, 26, (2 * quarter, 2 * quarter, 1))
    base[quarter : 3 * quarter, quarter : 3 * quarter] = stain.astype(np.uint8)
    head = f"Aperio Image Library v12.0.16\r\n{side}x{side} [0,0 {side}x{side}] (256x256)|AppMag = 20|MPP = 0.5"
    small: dict[str, Any] = {"photometric": "rgb", "compression": "lzw", "metadata": None, "rowsperstrip": 16}
    tiles: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "compression": "zlib", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(base, description=head, **tiles)
        tiff.write(np.ascontiguousarray(base[::4, ::4]), description="Aperio Image Library v12.0.16\r\nthumbnail", **small)
        tiff.write(np.ascontiguousarray(base[::4, ::4]), description=head, **tiles)
        tiff.write(label_picture(), description="Aperio Image Library v12.0.16\r\nlabel 300x360", subfiletype=1, **small)
        tiff.write(macro_picture(), description="Aperio Image Library v12.0.16\r\nmacro 1200x360", subfiletype=9, **small)
    return path


def label_picture() -> NDArray[np.uint8]:
    return np.full((LABEL[1], LABEL[0], 3), CANARY, np.uint8)


def macro_picture() -> NDArray[np.uint8]:
    macro = np.full((MACRO[1], MACRO[0], 3), 240, np.uint8)
    macro[:, : MACRO[0] // 4] = CANARY
    macro[120:240, 500:800] = (180, 90, 150)
    return macro


def holds_canary(pixels: NDArray[Any]) -> bool:
    """Whether any pixel comes near the canary's colour, also after resampling or JPEG: strongly red and blue, hardly green."""
    red, green, blue = (pixels[..., channel].astype(int) for channel in range(3))
    return bool(((red > 225) & (blue > 225) & (green < 60)).any())
