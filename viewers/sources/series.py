"""The files of one series as a stack, ordered by position along the slice normal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from viewers.errors import SourceError
from viewers.geometry import Spacing
from viewers.sources.dicom import ColourDicom, GreyDicom, Slice, stacked
from viewers.sources.dicom_facts import orientation, position
from viewers.sources.header import Header, headers_of
from viewers.sources.values import integer


def opened(path: Path, files: Sequence[Path], spacing: Spacing | None = None) -> GreyDicom | ColourDicom:
    """A series under the name of `path`; frames are its slices. A file that cannot be read is left out with a note.

    Raises SourceError when no file can be read.
    """
    headers, notes = list[Header](), list[str]()
    failure: SourceError | None = None
    for found in headers_of(files):
        if isinstance(found, Header):
            headers.append(found)
        elif isinstance(found, SourceError):
            failure = failure or found
            notes.append(f"A slice is left out: {found}")
    if not headers:
        raise failure or SourceError(path, f"{path.name} holds no DICOM images: open another folder.")
    size = headers[0].size
    odd = [header for header in headers if header.size != size or header.samples != headers[0].samples]
    if odd:
        notes.append(f"{len(odd)} slices of another size are left out.")
    headers = [header for header in headers if header not in odd]
    slices, order_note = _ordered(headers)
    return stacked(path, slices, "series", spacing, (*notes, *order_note))


def _ordered(headers: Sequence[Header]) -> tuple[list[Slice], tuple[str, ...]]:
    slices = [Slice(header, frame) for header in headers for frame in range(header.frames)]
    axes = orientation(slices[0].header.ordering, slices[0].frame)
    places = [position(one.header.ordering, one.frame) for one in slices]
    if axes is None or any(place is None for place in places):
        slices.sort(key=lambda one: (integer(one.header.ordering, "InstanceNumber") or 0, one.frame, str(one.header.path)))
        return slices, ("The slices state no position; they are ordered by their instance number.",)
    normal = np.cross(axes[0], axes[1])
    depth = [float(normal @ place) for place in places if place is not None]
    order = sorted(range(len(slices)), key=lambda index: (depth[index], str(slices[index].header.path)))
    gaps = np.diff([depth[index] for index in order])
    uneven = len(gaps) > 1 and (gaps.max() - gaps.min()) > 0.05 * max(float(np.median(gaps)), 0.01)
    note = ("The distance between slices is not the same everywhere; some may be missing.",) if uneven else ()
    return [slices[index] for index in order], note
