"""The slide that marks in DICOM refer to: its own instance, or UIDs that stand for a slide that is not DICOM."""

from __future__ import annotations

import uuid
from collections.abc import Set
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.annotations.codes import SCHEME
from viewers.annotations.found import Notes
from viewers.errors import SourceError, reading
from viewers.sources import header, values
from viewers.sources.header import WHOLE_SLIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

MAKER = "Hilum"
_NAMED = uuid.UUID("6f1f6a1e-7c0f-5d53-9d0e-3c8c0c5b8a42")
"""Name space of the derived UIDs (RFC 9562, version 5)."""
_MOST_FILES = 500
"""Files of a folder that are looked at for the levels of a slide."""
_LEVEL = [
    "SOPInstanceUID", "FrameOfReferenceUID", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_IDENTITY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ReferringPhysicianName",
)  # fmt: skip
"""Type 2 (PS3.3 C.7.1.1, C.7.2.1): present, and empty where unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Slide:
    """What marks are put on: the header of level 0, and level-0 pixels per pixel (x, y) of the image they were made on.

    `fits` is whether that image was found among the slide's own.
    """

    header: Dataset
    scale: tuple[float, float] = (1.0, 1.0)
    fits: bool = True


def beside(reference: Path, instances: Set[str]) -> Slide:
    """The slide whose level 0 is `reference`, for marks that refer to `instances`: any level of its pyramid (PS3.3 C.37.1.2).

    The other levels are looked for in the folder. Raises SourceError when `reference` cannot be read.
    """
    slide = header.dataset_of(reference)
    if not instances or values.uid(slide, "SOPInstanceUID") in instances:
        return Slide(slide)
    own = _spacing(slide)
    with reading(reference.parent):
        files = sorted(reference.parent.iterdir())[:_MOST_FILES]
    for path in files:
        try:
            level = header.dataset_of(path, _LEVEL)
        except SourceError:
            continue
        spacing = _spacing(level)
        same = values.uid(level, "FrameOfReferenceUID") == values.uid(slide, "FrameOfReferenceUID")
        if same and own and spacing and values.uid(level, "SOPInstanceUID") in instances:
            return Slide(slide, (spacing[1] / own[1], spacing[0] / own[0]))
    return Slide(slide, fits=False)


def referred(reference: Path | None, identity: str, notes: Notes) -> Dataset:
    """Header of the slide's level 0, or one that stands for the slide whose identity text is `identity`.

    The same text always gives the same UIDs, an empty one new ones. Raises SourceError when `reference` is no volume image of a
    slide.
    """
    if reference is not None:
        notes.note("The patient's and study's data of the slide are in the file, as DICOM demands.")
        return _of_file(reference)
    if not identity:
        notes.note("The slide is not DICOM and nothing tells it apart: the file refers to no slide and holds no patient's data.")
        return _standing_for(new_uid())
    notes.note("The slide is not DICOM: the file names it by UIDs derived from it and holds no patient's data.")
    return _standing_for(identity)


def derived_uid(text: str) -> str:
    """A UID (PS3.5 B.2: 2.25 and a UUID) that is always the same for the same text."""
    return f"2.25.{uuid.uuid5(_NAMED, text).int}"


def new_uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def equipment() -> dict[str, Any]:
    """Who made the file, as arguments of highdicom."""
    return {
        "manufacturer": MAKER, "manufacturer_model_name": MAKER, "software_versions": _version(),
        "device_serial_number": "Unknown", "specific_character_set": "ISO_IR 192", "series_number": 1, "instance_number": 1,
        "series_instance_uid": new_uid(), "sop_instance_uid": new_uid(), "coding_schemes": [_scheme()],
    }  # fmt: skip


@contextmanager
def making(path: Path, header: str = "the slide's DICOM header", instead: str = "Use .geojson") -> Iterator[None]:
    """What highdicom refuses to copy from a damaged header becomes a SourceError."""
    import warnings

    warnings.filterwarnings("ignore", module=r"highdicom\.")  # a name of one part warns: it is the slide's, not ours to mend
    try:
        yield
    except Exception as error:  # pydicom parses values when asked and names no closed list of what damage raises
        raise SourceError(path, f"{path.name} is not written: {header} holds values that cannot be copied. {instead}.") from error


def pixels_of(places: NDArray[np.float64], slide: Dataset) -> NDArray[np.float64] | None:
    """Places (n, 3) in mm of the slide's frame of reference as (n, 2) in its pixels; None when its header lacks the way.

    PS3.3 C.8.12.4.1.4 and C.7.6.2.1.1: the origin is the centre of the first pixel, hence the half.
    """
    origin = values.item(slide, "TotalPixelMatrixOriginSequence")
    at = [values.number(origin, f"{axis}OffsetInSlideCoordinateSystem") for axis in "XY"]
    turn = np.array(values.numbers(slide, "ImageOrientationSlide"), np.float64)
    spacing = _spacing(slide)
    if at[0] is None or at[1] is None or turn.shape != (6,) or spacing is None:
        return None
    down, across = spacing
    away = places[:, :2] - (at[0], at[1])
    return np.stack([away @ turn[:2] / across, away @ turn[3:5] / down], axis=1) + 0.5


def _spacing(slide: Dataset) -> tuple[float, float] | None:
    """Millimetres from row to row and from column to column, None when not stated."""
    found = values.numbers(values.group(slide, 0, "PixelMeasuresSequence"), "PixelSpacing")
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


def _of_file(reference: Path) -> Dataset:
    slide = header.dataset_of(reference)
    flavour = values.texts(slide, "ImageType")[2:3]
    if values.uid(slide, "SOPClassUID") != WHOLE_SLIDE or flavour != ("VOLUME",):
        raise SourceError(reference, f"{reference.name} is not the DICOM image of a slide: name the file of its level 0.")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        if not values.uid(slide, keyword):
            raise SourceError(reference, f"{reference.name} has no {keyword}, so nothing can refer to it: export it again.")
    return with_identity(slide)


def _standing_for(identity: str) -> Dataset:
    from pydicom.dataset import Dataset

    slide = Dataset()
    slide.SOPClassUID, slide.Modality = WHOLE_SLIDE, "SM"
    slide.StudyInstanceUID, slide.SeriesInstanceUID = derived_uid(f"study {identity}"), derived_uid(f"series {identity}")
    slide.SOPInstanceUID = derived_uid(f"instance {identity}")
    slide.FrameOfReferenceUID = derived_uid(f"frame of reference {identity}")
    return with_identity(slide)


def with_identity(slide: Dataset) -> Dataset:
    """The same, with what DICOM demands to be present: empty where unknown."""
    for keyword in _IDENTITY:
        if values.raw(slide, keyword) is None:
            setattr(slide, keyword, "")
    return slide


def _scheme() -> Any:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(SCHEME, name="Classes of marks named by the reader", responsible_organization=MAKER)


def _version() -> str:
    try:
        return metadata.version("hilum")
    except metadata.PackageNotFoundError:
        return "unknown"
