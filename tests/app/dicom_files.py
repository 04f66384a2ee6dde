"""Small DICOM films for tests of what the window does with them: films, mammograms, slices, of whom and when a test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CLASSES = {"DX": "1.2.840.10008.5.1.4.1.1.1.1", "MG": "1.2.840.10008.5.1.4.1.1.1.2", "CT": "1.2.840.10008.5.1.4.1.1.2"}


def write(path: Path, pixels: NDArray[np.uint16], modality: str = "DX", **values: object) -> Path:
    """One greyscale picture of 12 bits; None leaves a keyword out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    given: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CLASSES[modality],
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": f"1.2.3.1.{abs(hash(path)) % 10**9}",
        "PatientName": "Phantom^One",
        "PatientID": "PHANTOM-1",
        "PatientBirthDate": "19500101",
        "StudyDate": "20240517",
        "StudyTime": "093000",
        "Modality": modality,
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        "PixelData": np.ascontiguousarray(pixels, "<u2").tobytes(),
    }
    for keyword, value in (given | values).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def study(number: int, date: str, time: str = "093000") -> dict[str, str]:
    """Tags of one study of a patient; equal numbers are one study."""
    return {"StudyInstanceUID": f"1.2.3.{number}", "StudyDate": date, "StudyTime": time}
