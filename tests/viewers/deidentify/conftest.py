"""A choice of options, and a DICOM file that tells of its patient in every way a file can."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from viewers.deidentify.options import chosen
from viewers.deidentify.pseudonyms import Pseudonyms
from viewers.deidentify.walk import Choice

CT = "1.2.840.10008.5.1.4.1.1.2"
CANARIES = tuple(
    f"Zq{letters}{number:02d}" for number, letters in enumerate(["Wombat", "Ibisxx", "Quokka", "Tapirx", "Numbat"] * 5)
)
"""25 words that stand in no dictionary."""


@pytest.fixture
def choose() -> Callable[..., Choice]:
    return lambda *options, key=b"k" * 32: Choice(chosen(options), Pseudonyms(key))


def ct(**values: Any) -> Dataset:
    """A small valid CT."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pixels = np.arange(64 * 64, dtype="<u2").reshape(64, 64) % 1000
    given: dict[str, Any] = {
        "SOPClassUID": CT,
        "SOPInstanceUID": "1.3.6.1.4.1.99999.1.1",
        "StudyInstanceUID": "1.3.6.1.4.1.99999.1",
        "SeriesInstanceUID": "1.3.6.1.4.1.99999.1.2",
        "FrameOfReferenceUID": "1.3.6.1.4.1.99999.1.3",
        "PatientName": "Smith^John",
        "PatientID": "00417739",
        "PatientBirthDate": "19540302",
        "PatientSex": "M",
        "PatientAge": "095Y",
        "StudyDate": "20260302",
        "StudyTime": "101500",
        "AcquisitionDate": "20260302",
        "AcquisitionTime": "101730",
        "StudyID": "77",
        "AccessionNumber": "A20260302",
        "ReferringPhysicianName": "House^Greg",
        "Manufacturer": "SIEMENS",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Modality": "CT",
        "SeriesNumber": 3,
        "InstanceNumber": 1,
        "AcquisitionNumber": 1,
        "KVP": 120,
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.5, 0.5],
        "SliceThickness": 1,
        "PositionReferenceIndicator": "",
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 64,
        "Columns": 64,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes(),
    }
    for keyword, value in (given | values).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """`save(dataset, "name.dcm")` in a folder of originals."""

    def write(dataset: Dataset, name: str = "a.dcm") -> Path:
        path = tmp_path / "originals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with pydicom.config.disable_value_validation():
            dataset.save_as(path, enforce_file_format=True)
        return path

    return write


def leaky() -> Dataset:
    """A CT with a canary in every VR that can hold text, at every depth, in private and group-6000 elements and the file meta."""
    with pydicom.config.disable_value_validation():
        return _leaky()


def _leaky() -> Dataset:
    c = iter(CANARIES)
    d = ct(
        PatientName=f"{next(c)}^Jane", PatientID=next(c), InstitutionName=f"Hospital {next(c)}", AccessionNumber=next(c)
    )  # PN LO SH
    d.StationName, d.StudyDescription = next(c), f"for Dr. {next(c)}"
    d.PatientComments, d.InstitutionAddress = next(c), next(c)  # LT, ST
    d.Manufacturer = f"Sold to {d.PatientID}"  # not in the table, and still the patient's
    d.RetrieveAETitle = next(c)  # AE
    d.PatientTelecomInformation = next(c)
    d.add_new(0x00081190, "UR", f"http://{next(c)}.example")
    d.add_new(0x0040A160, "UT", next(c))
    d.add_new(0x00189445, "UN", next(c).encode() + b" ")  # an attribute that the dictionary does not know
    d.PatientSex = next(c).upper()  # CS
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL\0" + next(c)]  # something after the end of a value
    request = Dataset()
    request.RequestedProcedureDescription = next(c)
    request.ScheduledProtocolCodeSequence = [Dataset()]
    request.ScheduledProtocolCodeSequence[0].CodeMeaning = f"as {d.PatientID} wished"
    d.RequestAttributesSequence = [request]
    deep = Dataset()
    deep.InstitutionName = next(c)
    deep.add_new(0x00091001, "LO", next(c))
    outer = Dataset()
    outer.ContributingEquipmentSequence = [deep]
    d.ContributingEquipmentSequence = [outer]
    d.add_new(0x00090010, "LO", next(c))
    d.add_new(0x00091001, "OB", next(c).encode() + b"  ")
    for element, vr, value in (
        (0x0010, "US", 8),
        (0x0011, "US", 8),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x0022, "LO", next(c)),
        (0x3000, "OW", next(c).encode() + b" "),
    ):
        d.add_new(0x60000000 + element, vr, value)
    d.add_new(0x50003000, "OW", next(c).encode() + b" ")
    d.add_new(0xFFFCFFFC, "OB", next(c).encode() + b" ")
    d.PixelData = d.PixelData + next(c).encode() + b"  "
    d.OtherPatientNames = "^".join(c)  # all that are left
    d["PixelData"].VR = "OW"
    d.file_meta.SourceApplicationEntityTitle = CANARIES[1][:16]
    d.file_meta.PrivateInformationCreatorUID = "1.3.6.1.4.1.99999.9"
    d.file_meta.PrivateInformation = CANARIES[2].encode() + b" "
    d.preamble = CANARIES[3].encode().ljust(128, b".")
    return d


def trailing(path: Path) -> None:
    """Bytes after the last element: first well-formed, then rubbish."""
    with path.open("ab") as file:
        file.write(struct.pack("<HH2sHI", 0xFFFD, 0xFFFD, b"OB", 0, 10) + CANARIES[4].encode().ljust(10))
