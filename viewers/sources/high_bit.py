"""Stored values whose highest bit is not the next above their lowest: older writers put 12 bits into the upper end of 16."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.sources import values
from viewers.sources.decode import decoded
from viewers.sources.header import Header


def stored_values(header: Header, frame: int, *, urgent: bool = True) -> NDArray[np.generic]:
    """As `decoded`, by HighBit (PS3.5 8.1.1) where uncompressed pixels do not end at BitsStored. Raises SourceError."""
    high = values.integer(header, "HighBit")
    spare = 0 if high is None else high + 1 - header.stored
    if spare <= 0 or high is None or high >= header.allocated or not header.coded.native or header.samples != 1:
        return decoded(header, frame, urgent=urgent)
    return decoded(header.holding(high + 1), frame, urgent=urgent) >> spare  # type: ignore[operator, no-any-return]
