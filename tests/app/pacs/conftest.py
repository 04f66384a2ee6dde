"""A real archive for this folder's tests, small studies to fill it with, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import numpy as np
import pytest
from keyring.backends.fail import Keyring
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from app.pacs.limits import Limits
from app.pacs.nodes import Listening
from app.pacs.peers import DimsePeer, Peer, WebPeer
from app.pacs.reception import Reception
from tests.app.pacs.servers import PASSWORD, Orthanc

QUICK = Limits(connect_s=3.0, answer_s=3.0, stop_s=1.0)
"""For peers that hang on purpose."""
ROOT = "1.2.826.0.1.3680043.10.1"
MakeStudy = Callable[..., list[Path]]


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    server = Orthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def make_study(tmp_path_factory: pytest.TempPathFactory) -> MakeStudy:
    """`make_study(number, series=2, slices=3, **values)`: files of a CT study, one folder each; patient P-number."""

    def make(number: int, series: int = 2, slices: int = 3, size: int = 32, **values: object) -> list[Path]:
        folder = tmp_path_factory.mktemp(f"study-{number}")
        noise = np.random.default_rng(number)
        return [
            _slice(folder, number, one, at, noise.integers(0, 2000, (size, size), dtype=np.uint16), values)
            for one in range(1, series + 1)
            for at in range(1, slices + 1)
        ]

    return make


def _slice(folder: Path, number: int, series: int, at: int, pixels: np.ndarray, values: dict[str, object]) -> Path:  # type: ignore[type-arg]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    given: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 192", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "SOPInstanceUID": f"{ROOT}.{number}.{series}.{at}",
        "StudyInstanceUID": f"{ROOT}.{number}", "SeriesInstanceUID": f"{ROOT}.{number}.{series}",
        "PatientName": "Test^Patient", "PatientID": f"P-{number}", "PatientBirthDate": "19600102", "PatientSex": "F",
        "StudyDate": "20240517", "StudyTime": "130500", "StudyID": str(number), "AccessionNumber": f"A{number}",
        "StudyDescription": "Chest", "SeriesDescription": f"axial {series}", "Modality": "CT", "BodyPartExamined": "CHEST",
        "SeriesNumber": series, "InstanceNumber": at, "ImagePositionPatient": [0, 0, at * 2], "SliceThickness": 2,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.7, 0.7], "RescaleSlope": 1, "RescaleIntercept": -1024,
        "Rows": pixels.shape[0], "Columns": pixels.shape[1], "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0, "PixelData": pixels.tobytes(),
    }  # fmt: skip
    for keyword, value in (given | values).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = folder / f"{series}-{at}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """The person's own is left alone."""
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + 10
    while left := [one for one in threading.enumerate() if one not in before and one.is_alive()]:
        assert time.monotonic() < end, left
        time.sleep(0.02)


MakePeer = Callable[..., Peer]


@pytest.fixture
def make_peer() -> Iterator[MakePeer]:
    """`make_peer(orthanc, "dimse" | "move" | "dicomweb", **changes of the node)`."""
    receptions: list[Reception] = []

    def make(server: Orthanc, way: str, password: str = PASSWORD, limits: Limits = QUICK, **changes: object) -> Peer:
        if way == "dicomweb":
            return WebPeer(server.web(**changes), password, limits)
        reception = Reception(Listening(port=server.listener), lambda _: None)
        receptions.append(reception)
        node = server.dimse(**{"retrieve": "move" if way == "move" else "get", **changes})
        return DimsePeer(node, reception, limits)

    yield make
    for one in receptions:
        one.close()
