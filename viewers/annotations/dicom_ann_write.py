"""Microscopy Bulk Simple Annotations (PS3.3 A.87): any number of marks, in double precision, sorted into groups.

A group holds the marks of one class, one graphic type and one maker: what a person drew is MANUAL, what QuPath calls a detection,
cell or tile is AUTOMATIC.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers.annotations import codes, dicom_shapes, dicom_slide
from viewers.annotations.annotation import Annotation
from viewers.annotations.classes import AnnotationClass, Colour, unseen
from viewers.annotations.dicom_shapes import Places
from viewers.annotations.found import Notes, Progress
from viewers.annotations.measure import Columns, measured_all
from viewers.errors import SourceError
from viewers.geometry import Spacing

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_Group = tuple[str, str, bool]
"""Class, graphic type, whether a program made it."""


def dataset(
    path: Path, marks: Sequence[Annotation], classes: Sequence[AnnotationClass], slide: Dataset, spacing: Spacing | None,
    notes: Notes, progress: Progress,
) -> Dataset:  # fmt: skip
    """The instance to be written at `path`. Raises SourceError when there is no mark: a group needs one."""
    from highdicom.ann import MicroscopyBulkSimpleAnnotations

    if not marks:
        raise SourceError(
            path, f"{path.name} is not written: DICOM holds no empty set of marks. Draw one first, or use .geojson."
        )
    pieces = dicom_shapes.parts(marks, notes)
    dicom_shapes.say_what_is_lost(marks, notes, in_groups=True)
    columns = measured_all(pieces, spacing)
    graphics: dict[_Group, list[tuple[int, Places]]] = {}
    for number, mark in enumerate(pieces):
        type, places = dicom_shapes.graphic(mark)
        graphics.setdefault((mark.class_name, type, mark.object_type != "annotation"), []).append((number, places))
    _say_names(graphics, notes)
    colours = {one.name: one.colour for one in classes}
    groups = []
    for number, (key, found) in enumerate(graphics.items(), 1):
        progress((number - 1) / len(graphics))
        groups.append(_group(number, key, found, columns, colours.get(key[0]) or unseen(key[0]).colour if key[0] else None))
    with dicom_slide.making(path):
        made: Dataset = MicroscopyBulkSimpleAnnotations(
            [slide], "2D", groups, pixel_origin_interpretation="VOLUME", content_label="MARKS",
            content_description="Marks on a slide, in pixels of its total pixel matrix", **dicom_slide.equipment(),
        )  # fmt: skip
    if "SpecimenDescriptionSequence" not in made:
        made.Laterality = ""  # type 2C (PS3.3 C.7.3.1): empty where nothing says that the body part has no sides
    progress(1.0)
    return made


def _group(number: int, key: _Group, found: list[tuple[int, Places]], columns: Columns, colour: Colour | None) -> Any:
    from highdicom.ann import AnnotationGroup
    from highdicom.color import CIELabColor

    class_name, type, by_program = key
    code, category = codes.of_class(class_name)
    return AnnotationGroup(
        number, dicom_slide.new_uid(), codes.long_string(class_name) or "Unclassified", concept(category), concept(code), type,
        [places for _, places in found], "AUTOMATIC" if by_program else "MANUAL", _some_algorithm() if by_program else None,
        _measurements(np.array([one for one, _ in found], np.intp), columns),
        display_color=None if colour is None else CIELabColor.from_rgb(*colour),
    )  # fmt: skip


def _measurements(numbers: np.ndarray[Any, np.dtype[np.intp]], columns: Columns) -> list[Any] | None:
    """Area, perimeter and length of those that have them, only where the slide's spacing is known."""
    from highdicom.ann import Measurements

    if columns.unit != "µm":
        return None
    measured = (
        (codes.AREA, columns.areas, codes.SQUARE_MICROMETRE), (codes.PERIMETER, columns.perimeters, codes.MICROMETRE),
        (codes.LENGTH, columns.lengths, codes.MICROMETRE),
    )  # fmt: skip
    return [
        Measurements(concept(name), found[numbers], concept(unit))
        for name, found, unit in measured
        if np.isfinite(found[numbers]).any()
    ] or None


def concept(code: codes.Code) -> Any:
    """As highdicom's CodedConcept."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)


def _some_algorithm() -> Any:
    """DICOM asks for the algorithm's name, which the files that marks come from do not tell."""
    from highdicom import AlgorithmIdentificationSequence

    return AlgorithmIdentificationSequence("Unknown", concept(codes.UNKNOWN), "Unknown")


def _say_names(graphics: dict[_Group, list[tuple[int, Places]]], notes: Notes) -> None:
    for name in dict.fromkeys(name for name, _, _ in graphics):
        if codes.long_string(name) != name:
            notes.note(
                "The name of 1 class is written as DICOM holds it: 64 characters, no backslash.",
                "The names of {count} classes are written as DICOM holds them: 64 characters, no backslash.",
            )
    if by_program := sum(len(found) for (_, _, program), found in graphics.items() if program):
        which = "1 mark that" if by_program == 1 else f"{by_program} marks that"
        notes.note(f"{which} a program made: the algorithm's name is not known and is written as Unknown.")
