"""Where a slide's label shows in the macro picture of the whole glass, and the macro without it. No Qt.

Most scanners photograph the label with the glass, so that hiding the label picture alone hides nothing (the field's own
de-identifiers mask this end too: wsi-anon, PMC10185865).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size

UNKNOWN = 0.30
"""Share of the macro's length masked at both ends where nothing tells which end is the label's."""
MARGIN = 0.02
"""Masked beyond what the label's shape says: the two pictures come from different cameras."""
PLAUSIBLE = (0.15, 0.45)
"""Shares of the glass that a label can take; anything else is a label picture of another crop."""
LEFT_LABELLED = ("aperio",)
"""OpenSlide's names of scanners whose macro always has the label at picture-left."""
GREY = 118


@dataclass(frozen=True, slots=True)
class LabelEnds:
    """Shares (0 … 1) of the macro's longer side that are masked at its start (left, or top) and at its end."""

    start: float
    end: float
    known: bool
    """Whether the scanner's layout tells where the label is; else both ends are masked."""

    @property
    def words(self) -> str:
        """What to tell the reader."""
        if self.known:
            return f"The label's end, {100 * self.start:.0f} % at the left, is masked."
        return (
            f"This scanner does not tell which end is the label's: {100 * self.start:.0f} % at both ends are masked, "
            "and tissue may lie under the mask."
        )


def label_ends(macro: Size, label: Size | None, vendor: str) -> LabelEnds:
    """`label` is the size of the label picture, where there is one: it is as high as the glass, as the macro is."""
    share = UNKNOWN if label is None else label.width / label.height * min(macro.width, macro.height) / _length(macro)
    plausible = PLAUSIBLE[0] <= share <= PLAUSIBLE[1]
    share = share + MARGIN if plausible and label is not None else UNKNOWN
    if vendor in LEFT_LABELLED and macro.width > macro.height:
        return LabelEnds(share, 0.0, True)
    return LabelEnds(max(share, UNKNOWN), max(share, UNKNOWN), False)


def masked(macro: NDArray[np.uint8], ends: LabelEnds) -> NDArray[np.uint8]:
    """The macro, uint8 (height, width, 3), with both shares of its longer side in one grey; a copy."""
    shown = macro.copy()
    along = shown if shown.shape[0] > shown.shape[1] else shown.swapaxes(0, 1)
    length = along.shape[0]
    along[: int(np.ceil(ends.start * length))] = GREY
    along[length - int(np.ceil(ends.end * length)) :] = GREY
    return shown


def _length(size: Size) -> int:
    return max(size.width, size.height)
