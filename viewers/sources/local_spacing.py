"""The size of a pixel at one place of a picture: in ultrasound it belongs to the region the place lies in."""

from __future__ import annotations

from collections.abc import Iterable

from viewers.geometry import Provenance, Spacing
from viewers.sources import Source
from viewers.sources.dicom import Dicom
from viewers.sources.ultrasound import UltrasoundRegion


def spacing_at(source: Source, x: float, y: float) -> Spacing | None:
    """At a level-0 place; None: only pixels may be told. Cheap, for any thread."""
    return spacing_over(source, ((x, y),))


def spacing_over(source: Source, points: Iterable[tuple[float, float]]) -> Spacing | None:
    """Of what is measured between level-0 places: the region's that all of them lie in, None where they lie in several.

    Without regions, or where the reader gave a size, it is the same everywhere.
    """
    regions = source.regions if isinstance(source, Dicom) else ()
    given = source.spacing is not None and source.spacing.provenance is Provenance.READER
    if not regions or given:
        return source.spacing
    found = {_region(regions, x, y) for x, y in points}
    region = found.pop() if len(found) == 1 else None
    return region.spacing if region is not None else None


def belong_together(source: Source, line: Iterable[tuple[float, float]], points: Iterable[tuple[float, float]]) -> bool:
    """Whether what a calibration line says holds at `points`, level-0 places of the same picture.

    A line inside an ultrasound region speaks for that region alone; one outside of all, as along a ruler at the edge, for every
    region whose axes are lengths. Across regions nothing holds.
    """
    regions = source.regions if isinstance(source, Dicom) else ()
    if not regions:
        return True
    own, there = ({_region(regions, x, y) for x, y in places} for places in (line, points))
    if len(there) != 1:
        return False
    region = there.pop()
    if len(own) == 1 and own != {None}:
        return region in own
    return region is None or region.spacing is not None


def _region(regions: tuple[UltrasoundRegion, ...], x: float, y: float) -> UltrasoundRegion | None:
    """The first that holds the place: they stand in the order in which their pixels count (C.8.5.5.1.3)."""
    return next((region for region in regions if region.holds(x, y)), None)
