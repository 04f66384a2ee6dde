"""Colour of DICOM images as 8-bit sRGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.sources.header import Header


def coloured(header: Header, stored: NDArray[np.generic]) -> NDArray[np.uint8]:
    """RGB (height, width, 3) for decoded pixels: three samples, or indices into the header's palette.

    Raises SourceError when the palette cannot be used or the photometric interpretation is unknown.
    """
    if stored.ndim == 3:
        spare = header.stored - 8
        wide = stored if spare <= 0 else stored >> spare  # type: ignore[operator]
        return np.ascontiguousarray(wide.astype(np.uint8))
    if header.photometric != "PALETTE COLOR":
        name = header.photometric or "none"
        raise SourceError(header.path, f"{header.path.name} has an unknown kind of colour ({name}): export it again as RGB.")
    from pydicom.pixels.processing import apply_color_lut

    try:
        painted = apply_color_lut(np.ascontiguousarray(stored), header.dataset)
    except Exception as error:  # pydicom names no closed list of what damage raises
        raise SourceError(header.path, f"{header.path.name} has a damaged colour table: export it again.") from error
    spare = 8 * (painted.dtype.itemsize - 1)
    shown: NDArray[np.uint8] = (painted[..., :3] >> spare).astype(np.uint8)
    return shown
