"""How large segments are, and which values of an image lie inside them. No Qt."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from viewers.figures import rounded
from viewers.objects.said import Said
from viewers.objects.showing import Images
from viewers.sources import Source
from viewers.sources.dicom import GreyDicom


def said_of(said: Said, source: Source) -> list[str]:
    """One line a segment: volume in ml, then mean, SD, lowest and highest of the pixels whose share is at least one half.

    Values are those of `source` where both grids are the same. Raises SourceError.
    """
    found = said.segmentation
    if found is None:
        return []
    volumes = found.volumes_ml()
    inside = values_inside(said, source) if isinstance(source, GreyDicom) else {}
    unit = source.grayscale.unit if isinstance(source, GreyDicom) else ""
    lines = []
    for segment in found.segments:
        told = [f"{rounded(volumes[segment.number])} ml"] if segment.number in volumes else ["volume unknown: no places in mm"]
        numbers = inside.get(segment.number)
        if numbers is not None and len(numbers):
            spread = f"mean {rounded(float(numbers.mean()))}, SD {rounded(float(numbers.std()))}"
            told.append(f"{spread}, {rounded(float(numbers.min()))} to {rounded(float(numbers.max()))} {unit}".rstrip())
        lines.append(f"{segment.label}: {'; '.join(told)}")
    return lines


def values_inside(said: Said, source: GreyDicom) -> dict[int, NDArray[np.float32]]:
    """Modality values of `source` inside each segment, by its number. Raises SourceError."""
    found, images = said.segmentation, Images(source)
    gathered: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    if found is None or (found.header.size.width, found.header.size.height) != images.size:
        return {}
    for frame in range(source.frames):
        spot, shown = images.spot(frame), None
        for piece in found.on(spot.image, spot.frame, spot.plane):
            box = found.box_on(piece, spot.plane, images.size)
            if box is None or np.abs(np.array(box) - (0, 0, *images.size)).max() > 0.05:
                continue
            shown = source.values(frame) if shown is None else shown
            for segment, share in found.shares(piece):
                gathered[segment.number].append(shown[share >= 0.5])
    return {number: np.concatenate(parts) for number, parts in gathered.items()}
