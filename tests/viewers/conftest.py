"""Small DICOM files made by pydicom, and the ones its wheel carries; a pane on the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pytestqt.qtbot import QtBot

WriteDicom = Callable[..., Path]


@pytest.fixture(scope="session")
def bundled() -> Path:
    """The DICOM files in pydicom's wheel."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    if not folder.is_dir():
        pytest.skip("this pydicom carries no test files")
    return folder


@pytest.fixture
def write_dicom(tmp_path: Path) -> WriteDicom:
    """Writes a greyscale DX file: `write_dicom(pixels, "name.dcm", Keyword=value…)`; None leaves a keyword out."""

    def write(pixels: NDArray[Any], name: str = "image.dcm", **values: object) -> Path:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        given: dict[str, object] = {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
            "SOPInstanceUID": generate_uid(),
            "StudyInstanceUID": "1.2.3.1",
            "SeriesInstanceUID": "1.2.3.1.1",
            "PatientName": "Secret^Name",
            "PatientID": "SECRET-7",
            "Modality": "DX",
            "Rows": pixels.shape[0],
            "Columns": pixels.shape[1],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 8 * pixels.dtype.itemsize,
            "BitsStored": 8 * pixels.dtype.itemsize,
            "HighBit": 8 * pixels.dtype.itemsize - 1,
            "PixelRepresentation": int(pixels.dtype.kind == "i"),
            "PixelData": pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(),
        }
        for keyword, value in (given | values).items():
            if value is not None:
                setattr(dataset, keyword, value)
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = tmp_path / name
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def ramp() -> NDArray[np.uint16]:
    """Every 12-bit value once, 64 × 64."""
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


@pytest.fixture
def show_view(qtbot: QtBot) -> Iterator[Callable[..., Any]]:
    """`show_view(source, width, height)`: its pane on the screen, settled; closed afterwards, and its threads are gone."""
    views: list[Any] = []

    def show(source: Any, width: int = 400, height: int = 300, wait: bool = True) -> Any:
        from viewers.views import make_view

        view = make_view(source)
        views.append(view)
        view.resize(width, height)
        view.show()
        if wait:
            qtbot.waitUntil(lambda: bool(view.settled), timeout=20_000)
        return view

    yield show
    for view in views:
        view.close()
        view.deleteLater()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=20_000)
