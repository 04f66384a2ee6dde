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
from viewers.sources.local_spacing import spacing_at, spacing_over

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


def test_a_place_in_an_ultrasound_has_its_regions_spacing(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    def region(box: tuple[int, int, int, int], delta: float, units: int = 3, flags: int = 0) -> Dataset:
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0, item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
        item.PhysicalDeltaX, item.PhysicalDeltaY, item.RegionFlags = delta, -delta, flags
        return item

    regions = [region((0, 0, 39, 31), 0.02, flags=1), region((20, 0, 63, 31), 0.03), region((0, 40, 63, 63), 0.01, units=4)]
    source = open_source(write_dicom(ramp, Modality="US", SequenceOfUltrasoundRegions=regions))
    left, right = Spacing(0.2, 0.2, Provenance.REGION), Spacing(0.3, 0.3, Provenance.REGION)
    assert (spacing_at(source, 5, 5), spacing_at(source, 50, 5)) == (left, right)
    assert spacing_at(source, 25, 5) == right, "where two overlap, the one of low priority gives way"
    assert (spacing_at(source, 63.9, 31.9), spacing_at(source, 64.1, 5)) == (right, None)
    assert spacing_at(source, 5, 50) is None, "seconds are no length"
    assert spacing_at(source, 5, 35) is None
    assert spacing_over(source, [(2, 2), (10, 20)]) == left
    assert spacing_over(source, [(2, 2), (50, 20)]) is None
    plain = open_source(write_dicom(ramp, "ct.dcm", Modality="CT", PixelSpacing=[0.5, 0.5]))
    assert spacing_over(plain, [(2, 2), (50, 20)]) == plain.spacing


def test_the_readers_own_replaces_the_files(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    own = Spacing(0.3, 0.3, Provenance.READER)
    assert open_source(write_dicom(ramp, Modality="CT", PixelSpacing=[1, 1]), spacing=own).spacing == own
