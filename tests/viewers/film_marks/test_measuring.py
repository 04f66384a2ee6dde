"""What each tool measures on real headers, against NumPy on the stored values with masks by pixel centres."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import shapely
from pydicom.dataset import Dataset

from viewers.annotations import annotation as draw
from viewers.annotations.annotation import Annotation
from viewers.film_marks.calibration import calibrated, calibration_of, known_length
from viewers.film_marks.film import Film, series_identity
from viewers.film_marks.film_mark import FilmTool, film_mark, shaped
from viewers.film_marks.measuring import Measured, measured
from viewers.film_marks.wording import lines, value_words
from viewers.geometry import Provenance
from viewers.sources import open_source

Make = Callable[..., Film]
RANDOM = np.random.default_rng(5)
POLYGON = ((3.2, 4.1), (40.3, 8.2), (33.7, 30.9), (12.4, 27.37))


def areas(film: Film, number: int = 0) -> list[tuple[Annotation, np.ndarray]]:
    """One of each area tool, and its mask by the test's own means."""
    key = film.keys[number]
    height, width = film.source.size.height, film.source.size.width
    y, x = np.mgrid[:height, :width] + 0.5
    box = (x >= 5) & (x < 29) & (y >= 3) & (y < 20)
    oval = ((x - 20) / 11.5) ** 2 + ((y - 17) / 9.25) ** 2 <= 1
    free = shapely.contains_xy(shapely.Polygon(POLYGON), x, y)
    return [
        (film_mark(FilmTool.RECTANGLE, draw.rectangle((5, 3), (29, 20)), key), box),
        (film_mark(FilmTool.ELLIPSE, draw.ellipse((8.5, 7.75), (31.5, 26.25)), key), oval),
        (film_mark(FilmTool.FREEHAND, draw.polygon(POLYGON), key), free),
    ]


def check(found: Measured, truth: np.ndarray, unit: str) -> None:
    values = truth.astype(np.float64)
    wanted = {"Mean": values.mean(), "SD": values.std(), "Minimum": values.min(), "Maximum": values.max(), "Pixels": values.size}
    for name, value in wanted.items():
        one = found.named(name)
        assert one is not None, name
        assert one.value == pytest.approx(value, rel=1e-5, abs=1e-3), name
        assert one.unit == ("" if name == "Pixels" else unit)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("<i2", {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "RescaleSlope": 2, "RescaleIntercept": -1024}),
        ("<u2", {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": "0.5", "RescaleIntercept": 7}),
        ("<u2", {"PixelPaddingValue": 77, "PixelPaddingRangeLimit": 300}),
        ("<i2", {"PixelPaddingValue": -400}),
        ("<u1", {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}),
    ],
)
def test_statistics_of_areas_against_numpy(film: Make, dtype: str, values: dict[str, Any]) -> None:
    low, high = (0, 255) if dtype == "<u1" else (-1000, 3000) if dtype == "<i2" else (0, 4000)
    stored = RANDOM.integers(low, high, (40, 50)).astype(dtype)
    if values.get("PixelPaddingValue") == -400:
        stored[5:15, 5:25] = -400
    made = film(stored, PixelSpacing=[0.5, 0.5], **values)
    slope, intercept = float(values.get("RescaleSlope", 1)), float(values.get("RescaleIntercept", 0))
    first = values.get("PixelPaddingValue")
    padding = np.zeros(stored.shape, bool)
    if first is not None:
        padding = (stored >= first) & (stored <= values.get("PixelPaddingRangeLimit", first))
    for mark, mask in areas(made):
        found = measured(mark, made, 0)
        check(found, stored[mask & ~padding] * slope + intercept, "HU" if values.get("Modality") == "CT" else "")
        left_out = int((mask & padding).sum())
        assert any(f"{left_out} pixels of padding" in note.replace("\u00a0", "") for note in found.notes) == bool(left_out)


def test_each_frame_is_measured_by_its_own_pixels_and_rescale(film: Make) -> None:
    stored = RANDOM.integers(0, 4000, (3, 40, 50)).astype("<u2")
    groups = []
    for slope in (1.0, 3.0, 0.25):
        item, transformation = Dataset(), Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept, transformation.RescaleType = str(slope), "-5", "US"
        item.PixelValueTransformationSequence = [transformation]
        groups.append(item)
    made = film(stored, PerFrameFunctionalGroupsSequence=groups)
    for number, slope in enumerate((1.0, 3.0, 0.25)):
        for mark, mask in areas(made, number):
            check(measured(mark, made, number), stored[number][mask] * slope - 5, "")


def test_real_world_values_are_measured_in_their_unit(film: Make) -> None:
    """A mapping of stored values (PS3.3 C.7.6.16.2.11) goes before the rescale, and says its own unit."""
    stored = RANDOM.integers(0, 4000, (40, 50)).astype("<u2")
    mapping, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", "UCUM", "square millimetre per second"
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 4095
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, -10.0
    mapping.LUTLabel, mapping.LUTExplanation, mapping.MeasurementUnitsCodeSequence = "ADC", "ADC", [unit]
    form = {"Modality": "MR", "PixelSpacing": [1, 1], "RescaleSlope": 3, "RescaleIntercept": 1}
    made = film(stored, **form, RealWorldValueMappingSequence=[mapping])
    for mark, mask in areas(made):
        check(measured(mark, made, 0), stored[mask] * 0.5 - 10, "mm²/s")


def test_pet_is_measured_in_suv(film: Make) -> None:
    """SUVbw = activity × weight / dose, the dose decayed from the injection to the start (QIBA's rules)."""
    drug = Dataset()
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife, drug.RadiopharmaceuticalStartTime = 370e6, 6586.2, "100000"
    stored = RANDOM.integers(0, 4000, (40, 50)).astype("<u2")
    made = film(
        stored, Modality="PT", Units="BQML", RescaleSlope=2.0, RescaleIntercept=0, PatientWeight=80.0, DecayCorrection="START",
        CorrectedImage=["NORM", "DTIM", "ATTN", "SCAT", "DECY"], SeriesDate="20240102", SeriesTime="110000",
        AcquisitionDate="20240102", AcquisitionTime="110230", RadiopharmaceuticalInformationSequence=[drug],
    )  # fmt: skip
    suv = stored * 2.0 * 80_000 / (370e6 * 2 ** (-3600 / 6586.2))
    for mark, mask in areas(made):
        check(measured(mark, made, 0), suv[mask], "g/ml SUVbw")


def test_a_real_ct(bundled: Path) -> None:
    path = bundled / "CT_small.dcm"
    header = pydicom.dcmread(path)
    made = Film(open_source(path))
    values = header.pixel_array.astype(float) * header.RescaleSlope + header.RescaleIntercept
    for mark, mask in areas(made):
        check(measured(mark, made, 0), values[mask], "HU")
    probe = measured(film_mark(FilmTool.PROBE, draw.points([(100.9, 20.2)]), made.keys[0]), made, 0)
    assert probe.main is not None
    assert (probe.main.value, probe.main.unit) == (values[20, 100], "HU")
    down, across = (float(one) for one in header.PixelSpacing)
    axes = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
    place = np.array(header.ImagePositionPatient, float) + axes[0] * across * 100.4 + axes[1] * down * 19.7
    assert probe.place == pytest.approx(tuple(place))
    assert f"{'L' if place[0] > 0 else 'R'} {abs(place[0]):.1f}" in probe.notes[0]
    assert "column 101, row 21" in probe.notes[1]


def test_areas_and_lengths_with_pixels_that_are_not_square(film: Make) -> None:
    """PixelSpacing is rows first: 1.5 mm from row to row, 0.5 mm from column to column."""
    made = film(np.zeros((40, 50), "<u2"), Modality="MR", PixelSpacing=[1.5, 0.5])
    box, oval, free = (mark for mark, _ in areas(made))
    assert str(measured(box, made, 0).named("Area")) == f"{24 * 0.5 * 17 * 1.5:.0f} mm² in patient plane"
    found = measured(oval, made, 0).named("Area")
    assert found is not None
    assert found.value == pytest.approx(math.pi * 11.5 * 0.5 * 9.25 * 1.5)
    found = measured(free, made, 0).named("Area")
    assert found is not None
    assert found.value == pytest.approx(shapely.Polygon([(x * 0.5, y * 1.5) for x, y in POLYGON]).area)
    line = measured(film_mark(FilmTool.LENGTH, draw.line([(10, 10), (16, 14)]), made.keys[0]), made, 0).main
    assert line is not None
    assert line.value == pytest.approx(math.hypot(3, 6))
    right = film_mark(FilmTool.ANGLE, shaped(FilmTool.ANGLE, [(10 + 6, 10 + 4), (10, 10), (10 + 12, 10 - 2)]), made.keys[0])
    angle = measured(right, made, 0).main  # in mm (3, 6) and (6, -3): square; in pixels it would be 24°
    assert angle is not None
    assert str(angle) == "90.0°"


@pytest.mark.parametrize(
    ("values", "length", "words"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.2]}, 10.0, "10.0 mm at detector"),
        ({"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 2}, 5.0, "5.0 mm magnified, estimated"),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.1, 0.1]}, 5.0, "5.0 mm calibrated"),
        ({}, 50.0, "50.0 px (no spacing)"),
        ({"ImagerPixelSpacing": [0, 0]}, 50.0, "50.0 px (no spacing)"),
        ({"Modality": "CT", "PixelSpacing": [0.3, 0.3]}, 15.0, "15.0 mm in patient plane"),
    ],
)
def test_every_length_carries_where_its_millimetre_comes_from(
    film: Make, values: dict[str, Any], length: float, words: str
) -> None:
    made = film(np.zeros((60, 60), "<u2"), **values)
    mark = film_mark(FilmTool.LENGTH, draw.line([(5, 5), (45, 35)]), made.keys[0])
    found = measured(mark, made, 0)
    assert found.main is not None
    assert found.main.value == pytest.approx(length)
    assert str(found.main) == value_words(mark, found) == words
    area = measured(film_mark(FilmTool.RECTANGLE, draw.rectangle((0, 0), (20, 10)), made.keys[0]), made, 0).named("Area")
    assert area is not None
    assert area.word == found.main.word
    assert area.unit == f"{found.main.unit}²"
    angle = measured(film_mark(FilmTool.ANGLE, shaped(FilmTool.ANGLE, [(0, 0), (9, 0), (9, 9)]), made.keys[0]), made, 0)
    assert str(angle.main) == ("90.0° (no spacing, square pixels assumed)" if "px" in words else "90.0°")


def test_ultrasound_is_measured_by_the_region_that_holds_the_mark(film: Make) -> None:
    regions = []
    for left, delta in ((0, 0.02), (30, 0.05)):
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, 0
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = left + 29, 59
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = delta
        item.RegionFlags, item.RegionSpatialFormat, item.RegionDataType = 0, 1, 1
        regions.append(item)
    made = film(
        np.zeros((60, 60), "<u1"),
        Modality="US",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1",
        SequenceOfUltrasoundRegions=regions,
    )

    def said(a: tuple[float, float], b: tuple[float, float]) -> str:
        return str(measured(film_mark(FilmTool.LENGTH, draw.line([a, b]), made.keys[0]), made, 0).main)

    assert said((2, 10), (22, 10)) == "4.0 mm in ultrasound region"
    assert said((32, 10), (52, 10)) == "10.0 mm in ultrasound region"
    assert said((20, 10), (40, 10)) == "20.0 px (no spacing)"


def test_a_calibration_in_one_ultrasound_region_says_nothing_of_another(film: Make) -> None:
    regions = []
    for left, unit in ((0, 3), (20, 3), (40, 4)):  # two of centimetres, one whose columns are seconds (C.8.5.5.1.15)
        item = Dataset()
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, 0
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = left + 19, 49
        item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = unit, 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = 0.02 if left == 0 else 0.05
        item.RegionFlags, item.RegionSpatialFormat, item.RegionDataType = 0, 1, 1
        regions.append(item)
    made = film(
        np.zeros((60, 60), "<u1"),
        Modality="US",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1",
        SequenceOfUltrasoundRegions=regions,
    )

    def said(line: list[tuple[float, float]], *places: tuple[float, float]) -> str:
        known = film_mark(FilmTool.CALIBRATION, draw.line(line), made.keys[0], known_mm=30)
        return str(measured(film_mark(FilmTool.LENGTH, draw.line(places), made.keys[0]), made, 0, known).main)

    inside, ruler = [(2.0, 5.0), (12.0, 5.0)], [(2.0, 55.0), (12.0, 55.0)]
    assert said(inside, (2, 10), (12, 10)) == "30.0 mm calibrated by the reader"
    assert said(inside, (22, 10), (32, 10)) == "5.0 mm in ultrasound region"
    assert said(inside, (42, 10), (52, 10)) == "10.0 px (no spacing)", "seconds are no millimetres"
    assert said(ruler, (22, 10), (32, 10)) == "30.0 mm calibrated by the reader"
    assert said(ruler, (42, 10), (52, 10)) == "10.0 px (no spacing)"
    assert said(ruler, (12, 10), (32, 10)) == "20.0 px (no spacing)"


def test_cardiothoracic_ratio(film: Make) -> None:
    made = film(np.zeros((60, 60), "<u2"), ImagerPixelSpacing=[2, 1])

    def said(*places: tuple[float, float]) -> Measured:
        return measured(film_mark(FilmTool.RATIO, shaped(FilmTool.RATIO, places), made.keys[0]), made, 0)

    level = said((10, 20), (34, 20), (5, 40), (53, 40))
    assert [str(one) for one in level.readings] == ["0.50", "24.0 mm at detector", "48.0 mm at detector"]
    assert not level.notes
    slanted = said((10, 20), (34, 23), (5, 40), (53, 40))  # 24 mm across, 6 mm down
    degrees = math.degrees(math.atan2(6, 24))
    assert slanted.notes == (f"strokes {degrees:.0f}° apart, not parallel",)
    assert slanted.readings[0].value == pytest.approx(math.hypot(24, 6) / 48)
    assert "heart wider than thorax" in said((0, 20), (58, 20), (5, 40), (53, 40)).notes[0]


def test_calibration_by_hand(film: Make) -> None:
    """A line of 40 columns said to be 20 mm: 0.5 mm a column, and rows twice that as the file has them."""
    made = film(np.zeros((60, 60), "<u2"), ImagerPixelSpacing=[0.4, 0.2])
    key = made.keys[0]
    line = film_mark(FilmTool.CALIBRATION, draw.line([(5, 5), (45, 5)]), key, known_mm=20)
    mark = film_mark(FilmTool.LENGTH, draw.line([(10, 10), (10, 20)]), key)
    assert calibration_of([mark, line], key.instance) is line
    assert calibration_of([mark, line], "another") is None
    found = measured(mark, made, 0, line)
    assert str(found.main) == "10.0 mm calibrated by the reader"
    assert found.spacing is not None
    assert (found.spacing.x_mm, found.spacing.y_mm) == (pytest.approx(0.5), pytest.approx(1.0))
    assert lines(line, measured(line, made, 0, line)) == ("20.0 mm, calibrated by the reader",)
    spacing = calibrated(line, None)
    assert spacing is not None
    assert (spacing.x_mm, spacing.y_mm, spacing.provenance) == (0.5, 0.5, Provenance.BY_HAND)


@pytest.mark.parametrize(
    ("text", "length"),
    [("25", 25), (" 25 mm", 25), ("2,5 cm", 25), ("12.5mm", 12.5), ("0", None), ("-3", None), ("nan", None), ("inf", None),
     ("", None), ("3 inch", None), ("1e9", None), ("two", None), ("1 2 mm", None)],
)  # fmt: skip
def test_lengths_as_they_are_typed(text: str, length: float | None) -> None:
    assert known_length(text) == length


def test_colour_has_no_values_but_sizes(write_dicom: Callable[..., Path]) -> None:
    pixels = np.zeros((60, 60 * 3), np.uint8)
    path = write_dicom(
        pixels, "colour.dcm", Columns=60, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, Modality="XC"
    )
    made = Film(open_source(path))
    found = measured(film_mark(FilmTool.ELLIPSE, draw.ellipse((0, 0), (20, 10)), made.keys[0]), made, 0)
    assert [str(one) for one in found.readings] == [f"{round(math.pi * 50)} px² (no spacing)"]
    probe = measured(film_mark(FilmTool.PROBE, draw.points([(3, 3)]), made.keys[0]), made, 0)
    assert probe.main is None
    assert "colour" in probe.notes[0]


def test_odd_places(film: Make) -> None:
    stored = np.full((40, 50), 7, "<u2")
    stored[0, 0] = 3
    made = film(stored, PixelPaddingValue=3)
    key = made.keys[0]
    assert measured(film_mark(FilmTool.PROBE, draw.points([(0.2, 0.2)]), key), made, 0).notes[0] == "padding, no value"
    assert measured(film_mark(FilmTool.PROBE, draw.points([(-1, 5)]), key), made, 0).notes == ("outside the picture",)
    half_out = measured(film_mark(FilmTool.RECTANGLE, draw.rectangle((40, 30), (60, 50)), key), made, 0)
    assert half_out.named("Pixels") is not None
    assert half_out.named("Pixels").value == 100  # type: ignore[union-attr]
    assert "part inside" in half_out.notes[0]
    outside = measured(film_mark(FilmTool.RECTANGLE, draw.rectangle((60, 60), (70, 70)), key), made, 0)
    assert outside.notes == ("holds the centre of no pixel",)


def test_frames_are_known_again_wherever_their_file_lies(film: Make, tmp_path: Path) -> None:
    made = film(np.zeros((3, 20, 20), "<u2"), SOPInstanceUID="1.2.3.4")
    moved = tmp_path / "elsewhere" / "other-name.dcm"
    moved.parent.mkdir()
    moved.write_bytes((tmp_path / "film.dcm").read_bytes())
    again = open_source(moved)
    assert Film(again).keys == made.keys
    assert series_identity(again) == series_identity(made.source) != ""
    assert [key.frame for key in made.keys] == [0, 1, 2]
    assert len({key.instance for key in made.keys}) == 1
    assert "1.2.3.4" not in made.keys[0].instance
