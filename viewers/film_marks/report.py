"""A Comprehensive 3D SR after TID 1500 (PS3.16) of what was measured on a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewers.annotations import codes, dicom_slide
from viewers.annotations.dicom_ann_write import concept
from viewers.annotations.dicom_sr_write import observer, tracking_uid
from viewers.annotations.found import Notes
from viewers.errors import SourceError
from viewers.film_marks import film_codes
from viewers.film_marks.exported import Headers, Valued, frames_of
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import FilmTool, tool_of
from viewers.film_marks.graphics import graphics, inside
from viewers.film_marks.reading import Reading
from viewers.film_marks.wording import TITLES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_REGIONS = (FilmTool.ELLIPSE, FilmTool.RECTANGLE, FilmTool.FREEHAND)
_WITHOUT_VALUE = (FilmTool.ARROW, FilmTool.CALIBRATION)


def dataset(path: Path, film: Film, marks: Sequence[Valued], notes: Notes) -> Dataset:
    """The instance to be written at `path`. Raises SourceError where there is nothing to report or nothing can be referred to."""
    from highdicom import sr

    measured = [one for one in marks if tool_of(one.mark) not in _WITHOUT_VALUE and one.found.readings]
    for _ in range(len(marks) - len(measured)):
        notes.note(
            "1 mark has no value of its own and is left out.", "{count} marks have no value of their own and are left out."
        )
    if not measured:
        raise SourceError(path, f"{path.name} is not written: nothing was measured on this film yet. Measure something first.")
    headers = Headers(path, film)
    images = headers.all_of(one.number for one in measured)
    with dicom_slide.making(path, "the image's DICOM header", "Choose .csv"):
        groups = [_group(one, place, film, headers) for place, one in enumerate(measured)]
        procedure = concept(film_codes.procedure(film.source.modality))
        report = sr.MeasurementReport(sr.ObservationContext(observer()), procedure, groups)
        made: Dataset = sr.Comprehensive3DSR(images, report, is_complete=True, **dicom_slide.equipment())
    return made


def _group(one: Valued, place: int, film: Film, headers: Headers) -> Any:
    """Areas as planar regions (TID 1410), everything else as measurements inferred from places (TID 1501, TID 300)."""
    from highdicom import sr

    image, frame = headers.of(one.number)
    tool = tool_of(one.mark)
    title = TITLES[tool] if tool is not None else "Mark"
    tracking = sr.TrackingIdentifier(tracking_uid(one.mark.id), codes.long_string(one.mark.name or f"{title} {place + 1}"))
    source = sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID, frames_of(image, frame))
    parts = [(type, inside(places, film.source.size)) for type, places in graphics(one.mark)]
    if tool in _REGIONS:
        region = sr.ImageRegion(*parts[0], source)
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking, region, measurements=[_measurement(value, None) for value in one.found.readings if value.name != "Pixels"]
        )
    scoords = [sr.CoordinatesForMeasurement(type, places, source) for type, places in parts]
    own = {"Heart": scoords[:1], "Thorax": scoords[1:]}
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking, measurements=[_measurement(value, own.get(value.name, scoords)) for value in one.found.readings]
    )


def _measurement(value: Reading, places: list[Any] | None) -> Any:
    from highdicom import sr

    derivation = film_codes.DERIVATIONS.get(value.name)
    made = sr.Measurement(
        concept(film_codes.name_of(value)), float(value.value), concept(film_codes.unit_of(value)),
        derivation=concept(derivation) if derivation is not None else None, referenced_coordinates=places,
    )  # fmt: skip
    if value.word:
        word = sr.TextContentItem(concept(film_codes.SPACING), value.word.strip("()"), "HAS CONCEPT MOD")
        if "ContentSequence" not in made[0]:
            made[0].ContentSequence = sr.ContentSequence()
        made[0].ContentSequence.append(word)
    return made
