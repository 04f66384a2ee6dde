"""Reading regions out of measurement reports (TID 1500, PS3.16): the measurement groups of an SR, whoever wrote it."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from shapely.geometry.base import BaseGeometry

from viewers.annotations import codes, dicom_shapes, dicom_slide
from viewers.annotations.annotation import Annotation, Kind
from viewers.annotations.codes import Code
from viewers.annotations.dicom_ann import Refused, code, on_slide, title
from viewers.annotations.dicom_slide import Slide
from viewers.annotations.found import Gathering, clean
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

FINDING = Code("121071", "DCM", "Finding")
_GROUP = Code("125007", "DCM", "Measurement Group")
_REGION = Code("111030", "DCM", "Image Region")
_TRACKING_NAME = Code("112039", "DCM", "Tracking Identifier")
_TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
_DEEPEST = 30


def read(dataset: Dataset, slide: Slide | None, gathering: Gathering) -> None:
    """Raises Refused. `slide` is what the marks are put on; places in mm need it."""
    ours = values.text(dataset, "Manufacturer") == dicom_slide.MAKER
    groups = list(_groups(dataset))
    taken = 0
    for number, group in enumerate(groups, 1):
        try:
            taken += _take(group, slide, ours, gathering)
        except ValueError as error:
            raise Refused(f"is damaged: measurement group {number} {error}. Export it again") from error
    if not taken:
        raise Refused("is a DICOM report without a region on an image: choose a file of annotations or measurements")
    if without := len(groups) - taken:
        which = "1 measurement group" if without == 1 else f"{without} measurement groups"
        gathering.note(f"{which} without a region on the image: left out.")


def _groups(item: Dataset, depth: int = 0) -> Iterator[Dataset]:
    if depth > _DEEPEST:
        raise Refused("is nested too deeply: it is damaged or hostile")
    for below in values.items(item, "ContentSequence"):
        if code(below, "ConceptNameCodeSequence").same(_GROUP):
            yield below
        else:
            yield from _groups(below, depth + 1)


def _coordinates(item: Dataset, depth: int = 0) -> Iterator[Dataset]:
    """The places single measurements were inferred from (TID 300), where a group has no region of its own."""
    if depth > _DEEPEST:
        raise Refused("is nested too deeply: it is damaged or hostile")
    for below in values.items(item, "ContentSequence"):
        if values.code(below, "ValueType") in ("SCOORD", "SCOORD3D"):
            yield below
        else:
            yield from _coordinates(below, depth + 1)


def _take(group: Dataset, slide: Slide | None, ours: bool, gathering: Gathering) -> bool:
    """Whether the group holds a region. Raises ValueError with what is wrong with it."""
    finding, name, id = Code("", "", ""), "", ""
    measured: dict[str, float] = {}
    regions: list[Dataset] = []
    has_area = True
    for item in values.items(group, "ContentSequence"):
        concept, type = code(item, "ConceptNameCodeSequence"), values.code(item, "ValueType")
        if concept.same(FINDING):
            finding = code(item, "ConceptCodeSequence")
        elif concept.same(_TRACKING_NAME):
            name = clean(values.text(item, "TextValue"))
        elif concept.same(_TRACKING_UID):
            id = _id(values.uid(item, "UID"))
        elif concept.same(_REGION) and type in ("SCOORD", "SCOORD3D"):
            regions.append(item)
        elif type == "NUM" and ours and concept.value in (codes.AREA.value, codes.LENGTH.value, codes.PERIMETER.value):
            has_area = concept.value != codes.LENGTH.value
        elif type == "NUM":
            measured |= _number(item, concept)
    regions = regions or list(_coordinates(group))
    class_name = codes.class_of(finding)
    class_name = gathering.class_named(class_name) if class_name else ""
    if ours and re.fullmatch(re.escape(finding.meaning) + r" \d+", name):
        name = ""  # the mark has none: the report asks for one
    for region in regions:
        shape, kind = _shape(region, slide, has_area)
        gathering.add(Annotation(shape, kind, id, class_name, name, measurements=measured))
    return bool(regions)


def _shape(region: Dataset, slide: Slide | None, has_area: bool) -> tuple[BaseGeometry, Kind]:
    """A closed line is an area (PS3.3 C.18.6.1.2), but not where a length was measured of it."""
    type, flat = values.code(region, "GraphicType"), values.code(region, "ValueType") == "SCOORD"
    given = np.array(values.numbers(region, "GraphicData"), np.float64)
    if not len(given) or len(given) % (2 if flat else 3):
        raise ValueError("has no usable GraphicData")
    places = given.reshape(-1, 2 if flat else 3)
    if flat and values.code(region, "PixelOriginInterpretation") == "FRAME":
        raise Refused("holds places within single tiles, which cannot be put on the slide: ask for places in the whole slide")
    places = on_slide(places, flat, slide)
    closed = len(places) > 3 and (places[0] == places[-1]).all()
    if closed and (type == "POLYGON" or (type == "POLYLINE" and has_area)):
        type, places = "POLYGON", places[:-1]
    return dicom_shapes.shape(type, places)


def _number(item: Dataset, concept: Code) -> dict[str, float]:
    for value in values.items(item, "MeasuredValueSequence"):
        found = values.numbers(value, "NumericValue")
        if found and math.isfinite(found[0]):
            return {title(concept, code(value, "MeasurementUnitsCodeSequence")): float(found[0])}
    return {}


def _id(uid: str) -> str:
    """A UID made of a UUID (PS3.5 B.2) is the mark's own id again; "" asks for a new one."""
    digits = uid.removeprefix("2.25.")
    if uid.startswith("2.25.") and digits.isdigit() and int(digits) < 2**128:
        return str(uuid.UUID(int=int(digits)))
    return uid
