"""The DICOM side of a slide: the header a map refers to, taken from the slide's own file or made up for one that is no DICOM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from highdicom import PixelMeasuresSequence
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.maps import Ground
from viewers.sources import values
from viewers.sources.header import WHOLE_SLIDE, dataset_of

_UPRIGHT = [0.0, -1.0, 0.0, -1.0, 0.0, 0.0]
"""ImageOrientationSlide of a slide that states none: its label is at the top (PS3.3 C.8.12.4)."""


def described(path: Path, ground: Ground) -> Dataset:
    """The header of the slide's level 0, without pixels. `path` is what is to be written.

    Raises SourceError where the size of a pixel is not known: DICOM places everything in mm.
    """
    if ground.mpp is None:
        raise SourceError(
            path,
            "The picture states no µm per pixel, and DICOM places everything in mm: give the spacing first, or save as TIFF.",
        )
    own = _of_file(ground.file, ground.size) if ground.file is not None else None
    return own if own is not None else _made_up(ground)


def millimetres(source: Dataset, ground: Ground, x: float, y: float) -> tuple[float, float, float]:
    """Where the level-0 point (x, y), counted from the corner of the first pixel, lies on the slide."""
    assert ground.mpp is not None
    origin = source.TotalPixelMatrixOriginSequence[0]
    along, down = np.array(source.ImageOrientationSlide, float).reshape(2, 3)
    z = float(origin.get("ZOffsetInSlideCoordinateSystem") or 0)
    start = np.array([float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem), z])
    place = start + along * ((x - 0.5) * ground.mpp[0] / 1000) + down * ((y - 0.5) * ground.mpp[1] / 1000)
    return float(place[0]), float(place[1]), float(place[2])


def pixels(source: Dataset, ground: Ground, place: tuple[float, float]) -> tuple[float, float]:
    """The reverse: the level-0 point at (x, y) mm of the slide."""
    assert ground.mpp is not None
    origin = source.TotalPixelMatrixOriginSequence[0]
    along, down = np.array(source.ImageOrientationSlide, float).reshape(2, 3)
    away = np.array(place) - (float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem))
    x, y = float(away @ along[:2]), float(away @ down[:2])
    return x / ground.mpp[0] * 1000 + 0.5, y / ground.mpp[1] * 1000 + 0.5


def must_lie_upright(path: Path, header: Dataset, source: Dataset) -> None:
    """Raises SourceError where a map's rows do not run along the slide's own, or it is placed in another slide's frame."""
    if not np.allclose(np.array(header.ImageOrientationSlide, float), np.array(source.ImageOrientationSlide, float), atol=1e-3):
        raise SourceError(path, f"{path.name} is turned against this slide: export it in the slide's own orientation.")
    if is_of_file(source) and header.get("FrameOfReferenceUID") != source.get("FrameOfReferenceUID"):
        raise SourceError(path, f"{path.name} is placed in another frame of reference: it is a map of another slide.")


def is_of_file(source: Dataset) -> bool:
    return bool(getattr(source, "filename", None))


def level_0(slide: Path, size: Size) -> Path | None:
    """The file of a DICOM slide's level 0; None where the slide is no DICOM."""
    header = _of_file(slide, size)
    return None if header is None else Path(str(header.filename))


def _of_file(slide: Path, wanted: Size) -> Dataset | None:
    """Of the instance of that size among the slide's own files; None where the slide is no DICOM."""
    files = sorted(slide.iterdir()) if slide.is_dir() else [slide, *sorted(slide.parent.glob("*.dcm"))[:500]]
    series = ""
    for file in files:
        try:
            header = dataset_of(file)
        except SourceError:
            if file == slide:
                return None
            continue
        if header.get("SOPClassUID") != WHOLE_SLIDE:
            continue
        series = series or values.uid(header, "SeriesInstanceUID")
        size = header.get("TotalPixelMatrixColumns"), header.get("TotalPixelMatrixRows")
        own = values.uid(header, "SeriesInstanceUID") == series and "THUMBNAIL" not in header.get("ImageType", ())
        if size == (wanted.width, wanted.height) and own:
            header.filename = str(file)
            return header
    return None


def _made_up(ground: Ground) -> Dataset:
    """A slide's header with nobody's name: its total pixel matrix, a new frame of reference, and an anonymous specimen."""
    assert ground.mpp is not None
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = WHOLE_SLIDE, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    for keyword in (
        "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
        "ReferringPhysicianName", "PositionReferenceIndicator",
    ):  # fmt: skip
        setattr(made, keyword, "")
    made.PositionReferenceIndicator = "SLIDE_CORNER"
    made.Modality, made.ImageType = "SM", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.Rows = made.Columns = 256
    made.TotalPixelMatrixColumns, made.TotalPixelMatrixRows = ground.size.width, ground.size.height
    made.NumberOfFrames = -(-ground.size.width // 256) * -(-ground.size.height // 256)
    made.DimensionOrganizationType, made.ImageOrientationSlide = "TILED_FULL", _UPRIGHT
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0.0
    made.TotalPixelMatrixOriginSequence = [origin]
    shared = Dataset()
    shared.PixelMeasuresSequence = PixelMeasuresSequence((ground.mpp[1] / 1000, ground.mpp[0] / 1000), 0.001)
    made.SharedFunctionalGroupsSequence = [shared]
    made.ContainerIdentifier = "slide"
    made.IssuerOfTheContainerIdentifierSequence, made.ContainerTypeCodeSequence = (
        [],
        [_code("433466003", "SCT", "Microscope slide")],
    )
    made.SpecimenDescriptionSequence = [_specimen()]
    return made


def _specimen() -> Dataset:
    one = Dataset()
    one.SpecimenIdentifier, one.SpecimenUID = "specimen", generate_uid()
    one.IssuerOfTheSpecimenIdentifierSequence, one.SpecimenPreparationSequence = [], []
    return one


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    one = Dataset()
    one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = value, scheme, meaning
    return one


def without_references(made: Dataset) -> None:
    """Take out every mention of images that exist nowhere."""
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence", "ReferencedInstanceSequence"):
        if keyword in made:
            delattr(made, keyword)
    groups = [*made.get("SharedFunctionalGroupsSequence", ()), *made.get("PerFrameFunctionalGroupsSequence", ())]
    for group in groups:
        if "DerivationImageSequence" in group:
            group.DerivationImageSequence = []
