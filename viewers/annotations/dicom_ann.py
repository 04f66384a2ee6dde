"""Reading Microscopy Bulk Simple Annotations (PS3.3 C.37.1.2), whoever wrote them, without trust in a single number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.annotations import codes, dicom_shapes, dicom_slide
from viewers.annotations.annotation import Annotation
from viewers.annotations.classes import Colour
from viewers.annotations.codes import Code
from viewers.annotations.dicom_shapes import Places
from viewers.annotations.dicom_slide import Slide
from viewers.annotations.found import MOST_MARKS, Gathering, Progress, clean
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STEP = 1000
_OURS = (codes.AREA, codes.PERIMETER, codes.LENGTH)
"""Measured anew from the shapes when Hilum wrote them."""


class Refused(Exception):
    """The rest of a sentence that begins with the file's name."""


def read(dataset: Dataset, slide: Slide | None, gathering: Gathering, progress: Progress) -> None:
    """Raises Refused. `slide` is what the marks are put on; places in mm need it."""
    flat = values.code(dataset, "AnnotationCoordinateType") != "3D"
    if flat and values.code(dataset, "PixelOriginInterpretation") == "FRAME":
        raise Refused("holds places within single tiles, which cannot be put on the slide: ask for places in the whole slide")
    groups = values.items(dataset, "AnnotationGroupSequence")
    if not groups:
        raise Refused("holds no group of annotations: it is damaged, export it again")
    ours = values.text(dataset, "Manufacturer") == dicom_slide.MAKER
    for number, group in enumerate(groups, 1):
        try:
            _take(group, flat, slide, ours, gathering, _share_of(progress, number - 1, len(groups)))
        except ValueError as error:
            raise Refused(f"is damaged: group {number} {error}. Export it again") from error


def _share_of(progress: Progress, before: int, groups: int) -> Progress:
    def heard(share: float) -> None:
        progress((before + share) / groups)

    return heard


def code(dataset: Dataset, keyword: str) -> Code:
    """The first code of a sequence, empty where there is none."""
    for item in values.items(dataset, keyword):
        return Code(values.text(item, "CodeValue"), values.text(item, "CodingSchemeDesignator"), values.text(item, "CodeMeaning"))
    return Code("", "", "")


def _take(group: Dataset, flat: bool, slide: Slide | None, ours: bool, gathering: Gathering, progress: Progress) -> None:
    """Raises ValueError with what is wrong, Refused when the file is fine but cannot be placed."""
    type = values.code(group, "GraphicType")
    places = _places(group, flat, slide)
    ends = _ends(group, type, len(places), 2 if flat or "CommonZCoordinateValue" in group else 3)
    class_name, name = _called(group)
    class_name = gathering.class_named(class_name, colour_of(group)) if class_name else ""
    object_type = "annotation" if values.code(group, "AnnotationGroupGenerationType") in ("MANUAL", "") else "detection"
    measured = _measurements(group, len(ends), ours)
    start = 0
    for number, end in enumerate(ends.tolist()):
        if number % _STEP == 0:
            progress(number / len(ends))
        others = {title: float(column[number]) for title, column in measured.items() if np.isfinite(column[number])}
        shape, kind = dicom_shapes.shape(type, places[start:end])
        gathering.add(Annotation(shape, kind, class_name=class_name, name=name, object_type=object_type, measurements=others))
        start = end


def _places(group: Dataset, flat: bool, slide: Slide | None) -> Places:
    double = "DoublePointCoordinatesData" in group
    keyword = "DoublePointCoordinatesData" if double else "PointCoordinatesData"
    numbers = _numbers(group, keyword, "<f8" if double else "<f4").astype(np.float64)
    common = "CommonZCoordinateValue" in group
    across = 2 if flat or common else 3
    if len(numbers) % across:
        raise ValueError("holds half a place")
    places = numbers.reshape(-1, across)
    return on_slide(places, flat, slide)


def on_slide(places: Places, flat: bool, slide: Slide | None) -> Places:
    """Pixels of the image the marks were made on (`flat`), or mm, as pixels of the slide's level 0. Raises Refused."""
    if flat:
        return places if slide is None else places * slide.scale
    if slide is None:
        raise Refused("holds places in mm on a DICOM slide: open that slide's own DICOM files first, then these marks")
    found = dicom_slide.pixels_of(places, slide.header)
    if found is None:
        raise Refused("holds places in mm, and the slide's header does not say where its pixels lie: ask for places in pixels")
    return found


def _ends(group: Dataset, type: str, count: int, dimensions: int) -> NDArray[np.intp]:
    """Where the places of each annotation end (PS3.3 C.37.1.2.1.1: the index list counts single numbers from 1)."""
    stated = values.integer(group, "NumberOfAnnotations") or 0
    if not 1 <= stated <= MOST_MARKS:
        raise ValueError(f"states {stated} annotations")
    if type in ("POLYGON", "POLYLINE"):
        index = _numbers(group, "LongPrimitivePointIndexList", "<u4").astype(np.int64) - 1
        bad = len(index) != stated or (index % dimensions).any() or (len(index) and index[0] != 0)
        ends = np.append(index[1:] // dimensions, count)
        if bad or (np.diff(np.append(0, ends)) < 1).any():
            raise ValueError("holds an index that does not fit its places")
        return ends.astype(np.intp)
    each = {"POINT": 1, "RECTANGLE": 4, "ELLIPSE": 4}.get(type)
    if each is None:
        raise ValueError(f"is of no known graphic type ({type or 'none'})")
    if stated * each != count:
        raise ValueError(f"holds {count} places for {stated} annotations of type {type}")
    return np.arange(1, stated + 1, dtype=np.intp) * each


def _numbers(group: Dataset, keyword: str, type: str) -> NDArray[Any]:
    found = values.raw(group, keyword)
    if not isinstance(found, bytes) or len(found) % np.dtype(type).itemsize:
        raise ValueError(f"has no usable {keyword}")
    return np.frombuffer(found, type)


def _called(group: Dataset) -> tuple[str, str]:
    """Class and name. The label is the class where it bears the label's own code; elsewhere the code is, and the label a name."""
    label = clean(values.text(group, "AnnotationGroupLabel"))
    stated = code(group, "AnnotationPropertyTypeCodeSequence")
    if label and codes.of_class(label)[0].same(stated):
        return label, ""
    class_name = codes.class_of(stated)
    if not class_name and not stated.value:
        return label, ""
    ours = stated.scheme == codes.SCHEME
    return class_name, "" if ours or label == class_name else label


def colour_of(item: Dataset, keyword: str = "RecommendedDisplayCIELabValue") -> Colour | None:
    """sRGB of a colour given as CIELab (PS3.3 C.10.7.1.1), None where none is stated."""
    from highdicom.color import CIELabColor

    stated = values.numbers(item, keyword)
    if len(stated) != 3 or not all(0 <= one <= 0xFFFF for one in stated):
        return None
    red, green, blue = (int(one) for one in CIELabColor.from_dicom_value([int(one) for one in stated]).to_rgb(clip=True))
    return red, green, blue


def _measurements(group: Dataset, count: int, ours: bool) -> Mapping[str, NDArray[np.float64]]:
    """Columns by title; NaN where an annotation has no value."""
    return dict(_measured(group, count, ours))


def _measured(group: Dataset, count: int, ours: bool) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for item in values.items(group, "MeasurementsSequence"):
        name, unit = code(item, "ConceptNameCodeSequence"), code(item, "MeasurementUnitsCodeSequence")
        if ours and any(name.same(one) for one in _OURS):
            continue
        column = np.full(count, np.nan)
        for given in values.items(item, "MeasurementValuesSequence"):
            found = _numbers(given, "FloatingPointValues", "<f4")
            which = np.arange(count) if "AnnotationIndexList" not in given else (
                _numbers(given, "AnnotationIndexList", "<u4").astype(np.int64) - 1
            )  # fmt: skip
            if len(which) != len(found) or (len(which) and (which.min() < 0 or which.max() >= count)):
                raise ValueError("holds measurements that do not fit its annotations")
            column[which] = found
        yield title(name, unit), column


def title(name: Code, unit: Code) -> str:
    """What a measurement is called beside a mark: "Area (um2)"."""
    return clean(f"{name.meaning or name.value} ({unit.value})" if unit.value not in ("", "1") else name.meaning or name.value)
