"""Presentation states and reports of measurements, judged by other programs: dciodvfy, dcmtk, pydicom and highdicom."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from viewers.annotations import annotation as draw
from viewers.annotations.annotation import Annotation
from viewers.errors import SourceError
from viewers.film_marks.exported import valued
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import FilmTool, FrameKey, film_mark, shaped, with_label
from viewers.film_marks.presentation import Shown
from viewers.film_marks.saving import save_dicom
from viewers.grayscale import Lut, Window
from viewers.objects.opening import opened
from viewers.objects.showing import Images, drawn_on
from viewers.sources import open_source

Make = Callable[..., Film]
DX = {
    "Modality": "DX", "ImagerPixelSpacing": [0.2, 0.2], "StudyID": "1", "StudyDate": "20260101", "StudyTime": "101010",
    "AccessionNumber": "", "ReferringPhysicianName": "", "PatientBirthDate": "", "PatientSex": "O", "SeriesNumber": 1,
    "InstanceNumber": 1, "BitsStored": 12, "HighBit": 11, "BodyPartExamined": "CHEST",
}  # fmt: skip
RAMP = (np.arange(40 * 60).reshape(40, 60) % 4096).astype("<u2")
INHERITED = ("Laterality",)
"""Errors about attributes that are copied from the image as it is."""


def marks(key: FrameKey) -> list[Annotation]:
    return [
        film_mark(FilmTool.LENGTH, draw.line([(10, 10), (40, 30)]), key),
        film_mark(FilmTool.ELLIPSE, draw.ellipse((20, 5), (50, 25)), key),
        film_mark(FilmTool.ELLIPSE, draw.ellipse((20, 5), (30, 15)), key),
        with_label(film_mark(FilmTool.RECTANGLE, draw.rectangle((5, 5), (25, 15)), key), (30.0, 12.0)),
        film_mark(FilmTool.FREEHAND, draw.polygon([(30, 20), (50, 22), (40, 35)]), key),
        film_mark(FilmTool.ANGLE, shaped(FilmTool.ANGLE, [(1, 1), (10, 10), (20, 1)]), key),
        film_mark(FilmTool.COBB, shaped(FilmTool.COBB, [(1, 1), (30, 10), (1, 35), (30, 30)]), key),
        film_mark(FilmTool.RATIO, shaped(FilmTool.RATIO, [(20, 20), (40, 20), (10, 30), (50, 30)]), key),
        film_mark(FilmTool.PROBE, draw.points([(5.5, 6.5)]), key),
        film_mark(FilmTool.ARROW, draw.line([(5, 5), (20, 20)]), key, "nodule \\ here?"),
    ]


def saved(film: Film, drawn: list[Annotation], folder: Path, form: Any, shown: Shown | None = None) -> Path:
    path = folder / f"{form}.dcm"
    save_dicom(path, film, valued(film, drawn), shown or Shown(), form)
    return path


def errors(path: Path) -> list[str]:
    """What dciodvfy calls an error, without what the image brought with it."""
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    return [line for line in said.splitlines() if "Error" in line and not any(one in line for one in INHERITED)]


def test_a_presentation_state_is_clean_and_holds_every_mark(film: Make, tmp_path: Path) -> None:
    made = film(RAMP, **DX)
    path = saved(made, marks(made.keys[0]), tmp_path, "presentation")
    assert errors(path) == []
    if shutil.which("/usr/bin/dcmpschk"):
        said = subprocess.run(["/usr/bin/dcmpschk", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stdout + said.stderr, said.stdout + said.stderr
    state = pydicom.dcmread(path)
    (only,) = state.GraphicAnnotationSequence
    image = pydicom.dcmread(made.source.path)
    assert only.ReferencedImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert state.ReferencedSeriesSequence[0].SeriesInstanceUID == image.SeriesInstanceUID
    assert state.StudyInstanceUID == image.StudyInstanceUID
    graphics = [(one.GraphicType, list(one.GraphicData)) for one in only.GraphicObjectSequence]
    assert ("POLYLINE", [10, 10, 40, 30]) in graphics
    assert ("ELLIPSE", [20, 15, 50, 15, 35, 5, 35, 25]) in graphics
    assert ("CIRCLE", [25, 10, 30, 10]) in graphics
    assert ("POINT", [5.5, 6.5]) in graphics
    assert sum(kind == "POLYLINE" and len(data) == 10 and data[:2] == data[-2:] for kind, data in graphics) == 1
    assert {one.GraphicLayer for one in state.GraphicLayerSequence} == {only.GraphicLayer} == {"MEASUREMENTS"}
    texts = {one.UnformattedTextValue.split("\r\n")[0]: one for one in only.TextObjectSequence}
    assert f"{np.hypot(30, 20) * 0.2:.1f} mm at detector" in texts
    assert "nodule / here?" in texts
    assert "CTR 0.50" in texts
    assert any(list(one.AnchorPoint) == [30, 12] for one in texts.values())


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "window",
    [
        Window(900, 1400, "wide"),
        Window(700, 500.5, "exact", "LINEAR_EXACT"),
        Lut(300, 12, (4095 - np.arange(0, 4096, 4)).astype(np.uint16), "falling"),
    ],
)
def test_dcmtk_shows_the_state_as_it_was_shown(
    film: Make, tmp_path: Path, window: Window | Lut, photometric: str, inverted: bool
) -> None:
    if not shutil.which("/usr/bin/dcmp2pgm"):
        pytest.skip("dcmp2pgm is not installed (Debian: dcmtk)")
    made = film(RAMP, **DX, PhotometricInterpretation=photometric, RescaleSlope=1, RescaleIntercept=-100, RescaleType="US")
    path = saved(made, marks(made.keys[0])[:1], tmp_path, "presentation", Shown(0, window, (0, 1), inverted))
    out = tmp_path / "shown.pgm"
    subprocess.run(["/usr/bin/dcmp2pgm", "-p", str(path), str(made.source.path), str(out)], check=True, capture_output=True)
    theirs = np.asarray(Image.open(out)).astype(int)
    grayscale = made.source.frame_grayscale(0)  # type: ignore[attr-defined]
    ours = grayscale.render(RAMP, window).astype(int)
    ours = 255 - ours if inverted else ours
    assert np.abs(theirs - ours).max() <= 1


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 270.0])
def test_the_turn_and_the_corners_of_the_picture(film: Make, tmp_path: Path, angle: float, flipped: bool) -> None:
    """By the standard's words with NumPy: first turned clockwise, then mirrored (C.10.6); corners named after that (C.10.4)."""
    made = film(RAMP, **DX)
    path = saved(made, marks(made.keys[0])[:1], tmp_path, "presentation", Shown(angle=angle, flipped=flipped))
    assert errors(path) == []
    state = pydicom.dcmread(path)
    rows, columns = np.mgrid[1:41, 1:61]
    numbered = np.stack([columns, rows], axis=2)

    def seen(picture: np.ndarray) -> np.ndarray:
        """On the screen: mirrored first, then turned clockwise."""
        picture = picture[:, ::-1] if flipped else picture
        return np.rot90(picture, -round(angle / 90))

    by_state = np.rot90(numbered, -state.get("ImageRotation", 0) // 90)
    by_state = by_state[:, ::-1] if state.get("ImageHorizontalFlip", "N") == "Y" else by_state
    assert (by_state == seen(numbered)).all()
    area = state.DisplayedAreaSelectionSequence[0]
    assert list(area.DisplayedAreaTopLeftHandCorner) == seen(numbered)[0, 0].tolist()
    assert list(area.DisplayedAreaBottomRightHandCorner) == seen(numbered)[-1, -1].tolist()


def test_marks_refer_to_their_frames(film: Make, tmp_path: Path) -> None:
    made = film(np.stack([RAMP, RAMP, RAMP]), **{**DX, "Modality": "XA", "BodyPartExamined": "HEART"})
    drawn = [*marks(made.keys[0])[:1], *marks(made.keys[2])[:2]]
    state = pydicom.dcmread(saved(made, drawn, tmp_path, "presentation"))
    frames = [one.ReferencedImageSequence[0].ReferencedFrameNumber for one in state.GraphicAnnotationSequence]
    assert frames == [1, 3]
    assert [len(one.GraphicObjectSequence) for one in state.GraphicAnnotationSequence] == [1, 2]
    report = pydicom.dcmread(saved(made, drawn, tmp_path, "report"))
    found: list[int] = []

    def look(item: Dataset) -> None:
        for one in item.get("ReferencedSOPSequence", ()):
            found.append(int(one.ReferencedFrameNumber))
        for one in item.get("ContentSequence", ()):
            look(one)

    look(report)
    assert set(found) == {1, 3}


def test_a_report_is_clean_and_read_back_with_its_values(film: Make, tmp_path: Path) -> None:
    import highdicom as hd

    made = film(RAMP, **DX)
    drawn = marks(made.keys[0])
    path = saved(made, drawn, tmp_path, "report")
    assert errors(path) == []
    report = hd.sr.srread(path)
    content = report.content
    planar = content.get_planar_roi_measurement_groups()
    others = content.get_image_measurement_groups()
    assert len(planar) == 4
    assert len(others) == 5  # the arrow has no value
    (length,) = (one for one in others if one.tracking_identifier.startswith("Length"))
    (measurement,) = length.get_measurements()
    assert (measurement.name.meaning, measurement.unit.value) == ("Length", "mm")
    assert measurement.value == pytest.approx(np.hypot(30, 20) * 0.2)
    words = [item.TextValue for item in measurement[0].ContentSequence if item.ValueType == "TEXT"]
    assert words == ["at detector"]
    (box,) = (one for one in planar if one.tracking_identifier.startswith("Rectangle"))
    by_derivation = {one.derivation.meaning if one.derivation else one.name.meaning: one for one in box.get_measurements()}
    inside = RAMP[5:15, 5:25].astype(float)
    assert by_derivation["Mean"].value == pytest.approx(inside.mean())
    assert by_derivation["Standard Deviation"].value == pytest.approx(inside.std())
    assert by_derivation["Area"].value == pytest.approx(20 * 10 * 0.04)
    assert by_derivation["Area"].unit.value == "mm2"
    assert box.roi.value.tolist() == [[25, 5], [25, 15], [5, 15], [5, 5], [25, 5]]
    values = {one.name.meaning: one for group in others for one in group.get_measurements()}
    assert values["Cardiothoracic ratio"].value == pytest.approx(0.5)
    assert values["Cobb angle"].unit.value == "deg"
    if shutil.which("/usr/bin/dsrdump"):
        said = subprocess.run(["/usr/bin/dsrdump", str(path)], capture_output=True, text=True, check=True).stdout
        assert '"at detector"' in said
        assert "[hnsf'U]" not in said


def test_hounsfield_units_of_a_ct(bundled: Path, tmp_path: Path) -> None:
    made = Film(open_source(bundled / "CT_small.dcm"))
    drawn = [film_mark(FilmTool.ELLIPSE, draw.ellipse((20, 20), (60, 50)), made.keys[0])]
    for form in ("presentation", "report"):
        path = saved(made, drawn, tmp_path, form)
        assert errors(path) == []
    assert "[hnsf'U]" in {
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
        for group in _groups(pydicom.dcmread(tmp_path / "report.dcm"))
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def test_what_was_drawn_is_shown_again_at_the_same_pixels(film: Make, tmp_path: Path) -> None:
    """By the reader of others' states and reports, as another reader would see it."""
    made = film(RAMP, **DX)
    drawn = marks(made.keys[0])
    images, area = Images(made.source), (0.0, 0.0, 60.0, 40.0)  # type: ignore[arg-type]
    for form in ("presentation", "report"):
        said = opened(saved(made, drawn, tmp_path, form))
        assert images.holds(said)
        shown = [(one.shape, places) for one, places in drawn_on(said, images, 0, area)]
        (box,) = (places for shape, places in shown if shape == "area" and len(places) == 5)
        assert {tuple(place) for place in box} == {(5, 5), (25, 5), (25, 15), (5, 15)}
        rounds = [places for shape, places in shown if shape == "area" and len(places) == 72]
        assert any(((places - (35, 15)) ** 2 / (15**2, 10**2)).sum(axis=1) == pytest.approx(np.ones(72)) for places in rounds)
        assert any(np.hypot(*(places - (25, 10)).T) == pytest.approx(np.full(72, 5.0)) for places in rounds)
    assert [one.title.split()[0] for one in said.findings].count("Length") == 1
    (length,) = (one for one in said.findings if one.title.startswith("Length"))
    assert length.lines[0] == f"Length: {np.hypot(30, 20) * 0.2:.6g} mm"


def _groups(report: Dataset) -> list[Dataset]:
    (found,) = (one for one in report.ContentSequence if one.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements")
    return list(found.ContentSequence)


def test_colour_gets_a_colour_state(write_dicom: Callable[..., Path], tmp_path: Path) -> None:
    pixels = np.zeros((40, 60 * 3), np.uint8)
    path = write_dicom(
        pixels, "colour.dcm", Columns=60, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0,
        **{**DX, "Modality": "XC", "BitsStored": 8, "HighBit": 7, "ImagerPixelSpacing": None},
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4",
    )  # fmt: skip
    made = Film(open_source(path))
    state = pydicom.dcmread(saved(made, marks(made.keys[0])[:2], tmp_path, "presentation"))
    assert state.SOPClassUID.name == "Color Softcopy Presentation State Storage"
    assert len(state.ICCProfile) > 100
    assert errors(tmp_path / "presentation.dcm") == []


def test_what_cannot_be_written_is_said_and_the_old_file_stays(film: Make, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(picture)
    made = Film(open_source(picture), "own")
    out = tmp_path / "presentation.dcm"
    out.write_bytes(b"old")
    with pytest.raises(SourceError, match="only refer to DICOM"):
        saved(made, marks(made.keys[0]), tmp_path, "presentation")
    dicom = film(RAMP, **DX)
    for form in ("presentation", "report"):
        with pytest.raises(SourceError, match="is not written"):
            saved(dicom, [], tmp_path, form)
    nameless = film(RAMP, name="nameless.dcm", **{**DX, "StudyInstanceUID": None})
    with pytest.raises(SourceError, match="no StudyInstanceUID"):
        saved(nameless, marks(nameless.keys[0]), tmp_path, "report")
    assert out.read_bytes() == b"old"
    assert not list(tmp_path.glob(".hilum-tmp-*"))


def test_slices_with_another_rescale_are_left_out_of_a_state_and_it_is_said(film: Make, tmp_path: Path) -> None:
    groups = []
    for slope in ("1", "2", "1"):
        item, transformation = Dataset(), Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept, transformation.RescaleType = slope, "0", "US"
        item.PixelValueTransformationSequence = [transformation]
        groups.append(item)
    made = film(np.stack([RAMP, RAMP, RAMP]), **{**DX, "Modality": "PT"}, PerFrameFunctionalGroupsSequence=groups)
    drawn = [mark for number in range(3) for mark in marks(made.keys[number])[:1]]
    notes = save_dicom(tmp_path / "state.dcm", made, valued(made, drawn), Shown(0), "presentation")
    assert any("1 mark lies on an image with another rescale" in note for note in notes)
    assert len(pydicom.dcmread(tmp_path / "state.dcm").GraphicAnnotationSequence) == 2
