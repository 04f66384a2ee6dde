"""Measurement reports (TID 1500): against highdicom's reading and figures worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pydicom
import pytest
import shapely
from highdicom import sr
from pydicom.sr.codedict import codes

from tests.viewers.annotations.dicom_slides import INSTANCE, slide_header, written
from viewers.annotations.annotation import Annotation, Kind, ellipse, line, points, polygon, rectangle
from viewers.annotations.files import load, save
from viewers.errors import SourceError
from viewers.geometry import Provenance, Size, Spacing

SLIDE = Size(2000, 1000)
SPACING = Spacing(0.00025, 0.0005, Provenance.SLIDE)


def mix() -> list[Annotation]:
    return [
        Annotation(polygon([(100.25, 0.5), (200, 0.1), (100.25, 20.7)]), Kind.POLYGON, class_name="Tumor", name="invasive front"),
        Annotation(rectangle((0.5, 0.25), (100.5, 60.25)), Kind.RECTANGLE, class_name="Größe"),
        Annotation(ellipse((10, 20), (110.5, 70.25)), Kind.ELLIPSE, class_name="Stroma"),
        Annotation(points([(5.5, 6.5)]), Kind.POINTS),
        Annotation(line([(0, 0), (30, 40)]), Kind.LINE, class_name="Nucleus"),
        Annotation(line([(0, 0), (30, 40), (30, 0), (0, 0)]), Kind.POLYLINE, class_name="Tissue"),
    ]


def test_another_reader_finds_regions_findings_and_measures(tmp_path: Path):
    path = tmp_path / "report.dcm"
    slide = written(tmp_path / "slide.dcm", slide_header())
    save(path, mix(), (), spacing=SPACING, form="sr", reference=slide)
    report = sr.srread(path)
    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    groups = report.content.get_planar_roi_measurement_groups()
    assert [one.finding_type.value for one in groups][:1] == ["108369006"]
    assert [one.finding_type.meaning for one in groups] == [
        "Neoplasm", "Größe", "Connective tissue", "Unclassified", "Nucleus", "Tissue"
    ]  # fmt: skip
    assert [one.tracking_identifier for one in groups][:2] == ["invasive front", "Größe 2"]
    regions = [one.roi for one in groups]
    assert [one.graphic_type.value for one in regions] == ["POLYLINE", "POLYLINE", "ELLIPSE", "POINT", "POLYLINE", "POLYLINE"]
    assert all(one.PixelOriginInterpretation == "VOLUME" for one in regions)
    assert regions[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == INSTANCE
    assert shapely.Polygon(regions[1].value).equals(shapely.box(0.5, 0.25, 100.5, 60.25))
    (area,) = groups[1].get_measurements(name=codes.SCT.Area)
    assert (area.value, area.unit.value) == (pytest.approx(100 * 0.25 * 60 * 0.5), "um2")
    (length,) = groups[4].get_measurements(name=codes.SCT.Length)
    assert (length.value, length.unit.value) == (pytest.approx(math.hypot(7.5, 20)), "um")


def test_what_is_written_is_read_again_with_its_identity(tmp_path: Path):
    path = tmp_path / "report.dcm"
    marks = mix()
    notes = save(path, marks, (), spacing=SPACING, form="sr", identity="a slide")
    loaded = load(path, SLIDE)
    assert [(one.id, one.kind, one.class_name, one.name) for one in loaded.marks] == [
        (one.id, one.kind, one.class_name, one.name) for one in marks
    ]
    for read, drawn in zip(loaded.marks, marks, strict=True):
        assert read.geometry.normalize().equals_exact(drawn.geometry.normalize(), 1e-4)
    assert loaded.notes == ()
    assert notes == ("The slide is not DICOM: the file names it by UIDs derived from it and holds no patient's data.",)


def test_what_a_report_does_not_tell_is_said(tmp_path: Path):
    marks = [
        Annotation(rectangle((100_000.123, 0), (100_200, 60)), Kind.RECTANGLE, class_name="Tumour", object_type="detection"),
        mix()[-1],
    ]
    assert set(save(tmp_path / "report.dcm", marks, (), form="sr", identity="a slide")[1:]) == {
        "1 region is rounded: a report holds places in single precision.",
        "Class Tumour is written by its code and is read again as Tumor.",
        "That a program made 1 mark is not written.",
        "1 line that ends where it begins may be read as an area: without a spacing nothing tells them apart.",
    }
    half_step = 2.0**-8  # of single precision from 65 536 on
    assert load(tmp_path / "report.dcm", SLIDE).marks[0].geometry.bounds[0] == pytest.approx(100_000.123, abs=half_step)


def test_too_many_regions_are_sent_to_annotations(tmp_path: Path):
    path = tmp_path / "report.dcm"
    dots = [Annotation(points([(one, 1)]), Kind.POINTS) for one in range(1001)]
    with pytest.raises(SourceError, match=r"1\s001 regions are more than the 1\s000 .* write DICOM annotations"):
        save(path, dots, (), form="sr", identity="a slide")
    with pytest.raises(SourceError, match="holds no empty report"):
        save(path, (), (), form="sr", identity="a slide")
    assert not path.exists()


def report_of(folder: Path, region: sr.ImageRegion | sr.ImageRegion3D) -> Path:
    """A report of another program with one region and its diameter."""
    diameter = sr.Measurement(codes.SCT.Diameter, 4.5, codes.UCUM.Millimeter)
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier("1.2.3.9", "Lesion 1"), region, finding_type=codes.SCT.Neoplasm, measurements=[diameter]
    )
    return report_with(folder, group)


def report_with(folder: Path, group: sr.Template) -> Path:
    device = sr.ObserverContext(codes.DCM.Device, sr.DeviceObserverIdentifyingAttributes("1.2.3.8"))
    content = sr.MeasurementReport(sr.ObservationContext(device), codes.SCT.LightMicroscopy, [group])
    made = sr.Comprehensive3DSR([slide_header()], content, "1.2.4", 1, "1.2.5", 1, "Another")
    made.save_as(folder / "other.dcm")
    return folder / "other.dcm"


def test_a_region_in_mm_of_another_program_is_put_on_the_slide(tmp_path: Path):
    corners = np.array([(10.01, 20.02, 0), (10.05, 20.02, 0), (10.05, 20.08, 0), (10.01, 20.02, 0)])
    path = report_of(tmp_path, sr.ImageRegion3D("POLYGON", corners, "1.2.826.0.1.3680043.8.498.4"))
    (mark,) = load(path, SLIDE, reference=written(tmp_path / "slide.dcm", slide_header())).marks
    assert (mark.id, mark.class_name, mark.name, dict(mark.measurements)) == (
        "1.2.3.9", "Tumor", "Lesion 1", {"Diameter (mm)": 4.5}
    )  # fmt: skip
    assert mark.geometry.bounds == pytest.approx((80.5, 20.5, 320.5, 100.5), abs=0.01)  # mm in single precision
    with pytest.raises(SourceError, match="holds places in mm on a DICOM slide"):
        load(path, SLIDE)


def test_the_line_a_length_was_inferred_from_is_a_mark(tmp_path: Path):
    source = sr.SourceImageForRegion.from_source_image(slide_header(NumberOfFrames=1, Rows=1, Columns=1))
    along = sr.CoordinatesForMeasurement("POLYLINE", np.array([(1.0, 2.0), (4.0, 6.0)]), source)
    length = sr.Measurement(codes.SCT.Length, 2.5, codes.UCUM.Micrometer, referenced_coordinates=[along])
    group = sr.MeasurementsAndQualitativeEvaluations(sr.TrackingIdentifier("1.2.3.9", "Ruler"), measurements=[length])
    (mark,) = load(report_with(tmp_path, group), SLIDE).marks
    assert (mark.kind, mark.name, mark.class_name, dict(mark.measurements)) == (Kind.LINE, "Ruler", "", {"Length (um)": 2.5})
    assert list(mark.geometry.coords) == [(1, 2), (4, 6)]


def test_a_circle_is_the_ellipse_it_is(tmp_path: Path):
    source = sr.SourceImageForRegion.from_source_image(slide_header(NumberOfFrames=1, Rows=1, Columns=1))
    path = report_of(tmp_path, sr.ImageRegion("CIRCLE", np.array([(50.0, 40.0), (53.0, 44.0)]), source))
    (mark,) = load(path, SLIDE).marks
    assert (mark.kind, mark.geometry.bounds) == (Kind.ELLIPSE, (45, 35, 55, 45))


def test_a_report_without_a_region_or_with_half_a_place_gets_a_sentence(tmp_path: Path):
    save(tmp_path / "report.dcm", mix()[:1], (), form="sr", identity="a slide")
    dataset = pydicom.dcmread(tmp_path / "report.dcm")
    (group,) = dataset.ContentSequence[-1].ContentSequence
    (region,) = [one for one in group.ContentSequence if one.ValueType == "SCOORD"]
    region.GraphicData = [1.0, 2.0, 3.0]
    dataset.save_as(tmp_path / "half.dcm")
    with pytest.raises(SourceError, match=r"half\.dcm is damaged: measurement group 1 has no usable GraphicData"):
        load(tmp_path / "half.dcm", SLIDE)
    group.ContentSequence = [one for one in group.ContentSequence if one.ValueType != "SCOORD"]
    dataset.save_as(tmp_path / "none.dcm")
    with pytest.raises(SourceError, match="is a DICOM report without a region on an image"):
        load(tmp_path / "none.dcm", SLIDE)
