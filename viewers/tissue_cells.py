"""Which cells of a coverage grid hold tissue. No Qt."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.geometry import Size

_SAMPLES = (1 / 6, 1 / 2, 5 / 6)
"""Places along each side of a cell that are looked at: a strip of tissue thinner than a cell is not overlooked."""


def tissue_cells(shape: shapely.MultiPolygon, size: Size, cell: int) -> NDArray[np.bool_]:
    """bool (rows, columns): whether any of nine places of a cell of `cell` level-0 pixels lies in `shape`."""
    rows, columns = -(-size.height // cell), -(-size.width // cell)
    found = np.zeros((rows, columns), np.bool_)
    shapely.prepare(shape)
    for down in _SAMPLES:
        y = np.minimum((np.arange(rows) + down) * cell, size.height - 0.5)
        for across in _SAMPLES:
            x = np.minimum((np.arange(columns) + across) * cell, size.width - 0.5)
            found |= shapely.contains_xy(shape, *np.meshgrid(x, y))
    return found
