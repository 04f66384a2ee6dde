"""DICOM annotations: against highdicom's and pydicom's reading, a validator, and figures worked out by hand."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import shapely
from highdicom.ann import AnnotationGroup, Measurements, MicroscopyBulkSimpleAnnotations
from highdicom.spatial import ReferenceToImageTransformer
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.viewers.annotations.dicom_slides import INSTANCE, errors_of, slide_header, written
from viewers.annotations.annotation import Annotation, Kind, Plane, ellipse, line, points, polygon, rectangle
from viewers.annotations.classes import AnnotationClass
from viewers.annotations.dicom import Form
from viewers.annotations.files import load, save
from viewers.annotations.found import Stopped
from viewers.errors import SourceError
from viewers.geometry import Provenance, Size, Spacing

SLIDE = Size(200_000, 100_000)
SPACING = Spacing(0.00025, 0.0005, Provenance.SLIDE)
HOLED = shapely.Polygon([(0, 0), (100, 0), (120, 100), (0, 100)], [[(10, 10), (20, 10), (20, 20), (10, 20)]])
FAR = 123_456.789012345


def mix() -> list[Annotation]:
    return [
        Annotation(polygon([(FAR, 1 / 3), (FAR + 10, 0.1), (FAR, 20.7)]), Kind.POLYGON, class_name="Tumor"),
        Annotation(rectangle((0.1, 0.2), (100.3, 60.4)), Kind.RECTANGLE, class_name="Tumor"),
        Annotation(ellipse((10, 20), (110.5, 70.25)), Kind.ELLIPSE, class_name="Stroma"),
        Annotation(ellipse((10, 20), (60, 170.25)), Kind.ELLIPSE, class_name="Nucleus", object_type="detection"),
        Annotation(points([(5.5, 6.5)]), Kind.POINTS),
        Annotation(line([(0, 0), (30, 40)]), Kind.LINE, class_name="Größe"),
        Annotation(line([(0, 0), (3, 4), (7, 1 / 3)]), Kind.POLYLINE, class_name="x" * 80),
    ]


def reference(folder: Path, **changes: object) -> Path:
    return written(folder / "slide.dcm", slide_header(**changes))


def other(
    folder: Path,
    type: str,
    places: Sequence[Sequence[Sequence[float]]],
    kind: str = "2D",
    dtype: type = np.float32,
    **more: object,
) -> Path:
    """A file of another program: one group of nuclei."""
    group = AnnotationGroup(
        1, "1.2.3", "Segmented nuclei", codes.SCT.AnatomicalStructure, codes.SCT.Nucleus, type,
        [np.array(one, dtype) for one in places], "MANUAL", **more,
    )  # fmt: skip
    made = MicroscopyBulkSimpleAnnotations([slide_header()], kind, [group], "1.2.4", 1, "1.2.5", 1, "Another", "b", "c", "d")
    made.save_as(folder / "other.dcm")
    return folder / "other.dcm"


def changed(path: Path, change: object) -> Path:
    """The first group changed by what it is given to."""
    dataset = pydicom.dcmread(path)
    change(dataset.AnnotationGroupSequence[0])  # type: ignore[operator]
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("form", ["ann", "sr"])
@pytest.mark.parametrize("whose", ["real", "own", "none"])
@pytest.mark.parametrize("spacing", [SPACING, None])
def test_a_validator_finds_no_error(
    tmp_path: Path, form: Form, whose: str, spacing: Spacing | None, request: pytest.FixtureRequest
):
    slide = reference(tmp_path) if whose == "own" else None
    if whose == "real":
        folder = request.getfixturevalue("shared") / "slides" / "CMU-1-Small-Region_dicom"
        (slide,) = folder.glob("*.58740178995208579534253317996600852419.dcm")
    parts = shapely.MultiPolygon([HOLED, shapely.box(200, 0, 210, 10)])
    more = [Annotation(parts, Kind.POLYGON, class_name="Necrosis"), Annotation(points([(1, 2), (3, 4)]), Kind.POINTS)]
    for number, marks in enumerate([mix() + more, mix()[:1], mix()[4:5], mix()[5:6]]):
        path = tmp_path / f"marks{number}.dcm"
        save(path, marks, (), spacing=spacing, form=form, reference=slide, identity="a slide")
        assert errors_of(path) == []
    assert all("CommonZCoordinateValue" not in one for one in pydicom.dcmread(path).get("AnnotationGroupSequence", ()))


def test_another_reader_finds_the_same_places_classes_and_measures(tmp_path: Path):
    path = tmp_path / "marks.dcm"
    save(path, mix(), (AnnotationClass("Tumor", (0, 128, 255)),), spacing=SPACING, reference=reference(tmp_path))
    found = highdicom.ann.annread(path)
    assert (found.AnnotationCoordinateType, found.PixelOriginInterpretation) == ("2D", "VOLUME")
    assert found.ReferencedImageSequence[0].ReferencedSOPInstanceUID == INSTANCE
    corner, box, *rest = found.get_annotation_groups()
    (triangle,) = corner.get_graphic_data("2D")
    assert {tuple(one) for one in triangle.tolist()} == {(FAR, 1 / 3), (FAR + 10, 0.1), (FAR, 20.7)}
    assert box.get_graphic_data("2D")[0].tolist() == [[0.1, 0.2], [100.3, 0.2], [100.3, 60.4], [0.1, 60.4]]
    names, values, units = box.get_measurements()
    across, down = 100.2 * 0.25, 60.2 * 0.5
    assert [one.value for one in names] == ["42798000", "131191004"]
    assert [one.value for one in units] == ["um2", "um"]
    assert values[0] == pytest.approx([across * down, 2 * (across + down)], rel=1e-6)
    assert (corner.label, corner.annotated_property_type.value, corner.annotated_property_category.value) == (
        "Tumor", "108369006", "49755003"
    )  # fmt: skip
    assert highdicom.color.CIELabColor.from_dicom_value(box.RecommendedDisplayCIELabValue).to_rgb() == (0, 128, 255)
    wide, high, dot, ruler, bent = rest
    assert wide.get_graphic_data("2D")[0].tolist() == [[10, 45.125], [110.5, 45.125], [60.25, 20], [60.25, 70.25]]
    assert high.get_graphic_data("2D")[0].tolist() == [[35, 20], [35, 170.25], [10, 95.125], [60, 95.125]]
    assert (wide.AnnotationGroupGenerationType, high.AnnotationGroupGenerationType) == ("MANUAL", "AUTOMATIC")
    assert wide.get_measurements(codes.SCT.Area)[1][0, 0] == pytest.approx(math.pi * 50.25 * 0.25 * 25.125 * 0.5, rel=1e-6)
    assert (dot.label, dot.annotated_property_type.scheme_designator) == ("Unclassified", "99HILUM")
    assert ruler.get_measurements(codes.SCT.Length)[1][0, 0] == pytest.approx(math.hypot(7.5, 20), rel=1e-6)
    assert (ruler.annotated_property_type.meaning, len(bent.label)) == ("Größe", 64)


def test_what_is_written_is_read_again(tmp_path: Path):
    path = tmp_path / "marks.dcm"
    save(path, mix(), (AnnotationClass("Größe", (10, 200, 30)),), spacing=SPACING, identity="a slide")
    loaded = load(path, SLIDE)
    assert [(one.kind, one.class_name, one.object_type, one.name) for one in loaded.marks[:-1]] == [
        (one.kind, one.class_name, one.object_type, "") for one in mix()[:-1]
    ]
    assert all(
        read.geometry.normalize().equals_exact(drawn.geometry.normalize(), 1e-9)
        for read, drawn in zip(loaded.marks, mix(), strict=True)
    )
    assert loaded.marks[-1].class_name == "x" * 61 + "..."
    assert all(not one.measurements for one in loaded.marks)
    assert {one.name: one.colour for one in loaded.classes}["Größe"] == pytest.approx((10, 200, 30), abs=1)
    assert loaded.notes == ()


def test_what_dicom_cannot_hold_is_said_with_counts(tmp_path: Path):
    two_holes = HOLED.difference(shapely.box(50, 50, 60, 60))
    marks = [
        Annotation(HOLED, Kind.POLYGON, name="A", locked=True),
        Annotation(shapely.MultiPolygon([two_holes, shapely.box(200, 0, 210, 10)]), Kind.POLYGON, measurements={"x": 1}),
        Annotation(points([(1, 2), (3, 4)]), Kind.POINTS, name="B", plane=Plane(z=1)),
    ]
    path = tmp_path / "marks.dcm"
    assert set(save(path, marks, (), spacing=SPACING, identity="a slide")) == {
        "The slide is not DICOM: the file names it by UIDs derived from it and holds no patient's data.",
        "2 areas lose 3 holes, which DICOM cannot hold: the outer outlines are written, the measured areas exclude the holes.",
        "1 area of several parts is written part by part.",
        "1 mark of several points is written as single points.",
        "The names of 2 marks are not written.",
        "What another program wrote beside 1 mark is not written.",
        "That 1 mark is locked is not written.",
        "The plane of 1 mark is not written.",
    }
    areas, dots = highdicom.ann.annread(path).get_annotation_groups()
    assert dots.number_of_annotations == 2
    outer = 100 * (100 + 120) / 2
    assert [shapely.Polygon(one).area for one in areas.get_graphic_data("2D")] == [outer, outer, 100]
    measured = areas.get_measurements(codes.SCT.Area)[1][:, 0]
    assert measured == pytest.approx([(outer - 100) * 0.125, (outer - 200) * 0.125, 100 * 0.125], rel=1e-6)


def test_a_slide_that_is_not_dicom_is_named_by_derived_uids_and_no_patient(tmp_path: Path):
    def saved(identity: str) -> Dataset:
        save(tmp_path / "marks.dcm", mix(), (), identity=identity)
        return pydicom.dcmread(tmp_path / "marks.dcm")

    first, second, third = saved("one"), saved("one"), saved("other")
    assert first.StudyInstanceUID == second.StudyInstanceUID != third.StudyInstanceUID
    instances = [one.ReferencedImageSequence[0].ReferencedSOPInstanceUID for one in (first, second, third)]
    assert instances[0] == instances[1] != instances[2]
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert [first.PatientName, first.PatientID, first.PatientBirthDate, first.PatientSex, first.StudyDate] == ["", "", "", "", ""]
    assert "MeasurementsSequence" not in first.AnnotationGroupSequence[0]


def test_the_patient_of_a_dicom_slide_is_in_the_file_and_said(tmp_path: Path):
    path = tmp_path / "marks.dcm"
    notes = save(path, mix(), (), reference=reference(tmp_path))
    found = pydicom.dcmread(path)
    assert (str(found.PatientName), found.PatientID, found.StudyInstanceUID[-2:]) == ("Müller^Jürgen", "P-1", ".1")
    assert found.AnnotationGroupSequence[5].AnnotationGroupLabel == "Größe"
    assert "The patient's and study's data of the slide are in the file, as DICOM demands." in notes


def test_places_in_mm_of_another_program_are_put_on_the_slide(tmp_path: Path):
    corners = np.array([(10.01, 20.02, 0), (10.05, 20.02, 0), (10.05, 20.08, 0)])
    path = other(tmp_path, "POLYGON", [corners, corners + np.array([0.1, 0, 0])], "3D", np.float64)
    slide = reference(tmp_path)
    loaded = load(path, SLIDE, reference=slide)
    by_highdicom = ReferenceToImageTransformer.for_image(slide_header(), for_total_pixel_matrix=True)(corners)[:, :2]
    assert shapely.get_coordinates(loaded.marks[0].geometry)[:3] == pytest.approx(by_highdicom, abs=1e-6)
    assert by_highdicom[0] == pytest.approx([0.02 / 0.00025 + 0.5, 0.01 / 0.0005 + 0.5])
    assert shapely.get_coordinates(loaded.marks[1].geometry)[0] == pytest.approx(by_highdicom[0] + np.array([0, 200]), abs=1e-6)
    with pytest.raises(SourceError, match="holds places in mm on a DICOM slide: open that slide's own DICOM files first"):
        load(path, SLIDE)
    with pytest.raises(SourceError, match="does not say where its pixels lie"):
        load(path, SLIDE, reference=reference(tmp_path, ImageOrientationSlide=None))


def test_classes_names_and_measures_of_another_program_are_kept(tmp_path: Path):
    area = Measurements(codes.SCT.Area, np.array([12.5, np.nan]), codes.UCUM.SquareMicrometer)
    places = [[(0, 0), (8, 6), (1, 7), (7, -1)], [(10, 20), (30, 20), (20, 15), (20, 25)]]
    loaded = load(other(tmp_path, "ELLIPSE", places, measurements=[area]), SLIDE)
    leaning, upright = loaded.marks
    assert (leaning.class_name, leaning.name, dict(leaning.measurements)) == ("Nucleus", "Segmented nuclei", {"Area (um2)": 12.5})
    assert (leaning.kind, upright.kind, dict(upright.measurements)) == (Kind.POLYGON, Kind.ELLIPSE, {})
    assert leaning.geometry.area == pytest.approx(math.pi * 5 * 5, rel=1e-3)
    assert upright.geometry.bounds == (10, 15, 30, 25)


def test_places_in_mm_at_several_depths_and_a_leaning_rectangle(tmp_path: Path):
    path = other(
        tmp_path, "RECTANGLE", [[(10.01, 20.02, 0), (10.02, 20.03, 0), (10.01, 20.04, 1), (10, 20.03, 1)]], "3D", np.float64
    )
    (mark,) = load(path, SLIDE, reference=reference(tmp_path)).marks
    assert mark.kind is Kind.POLYGON
    assert mark.geometry.bounds == pytest.approx((80.5, 0.5, 160.5, 40.5))


def test_an_outline_whose_last_place_is_given_twice(tmp_path: Path):
    path = tmp_path / "marks.dcm"
    outline = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 0), (0, 0)])
    save(path, [Annotation(outline, Kind.POLYGON)], ())
    (places,) = highdicom.ann.annread(path).get_annotation_group(number=1).get_graphic_data("2D")
    assert places.tolist() == [[0, 0], [10, 0], [10, 10]]


def test_class_names_that_dicom_cannot_hold_are_still_classes(tmp_path: Path):
    marks = [Annotation(points([(1, 1)]), Kind.POINTS, class_name=name) for name in ("A\\B", "腫瘍" * 40, "Unclassified")]
    notes = save(tmp_path / "marks.dcm", marks, (), identity="a slide")
    assert "The names of 2 classes are written as DICOM holds them: 64 characters, no backslash." in notes
    loaded = load(tmp_path / "marks.dcm", SLIDE)
    assert [one.class_name for one in loaded.marks] == ["A/B", "腫瘍" * 30 + "腫" + "...", "Unclassified"]


def test_marks_of_another_image_are_said_to_be_so(tmp_path: Path):
    path = other(tmp_path, "POINT", [[(1, 2)], [(3, 4)]])
    assert load(path, SLIDE, reference=reference(tmp_path)).notes == ()
    (note,) = load(path, SLIDE, reference=reference(tmp_path, SOPInstanceUID="1.2.3.4")).notes
    assert note == "The marks were made on a DICOM image that is not among this slide's: check that they fit."


def test_marks_made_on_a_lower_level_are_put_on_level_0(tmp_path: Path):
    path = other(tmp_path, "POINT", [[(1, 2)], [(30, 40)]])
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [0.0005 * 4, 0.00025 * 4]
    shared.PixelMeasuresSequence = [measures]
    (tmp_path / "slide").mkdir()
    written(tmp_path / "slide" / "a.dcm", slide_header(SharedFunctionalGroupsSequence=[shared]))
    (tmp_path / "slide" / "b.txt").write_text("no DICOM")
    level_0 = written(tmp_path / "slide" / "c.dcm", slide_header(SOPInstanceUID="1.2.3.4"))
    loaded = load(path, SLIDE, reference=level_0)
    assert [one.geometry.bounds[:2] for one in loaded.marks] == [(4, 8), (120, 160)]
    assert loaded.notes == ()


@pytest.mark.parametrize(
    ("keyword", "value", "sentence"),
    [
        ("LongPrimitivePointIndexList", np.array([1, 6], "<i4").tobytes(), "index that does not fit"),
        ("LongPrimitivePointIndexList", np.array([1, 700], "<i4").tobytes(), "index that does not fit"),
        ("LongPrimitivePointIndexList", np.array([1, -7], "<i4").tobytes(), "index that does not fit"),
        ("LongPrimitivePointIndexList", np.array([1], "<i4").tobytes(), "index that does not fit"),
        ("NumberOfAnnotations", 3, "index that does not fit"),
        ("NumberOfAnnotations", 2**32 - 1, "states 4294967295 annotations"),
        ("PointCoordinatesData", np.zeros(3, "<f4").tobytes(), "half a place"),
        ("PointCoordinatesData", np.full(12, np.nan, "<f4").tobytes(), "no place on a slide"),
        ("PointCoordinatesData", b"", "has no usable PointCoordinatesData"),
        ("GraphicType", "BLOB", "no known graphic type"),
        ("GraphicType", "RECTANGLE", "holds 6 places for 2 annotations of type RECTANGLE"),
    ],
)  # fmt: skip
def test_a_damaged_group_gets_a_sentence(tmp_path: Path, keyword: str, value: object, sentence: str):
    path = other(tmp_path, "POLYGON", [[(0, 0), (8, 0), (8, 8)], [(10, 0), (18, 0), (18, 8)]])
    with pytest.raises(SourceError, match=rf"other\.dcm is damaged: group 1 .*{sentence}.*\. Export it again\."):
        load(changed(path, lambda group: setattr(group, keyword, value)), SLIDE)


def test_places_within_tiles_and_other_dicom_are_refused(tmp_path: Path):
    with pytest.raises(SourceError, match=r"is DICOM \(VL Whole Slide Microscopy Image Storage\) but holds no marks"):
        load(reference(tmp_path), SLIDE)
    path = other(tmp_path, "POINT", [[(1, 2)]])
    dataset = pydicom.dcmread(path)
    dataset.PixelOriginInterpretation = "FRAME"
    dataset.save_as(path)
    with pytest.raises(SourceError, match="holds places within single tiles"):
        load(path, SLIDE)


@pytest.mark.parametrize("form", ["ann", "sr"])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_file_is_read_whole_or_not_at_all(tmp_path: Path, form: Form, undefined: bool, syntax: UID):
    path = tmp_path / "marks.dcm"
    save(path, mix()[:3], (), identity="a slide", form=form)
    dataset = pydicom.dcmread(path)
    for element in dataset.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    again = Dataset(dataset)
    again.file_meta = dataset.file_meta
    again.file_meta.TransferSyntaxUID = syntax
    again.save_as(path, enforce_file_format=True, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    marks = [(one.geometry, one.kind, one.class_name) for one in load(path, SLIDE).marks]
    assert len(marks) == 3
    whole = path.read_bytes()
    for cut in range(200, len(whole) - 90, 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(SourceError, match=r"marks\.dcm"):
            load(path, SLIDE)
    taken = []
    for cut in range(len(whole) - 90, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with contextlib.suppress(SourceError):
            taken.append([(one.geometry, one.kind, one.class_name) for one in load(path, SLIDE).marks])
    assert all(found == marks for found in taken)
    if syntax != DeflatedExplicitVRLittleEndian:  # before an element that follows the marks it ends as a file without that one
        held = "AnnotationGroupSequence" if form == "ann" else "ContentSequence"
        assert len(taken) == sum(element.tag > tag_for_keyword(held) for element in dataset)


def test_nothing_is_written_of_nothing_nor_beside_a_wrong_slide(tmp_path: Path):
    path = tmp_path / "marks.dcm"
    path.write_bytes(b"before")
    with pytest.raises(SourceError, match="holds no empty set of marks"):
        save(path, (), (), identity="a slide")
    with pytest.raises(SourceError, match="is not the DICOM image of a slide"):
        save(path, mix(), (), reference=reference(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"]))
    with pytest.raises(SourceError, match="has no FrameOfReferenceUID"):
        save(path, mix(), (), reference=reference(tmp_path, FrameOfReferenceUID=None))
    with pytest.raises(
        SourceError, match=r"marks\.dcm is not written: the slide's DICOM header holds values that cannot be copied"
    ):
        save(path, mix(), (), reference=reference(tmp_path, StudyDate="in May"))

    def stop(_: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        save(path, mix(), (), identity="a slide", progress=stop)
    assert path.read_bytes() == b"before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["marks.dcm", "slide.dcm"]
