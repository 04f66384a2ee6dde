"""A DICOM slide's header of the tests' own, and what a validator of another house says of a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
INSTANCE = "1.2.826.0.1.3680043.8.498.3"
FALSE_ALARM = "Only valid for AnnotationCoordinateType of 3D - attribute <CommonZCoordinateValue> = <>"
"""dciodvfy of 2022 says so of every group of two-dimensional places, also where the attribute is absent."""


def slide_header(**changes: object) -> Dataset:
    """2 000 × 1 000 pixels of 0.25 × 0.5 µm; its columns run down the slide's y, its rows along x, from (10, 20) mm."""
    slide = Dataset()
    slide.SOPClassUID, slide.SOPInstanceUID, slide.Modality = WHOLE_SLIDE, INSTANCE, "SM"
    slide.StudyInstanceUID, slide.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
    slide.FrameOfReferenceUID, slide.ImageType = "1.2.826.0.1.3680043.8.498.4", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    slide.SpecificCharacterSet = "ISO_IR 100"
    slide.PatientName, slide.PatientID, slide.PatientBirthDate, slide.PatientSex = "Müller^Jürgen", "P-1", "19500102", "M"
    slide.StudyDate, slide.StudyTime, slide.StudyID, slide.AccessionNumber = "20240501", "120000", "S1", "A1"
    slide.ImageOrientationSlide = [0, 1, 0, 1, 0, 0]
    origin, measures, shared = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 10.0, 20.0
    slide.TotalPixelMatrixOriginSequence = [origin]
    measures.PixelSpacing, measures.SliceThickness = [0.0005, 0.00025], 0.001
    shared.PixelMeasuresSequence = [measures]
    slide.SharedFunctionalGroupsSequence = [shared]
    slide.TotalPixelMatrixColumns, slide.TotalPixelMatrixRows = 2000, 1000
    for keyword, value in changes.items():
        setattr(slide, keyword, value)
    return slide


def written(path: Path, dataset: Dataset) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def errors_of(path: Path) -> list[str]:
    """What dciodvfy calls an error; the test is skipped where it is not installed."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed")
    said = subprocess.run([program, str(path)], capture_output=True, check=False).stderr.decode("utf-8", "replace")
    assert "MicroscopyBulkSimpleAnnotations" in said or "Comprehensive3DSR" in said, said
    return [line for line in said.splitlines() if line.startswith("Error") and FALSE_ALARM not in line]
