"""Phantom films, slices and moving pictures as DICOM: complete DX, CT, MR and US objects of invented patients."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_CT = "1.2.840.10008.5.1.4.1.1.2"
_MR = "1.2.840.10008.5.1.4.1.1.4"
_US = "1.2.840.10008.5.1.4.1.1.3.1"
_CHEST = ("51185008", "SCT", "Thorax")
_POSTERO_ANTERIOR = ("272479007", "SCT", "postero-anterior")


@dataclass(frozen=True, slots=True)
class Study:
    """Whose study and when. `key` is what the UIDs are made from: equal keys give equal UIDs."""

    key: str
    patient: int
    date: str
    """DICOM date, "20240517"."""
    time: str = "093000"
    description: str = "Phantom"


def write_film(path: Path, values: NDArray[np.uint16], study: Study, *, width_mm: float = 400.0) -> None:
    """A frontal chest film, 12 bits in 16, PA, patient's left on picture-right, as Digital X-Ray Image For Presentation.

    `values` uint16 0..4095 (height, width), bright is dense; `width_mm` is what the detector's width measures.
    """
    dataset = _started(_DX, "DX", study, 1)
    dataset.SeriesDescription = "PA, phantom"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.BodyPartExamined = "CHEST"
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = [_code(*_CHEST)]
    dataset.ViewPosition = "PA"
    view = _code(*_POSTERO_ANTERIOR)
    view.ViewModifierCodeSequence = []
    dataset.ViewCodeSequence = [view]
    dataset.PatientOrientation = ["L", "F"]
    spacing = f"{width_mm / values.shape[1]:.6g}"
    dataset.ImagerPixelSpacing = [spacing, spacing]
    dataset.PositionerType = ""
    dataset.DetectorType, dataset.DetectorConfiguration = "DIRECT", "AREA"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.WindowCenterWidthExplanation = "NORMAL"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.AcquisitionContextSequence = []
    _put_pixels(dataset, values, 12)
    _save(path, dataset)


def write_slices(
    folder: Path, volume: NDArray[np.int16], spacing_mm: tuple[float, float, float], study: Study,
    modality: Literal["CT", "MR"] = "CT",
) -> list[Path]:  # fmt: skip
    """A CT or MR series, one file a slice, from the feet upwards. `volume` int16 (slices, height, width), HU from -1024 on or the
    signal from 0 on.

    Rows run to the patient's left, columns to the back. `spacing_mm` is (between slices, between rows, between columns).
    """
    depth, row, column = spacing_mm
    paths = []
    for index, values in enumerate(volume):
        dataset = _started(_CT if modality == "CT" else _MR, modality, study, index + 1)
        dataset.SeriesDescription = "Axial, phantom"
        dataset.BodyPartExamined = "CHEST"
        dataset.PatientPosition = "HFS"
        dataset.FrameOfReferenceUID = _uid(study.key, "frame")
        dataset.PositionReferenceIndicator = ""
        dataset.AcquisitionNumber = 1
        dataset.SliceThickness = dataset.SpacingBetweenSlices = f"{depth:.6g}"
        dataset.PixelSpacing = [f"{row:.6g}", f"{column:.6g}"]
        left, front = -column * (values.shape[1] - 1) / 2, -row * (values.shape[0] - 1) / 2
        dataset.ImagePositionPatient = [f"{left:.6g}", f"{front:.6g}", f"{index * depth:.6g}"]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.SliceLocation = f"{index * depth:.6g}"
        first = _say_ct(dataset) if modality == "CT" else _say_mr(dataset)
        _put_pixels(dataset, np.clip(values.astype(np.int32) - first, 0, 4095).astype(np.uint16), 12)
        path = folder / f"slice-{index + 1:03d}.dcm"
        _save(path, dataset)
        paths.append(path)
    return paths


def _say_ct(dataset: Dataset) -> int:
    """What a CT slice says of itself; the value that is stored as 0."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.KVP = 120
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
    return -1024


def _say_mr(dataset: Dataset) -> int:
    """What a T2-weighted MR slice says of itself; the value that is stored as 0."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "SK", ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = "3500", "90", 16
    dataset.WindowCenter, dataset.WindowWidth = 400, 900
    return 0


def write_cine(path: Path, frames: NDArray[np.uint8], frame_ms: float, study: Study) -> None:
    """Ultrasound that moves: uint8 (frames, height, width), one frame every `frame_ms`, as Ultrasound Multi-frame Image."""
    from pydicom.tag import Tag

    dataset = _started(_US, "US", study, 1)
    dataset.SeriesDescription = "Apical four chambers, phantom"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TTE", "0001"]
    dataset.BodyPartExamined, dataset.PatientOrientation = "HEART", ""
    dataset.NumberOfFrames = len(frames)
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = f"{frame_ms:.6g}"
    dataset.RecommendedDisplayFrameRate = round(1000 / frame_ms)
    dataset.LossyImageCompression = "00"
    _put_pixels(dataset, frames, 8)
    _save(path, dataset)


def _started(sop_class: str, modality: str, study: Study, number: int) -> Dataset:
    """Patient, study, series, equipment and SOP common modules."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = _uid(study.key, modality, number)
    dataset.PatientName = f"Phantom^{study.patient:03d}"
    dataset.PatientID = f"HILUM-PHANTOM-{study.patient:03d}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = _uid(study.key, "study")
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = study.date
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = study.time
    dataset.StudyID = study.key[:16]
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = study.description
    dataset.Modality = modality
    dataset.SeriesInstanceUID = _uid(study.key, modality, "series")
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.Manufacturer = "Hilum"
    dataset.ManufacturerModelName = "Phantom"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _put_pixels(dataset: Dataset, values: NDArray[np.uint16] | NDArray[np.uint8], bits: int) -> None:
    """As many bytes a pixel as the array has; (height, width), frames before them."""
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = (
        8 * values.itemsize,
        bits,
        bits - 1,
        0,
    )
    raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OW"


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _uid(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 B.2) that is the same for the same parts."""
    digest = hashlib.sha256("\0".join(["hilum phantom", *map(str, parts)]).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _save(path: Path, dataset: Dataset) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
