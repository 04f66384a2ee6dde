"""Millimetres with their provenance (PS3.3 10.7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from viewers.geometry import Provenance, Spacing
from viewers.sources import open_source

WriteDicom = Callable[..., Path]


@pytest.mark.parametrize(
    ("values", "x_mm", "y_mm", "provenance"),
    [
        ({"Modality": "CT", "PixelSpacing": [0.5, 0.7]}, 0.7, 0.5, Provenance.PATIENT),
        ({"ImagerPixelSpacing": [0.15, 0.14]}, 0.14, 0.15, Provenance.DETECTOR),
        ({"ImagerPixelSpacing": [0.15, 0.15], "PixelSpacing": [0.15, 0.15]}, 0.15, 0.15, Provenance.DETECTOR),
        ({"ImagerPixelSpacing": [0.15, 0.15], "PixelSpacing": [0.12, 0.12]}, 0.12, 0.12, Provenance.CALIBRATED),
        ({"PixelSpacing": [0.12, 0.12], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.12, 0.12, Provenance.CALIBRATED),
        (
            {"ImagerPixelSpacing": [0.15, 0.15], "DistanceSourceToDetector": 1800, "DistanceSourceToPatient": 1500},
            0.125, 0.125, Provenance.MAGNIFIED,
        ),
        ({"ImagerPixelSpacing": [0.15, 0.15], "EstimatedRadiographicMagnificationFactor": 1.5}, 0.1, 0.1, Provenance.MAGNIFIED),
    ],
)  # fmt: skip
def test_spacing_and_its_word(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, object], x_mm: float, y_mm: float, provenance: Provenance
) -> None:
    spacing = open_source(write_dicom(ramp, **values)).spacing
    assert spacing is not None
    assert (spacing.x_mm, spacing.y_mm) == pytest.approx((x_mm, y_mm))
    assert spacing.provenance is provenance


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"Modality": "CT"},
        {"Modality": "CT", "PixelSpacing": [0, 0]},
        {"PixelSpacing": [-1, 1]},
        {"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [0.2, 0.2]},
    ],
)
def test_no_spacing_where_none_can_be_trusted(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, object]
) -> None:
    source = open_source(write_dicom(ramp, **values))
    assert source.spacing is None
    assert source.info()["spacing"] is None
    assert bool(source.notes) == any("Spacing" in keyword for keyword in values)


def test_ultrasound_regions_that_agree(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    def region(delta: float) -> Dataset:
        item = Dataset()
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX, item.PhysicalDeltaY = delta, delta * 2
        return item

    one = open_source(write_dicom(ramp, Modality="US", SequenceOfUltrasoundRegions=[region(0.02), region(0.02)]))
    assert one.spacing == Spacing(0.2, 0.4, Provenance.REGION)
    two = open_source(write_dicom(ramp, Modality="US", SequenceOfUltrasoundRegions=[region(0.02), region(0.03)]))
    assert two.spacing is None


def test_the_readers_own_replaces_the_files(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    own = Spacing(0.3, 0.3, Provenance.READER)
    assert open_source(write_dicom(ramp, Modality="CT", PixelSpacing=[1, 1]), spacing=own).spacing == own
