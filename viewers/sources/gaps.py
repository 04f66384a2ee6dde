"""How the slices of one stack lie to each other: distances, holes, tilt; and whether they make a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.sources.slice_plane import SlicePlane

LEAST_SLICES = 3
"""Fewer make no volume worth cutting."""
_UNEVEN = 0.05
"""Distances that differ by more of the usual one are not the same."""
_HOLE = 1.5
"""A distance larger than this many usual ones, alone among others, is a hole."""
_RUN = 3
"""So many equal distances in a row are how the series was made, no holes."""
_TILT_DEGREES = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """`depths_mm` (n,) along the normal, rising. `holes` (n - 1,): True where slices are missing between two.

    `drift` (3,) is how far the slices shift in their own plane per mm along `normal` (3,): zero but for a tilted gantry.
    `why_flat`: one sentence that says why the slices make no volume, "" where they do.
    """

    depths_mm: NDArray[np.float64]
    holes: NDArray[np.bool_]
    usual_mm: float
    drift: NDArray[np.float64]
    normal: NDArray[np.float64]
    notes: tuple[str, ...]
    why_flat: str = ""

    @property
    def missing(self) -> int:
        """Slices that seem to be missing."""
        steps = np.diff(self.depths_mm)[self.holes]
        return int(np.maximum(1, np.rint(steps / self.usual_mm) - 1).sum()) if self.holes.any() else 0

    @property
    def tilt_degrees(self) -> float:
        """Of the gantry; 0 where the slices lie over each other."""
        return float(np.degrees(np.arctan(np.linalg.norm(self.drift))))

    @property
    def warning(self) -> str:
        """What must not be overlooked, short enough to stand on the picture; "" where all is regular."""
        missing = f"{self.missing} {'slice' if self.missing == 1 else 'slices'} missing" if self.missing else ""
        uneven = "uneven distances" if not self.even and not self.missing else ""
        tilted = f"gantry tilt {self.tilt_degrees:.3g}°" if self.tilt_degrees else ""
        return ", ".join(word for word in (missing, uneven, tilted) if word)

    @property
    def even(self) -> bool:
        """Whether all distances are the same, so that a slice's number tells its depth."""
        steps = np.diff(self.depths_mm)
        return len(steps) < 2 or bool(steps.max() - steps.min() <= _UNEVEN * max(self.usual_mm, 0.01))

    @property
    def words(self) -> str:
        """How many slices, how far apart."""
        if len(self.depths_mm) < 2:
            return "1 slice"
        steps = np.diff(self.depths_mm)
        apart = f"{self.usual_mm:.4g} mm" if self.even else f"{steps.min():.4g} to {steps.max():.4g} mm"
        return f"{len(self.depths_mm)} slices, {apart} apart"


def gaps_of(planes: Sequence[SlicePlane]) -> Gaps:
    """Of slices of one orientation, ordered along the normal of the first."""
    normal, none = planes[0].normal, np.zeros(3)
    depths = np.array([float(normal @ plane.origin) for plane in planes])
    steps = np.diff(depths)
    usual = float(np.median(steps)) if len(steps) else 0.0
    holes = _holes(steps, usual)
    if planes[0].spacing_mm is None:
        return Gaps(depths, holes, usual, none, normal, (), "The slices state no pixel spacing, so that they make no volume.")
    if len(planes) < LEAST_SLICES or depths[-1] - depths[0] < 0.01:
        said = "There is 1 slice" if len(planes) == 1 else f"There are {len(planes)} slices"
        if len(planes) >= LEAST_SLICES:
            said = "All slices lie at the same place"
        return Gaps(
            depths, holes, usual, none, normal, (), f"{said}: a volume needs at least {LEAST_SLICES}, one beside the other."
        )
    drift, astray = _drift(planes, depths, normal)
    notes = _distances(steps, usual, holes)
    if astray > 0.5 * min(planes[0].spacing_mm) + 0.1:
        why = f"The slices are shifted sideways against each other by up to {astray:.3g} mm, so that they make no volume."
        return Gaps(depths, holes, usual, none, normal, notes, why)
    tilt = float(np.degrees(np.arctan(np.linalg.norm(drift))))
    if tilt < _TILT_DEGREES:
        return Gaps(depths, holes, usual, none, normal, notes)
    return Gaps(
        depths,
        holes,
        usual,
        drift,
        normal,
        (*notes, f"The gantry was tilted by {tilt:.3g}°: reformatted planes are set right for it."),
    )


def _holes(steps: NDArray[np.float64], usual: float) -> NDArray[np.bool_]:
    wide = steps > _HOLE * usual
    found = wide.copy()
    begin = 0
    for place in range(1, len(steps) + 1):
        if place < len(steps) and abs(steps[place] - steps[begin]) <= _UNEVEN * max(usual, 0.01):
            continue
        if place - begin >= _RUN:
            found[begin:place] = False
        begin = place
    return found


def _distances(steps: NDArray[np.float64], usual: float, holes: NDArray[np.bool_]) -> tuple[str, ...]:
    """One sentence where slices are missing or lie unevenly."""
    if len(steps) < 2 or steps.max() - steps.min() <= _UNEVEN * max(usual, 0.01):
        return ()
    said = "The distance between slices is not the same everywhere"
    if holes.any():
        places = np.flatnonzero(holes)
        missing = int(np.maximum(1, np.rint(steps[holes] / usual) - 1).sum())
        named = ", ".join(f"{place + 1} and {place + 2}" for place in places[:3]) + (" and more" if len(places) > 3 else "")
        count = "1 slice seems" if missing == 1 else f"{missing} slices seem"
        return (f"{said}: {count} to be missing between slices {named}; nothing is drawn there.",)
    return (f"{said} ({steps.min():.3g} to {steps.max():.3g} mm); reformatted planes show each slice at its true place.",)


def _drift(
    planes: Sequence[SlicePlane], depths: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The shift in plane per mm of depth as a straight line, and how far the worst slice lies from it, mm."""
    places = np.array([plane.origin for plane in planes])
    beside = places - np.outer(places @ normal, normal)
    along = depths - depths.mean()
    drift = along @ (beside - beside.mean(axis=0)) / float(along @ along)
    left = beside - beside.mean(axis=0) - np.outer(along, drift)
    return drift, float(np.linalg.norm(left, axis=1).max())
