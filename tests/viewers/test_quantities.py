"""Real-world values and SUV against the formulas, and the words that stand beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from viewers import windows
from viewers.frames import FrameReader, Look
from viewers.presets import BUILT_IN, window_of
from viewers.sources import GrayscaleSource, open_source
from viewers.sources.real_world import unit_words

WriteDicom = Callable[..., Path]


def drug(**values: Any) -> Dataset:
    item = Dataset()
    given = {"RadionuclideTotalDose": 370e6, "RadionuclideHalfLife": 6586.2, "RadiopharmaceuticalStartTime": "100000"}
    for keyword, value in (given | values).items():
        if value is not None:
            setattr(item, keyword, value)
    return item


PET: dict[str, Any] = {
    "Modality": "PT", "Units": "BQML", "RescaleSlope": 2.0, "RescaleIntercept": 0, "PatientWeight": 80.0,
    "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY"], "DecayCorrection": "START", "SeriesDate": "20240102",
    "SeriesTime": "110000.00", "AcquisitionDate": "20240102", "AcquisitionTime": "110230",
}  # fmt: skip


def grey(path: Path) -> GrayscaleSource:
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    return source


def pet(write_dicom: WriteDicom, ramp: NDArray[np.uint16], injected: Dataset | None = None, **more: Any) -> GrayscaleSource:
    sequence = {"RadiopharmaceuticalInformationSequence": [injected or drug()]}
    return grey(write_dicom(ramp, **(PET | sequence | more)))


DECAYED = 370e6 * 2 ** (-3600 / 6586.2)


@pytest.mark.parametrize(
    ("injected", "more", "dose"),
    [
        ({}, {}, DECAYED),
        ({}, {"DecayCorrection": "ADMIN"}, 370e6),
        ({"RadiopharmaceuticalStartDateTime": "20240102100000.000000+0100", "RadiopharmaceuticalStartTime": None}, {}, DECAYED),
        ({"RadiopharmaceuticalStartTime": "233000"}, {"SeriesTime": "003000", "AcquisitionTime": "003100"}, DECAYED),
    ],
)
def test_suv_is_activity_times_weight_over_the_decayed_dose(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], injected: dict[str, Any], more: dict[str, Any], dose: float
) -> None:
    source = pet(write_dicom, ramp, drug(**injected), **more)
    truth = ramp * 2.0 * 80_000 / dose
    assert np.allclose(source.grayscale.measured(source.stored()), truth, rtol=1e-5)
    assert source.grayscale.measured_unit == "g/ml SUVbw"
    assert source.grayscale.unit == "Bq/ml"


@pytest.mark.parametrize(
    ("injected", "more", "why"),
    [
        ({}, {"PatientWeight": None}, "PatientWeight"),
        ({}, {"PatientWeight": 0}, "PatientWeight"),
        ({}, {"CorrectedImage": ["ATTN"]}, "not corrected"),
        ({}, {"DecayCorrection": "NONE"}, "DecayCorrection"),
        ({"RadionuclideTotalDose": None}, {}, "RadionuclideTotalDose"),
        ({"RadionuclideTotalDose": 370.0}, {}, "RadionuclideTotalDose"),  # MBq by mistake
        ({"RadionuclideHalfLife": None}, {}, "RadionuclideHalfLife"),
        ({"RadiopharmaceuticalStartTime": None}, {}, "times"),
        ({"RadiopharmaceuticalStartDateTime": "20231230100000"}, {}, "times"),
        ({}, {"SeriesTime": "120000"}, "times"),  # after the acquisition: a later reconstruction's time
        ({}, {"Units": "CNTS"}, "counts"),
    ],
)
def test_where_one_thing_is_lacking_there_is_no_suv_and_it_is_said(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], injected: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    source = pet(write_dicom, ramp, drug(**injected), **more)
    assert source.grayscale.quantities == ()
    assert any(why in note and "No SUV" in note for note in source.notes)
    assert source.grayscale.measured_unit == ("counts" if "Units" in more else "Bq/ml")


def test_values_that_are_suv_already_stay(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    source = pet(write_dicom, ramp, Units="GML", SUVType="BW", RescaleSlope=0.01)
    assert np.allclose(source.grayscale.measured(source.stored()), ramp * 0.01)
    assert pet(write_dicom, ramp, Units="GML", SUVType="LBM").grayscale.quantities == ()


def test_pet_windows_are_given_in_suv(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    grayscale = pet(write_dicom, ramp).grayscale
    preset = next(one for one in BUILT_IN if one.name == "SUV 0–7")
    window = window_of(preset, grayscale, "PT")
    assert window is not None
    assert window.ends == pytest.approx((0, 7 * DECAYED / 80_000))
    assert windows.named(window, grayscale) == "SUV 0 – 7"
    assert window_of(preset, pet(write_dicom, ramp, PatientWeight=None).grayscale, "PT") is None


def mapping(**values: Any) -> Dataset:
    item, unit = Dataset(), Dataset()
    unit.CodeValue = values.pop("unit", "mm2/s")
    item.MeasurementUnitsCodeSequence = [unit]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
        if keyword in item:
            item[keyword].VR = "US"
    return item


LINE = {
    "RealWorldValueFirstValueMapped": 100, "RealWorldValueLastValueMapped": 3000,
    "RealWorldValueSlope": 1e-6, "RealWorldValueIntercept": -5e-5,
}  # fmt: skip


def test_a_real_world_value_is_of_the_stored_value_alone(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, Modality="MR", RescaleSlope=7, RescaleIntercept=3, RealWorldValueMappingSequence=[mapping(**LINE)])
    source = grey(path)
    measured = source.grayscale.measured(source.stored())
    inside = (ramp >= 100) & (ramp <= 3000)
    assert np.allclose(measured[inside], ramp[inside] * 1e-6 - 5e-5, rtol=1e-5)
    assert np.isnan(measured[~inside]).all()
    assert source.grayscale.measured_unit == "mm²/s"
    shown = FrameReader(source).make(Look(0, 0))
    value, unit = shown.value_at(0, 10)  # stored 640
    assert value == pytest.approx(640e-6 - 5e-5)
    assert unit == "mm²/s"
    assert shown.value_at(0, 0) == (3.0, ""), "outside of the mapping the modality value"


def test_a_table_and_a_frame_of_its_own(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    table = list(np.linspace(5, 25, 4096))
    ends = {"RealWorldValueFirstValueMapped": 0, "RealWorldValueLastValueMapped": 4095}
    frame = Dataset()
    frame.RealWorldValueMappingSequence = [mapping(**ends, RealWorldValueLUTData=table, unit="[hnsf'U]")]
    path = write_dicom(
        ramp, Modality="CT", NumberOfFrames=2, PixelData=np.stack([ramp] * 2).tobytes(),
        PerFrameFunctionalGroupsSequence=[Dataset(), frame],
    )  # fmt: skip
    source = grey(path)
    assert source.frame_grayscale(0).quantities == ()
    assert np.allclose(source.frame_grayscale(1).measured(source.stored(1)), np.linspace(5, 25, 4096).reshape(64, 64))
    assert source.frame_grayscale(1).measured_unit == "HU"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {**LINE, "RealWorldValueSlope": 0.0},
        {**LINE, "RealWorldValueLastValueMapped": 10},
        {"RealWorldValueFirstValueMapped": 0, "RealWorldValueLastValueMapped": 4095, "RealWorldValueLUTData": [1.0, 2.0]},
    ],
)
def test_a_mapping_that_cannot_be_is_left_out(write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, Any]) -> None:
    path = write_dicom(ramp, Modality="MR", RealWorldValueMappingSequence=[mapping(**values)])
    assert grey(path).grayscale.quantities == ()


@pytest.mark.parametrize(
    ("code", "words"), [("1", ""), ("{SUVbw}g/ml", "g/ml SUVbw"), ("mm", "mm"), ("<b>x", ""), ("x" * 40, "")]
)
def test_units_are_codes_only(code: str, words: str) -> None:
    assert unit_words(code) == words


def test_the_pointer_tells_suv_and_activity(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    shown = FrameReader(pet(write_dicom, ramp)).make(Look(0, 0))
    value, unit = shown.value_at(0, 10)
    assert value == pytest.approx(1280 * 80_000 / DECAYED, rel=1e-5)
    assert unit == "g/ml SUVbw (1280 Bq/ml)"
