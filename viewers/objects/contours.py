"""RT structure sets (PS3.3 C.8.8.6): closed contours in patient coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers.objects.contents import Unusable, references
from viewers.objects.said import Colour, Graphic, Origin, Shape, Where
from viewers.objects.words import maker, moment, plain
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SHAPES: dict[str, Shape] = {"POINT": "points", "OPEN_PLANAR": "line", "OPEN_NONPLANAR": "line"}
MOST_POINTS = 2_000_000


def read(dataset: Dataset) -> dict[str, Any]:
    """What a `Said` of contours holds. Raises Unusable."""
    found = list(_contours(dataset))
    images = dict.fromkeys(place.image for one in found for place in one.where)
    label = plain(values.text(dataset, "StructureSetLabel"), 64)
    when = moment(values.text(dataset, "StructureSetDate"), values.text(dataset, "StructureSetTime"))
    approval = values.code(dataset, "ApprovalStatus")
    return {
        "form": "contours",
        "title": f"contours {label}".strip(),
        "origin": Origin(maker(dataset), "", when, (approval,) if approval else ()),
        "images": tuple(Where(uid) for uid in images),
        "graphics": tuple(found),
        "layers": tuple(dict.fromkeys(one.layer for one in found)),
    }


def _contours(dataset: Dataset) -> Iterator[Graphic]:
    stated = {values.integer(one, "ROINumber"): one for one in values.items(dataset, "StructureSetROISequence")}
    total = 0
    for one in values.items(dataset, "ROIContourSequence"):
        number = values.integer(one, "ReferencedROINumber")
        name = plain(values.text(stated.get(number), "ROIName"), 64) or f"ROI {number}"
        reference = values.uid(stated.get(number), "ReferencedFrameOfReferenceUID") or values.uid(dataset, "FrameOfReferenceUID")
        for contour in values.items(one, "ContourSequence"):
            flat = np.array(values.numbers(contour, "ContourData"), np.float64)
            if not len(flat) or len(flat) % 3:
                continue
            total += len(flat) // 3
            if total > MOST_POINTS:
                raise Unusable(f"holds more than {MOST_POINTS:,} corners, more than are drawn")
            shape = _SHAPES.get(values.code(contour, "ContourGeometricType"), "area")
            points, where = flat.reshape(-1, 3), references(contour, "ContourImageSequence")
            yield Graphic(shape, points, where, "", _colour(one), name, frame_of_reference=reference)


def _colour(item: Dataset) -> Colour | None:
    found = values.numbers(item, "ROIDisplayColor")
    if len(found) != 3 or not all(0 <= one <= 255 for one in found):
        return None
    return int(found[0]), int(found[1]), int(found[2])
