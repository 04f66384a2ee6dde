"""Series of CT files drawn by formula in patient coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

Values = Callable[[NDArray[np.float64]], NDArray[np.floating]]
"""HU for patient coordinates (…, 3) in mm."""
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def oblique(degrees: float = 25.0) -> tuple[float, ...]:
    """Sagittal slices turned about the patient's long axis, then tipped."""
    turn, tip = np.radians(degrees), np.radians(degrees / 2)
    row = np.array([np.sin(turn), np.cos(turn), 0.0])
    normal = np.cross(row, [0.0, 0.0, -1.0])
    down = np.cos(tip) * np.array([0.0, 0.0, -1.0]) + np.sin(tip) * normal
    return (*row, *down)


@dataclass
class Phantom:
    """Slices `count` of `rows` × `columns`, `spacing` (between rows, between columns) and `step` along the normal, mm."""

    orientation: Sequence[float] = AXIAL
    rows: int = 40
    columns: int = 48
    count: int = 24
    spacing: tuple[float, float] = (0.9, 0.7)
    step: float = 2.0
    centre: tuple[float, float, float] = (12.0, -30.0, 55.0)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of each slice against the one before, beyond the normal (a tilted gantry), mm."""
    depths: Sequence[float] | None = None
    """Along the normal from the centre in place of even steps."""
    more: dict[str, object] = field(default_factory=dict)

    @property
    def row(self) -> NDArray[np.float64]:
        return np.array(self.orientation[:3])

    @property
    def column(self) -> NDArray[np.float64]:
        return np.array(self.orientation[3:])

    @property
    def normal(self) -> NDArray[np.float64]:
        return np.cross(self.row, self.column)

    @property
    def places(self) -> list[NDArray[np.float64]]:
        """ImagePositionPatient of each slice."""
        depths = self.depths or [(index - (self.count - 1) / 2) * self.step for index in range(self.count)]
        middle = len(depths) / 2 - 0.5
        corner = (
            np.array(self.centre)
            - self.row * self.spacing[1] * (self.columns - 1) / 2
            - self.column * self.spacing[0] * (self.rows - 1) / 2
        )
        return [corner + self.normal * depth + np.array(self.shift) * (index - middle) for index, depth in enumerate(depths)]

    def coordinates(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patient coordinates (rows, columns, 3) of the slice whose first pixel lies at `place`."""
        across = self.row * (self.spacing[1] * np.arange(self.columns))[:, None]
        down = self.column * (self.spacing[0] * np.arange(self.rows))[:, None]
        return place + across[None, :, :] + down[:, None, :]

    def voxels(self, values: Values) -> NDArray[np.int16]:
        """HU (slices, rows, columns)."""
        return np.stack([np.rint(values(self.coordinates(place))).astype(np.int16) for place in self.places])

    def write(self, folder: Path, values: Values, seed: int = 0, series: str = "1.2.3.7.1", **more: object) -> Path:
        """One file a slice, named in shuffled order and numbered against it."""
        folder.mkdir(parents=True, exist_ok=True)
        names = np.random.default_rng(seed).permutation(len(self.places))
        for index, place in enumerate(self.places):
            pixels = np.rint(values(self.coordinates(place))).astype(np.int16) + 1024
            stated: dict[str, object] = {
                "SeriesInstanceUID": series,
                "ImagePositionPatient": [f"{part:.6f}" for part in place],
                "ImageOrientationPatient": [f"{part:.9f}" for part in self.orientation],
                "PixelSpacing": list(self.spacing),
                "InstanceNumber": int(names[index]) + 1,
            }
            write_ct(folder / f"{names[index]:04d}.dcm", pixels.astype(np.uint16), **(stated | self.more | more))
        return folder


def write_ct(path: Path, pixels: NDArray[np.uint16], **more: object) -> Path:
    """One CT file; None leaves a keyword out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    given: dict[str, object] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "SOPInstanceUID": generate_uid(), "StudyInstanceUID": "1.2.3.7",
        "SeriesInstanceUID": "1.2.3.7.1", "FrameOfReferenceUID": "1.2.3.7.9", "PatientName": "Secret^Name", "PatientID": "S-7",
        "Modality": "CT", "Rows": pixels.shape[0], "Columns": pixels.shape[1], "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 0, "RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU",
        "WindowCenter": 40, "WindowWidth": 400, "PixelData": pixels.astype("<u2").tobytes(),
    }  # fmt: skip
    for keyword, value in (given | more).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def ball(at: Sequence[float], radius: float = 6.0, inside: float = 500.0, outside: float = -100.0) -> Values:
    """A sphere with an edge as soft as a voxel, so that its centre of mass is exact."""

    def values(places: NDArray[np.float64]) -> NDArray[np.floating]:
        away = np.linalg.norm(places - np.array(at), axis=-1)
        return outside + (inside - outside) * np.clip(radius - away + 0.5, 0.0, 1.0)

    return values


def slope(direction: Sequence[float], at_origin: float = 0.0) -> Values:
    """HU that rise evenly along a direction: what linear interpolation gives back exactly."""
    return lambda places: at_origin + places @ np.array(direction)
