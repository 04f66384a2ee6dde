"""Presentation states, key images and contours against the formulas of PS3.3 and dcmtk's own rendering."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from viewers.camera import Camera
from viewers.errors import SourceError
from viewers.frames import FrameReader, Look
from viewers.geometry import Size
from viewers.grayscale import Window
from viewers.object_layer import on_screen
from viewers.objects import curves
from viewers.objects.opening import opened
from viewers.objects.said import Presentation
from viewers.objects.showing import Images, drawn_on, from_display
from viewers.qimage import to_array
from viewers.sources import discover, open_source
from viewers.sources.attached import Attached

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
CT = tuple[Path, list[Dataset]]
DCMP2PGM = Path("/usr/bin/dcmp2pgm")


def test_drawings_lie_where_they_were_made(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.presentation(tmp_path / "pr.dcm", images)
    said, source = opened(tmp_path / "pr.dcm"), Images(open_source(folder))  # type: ignore[arg-type]
    drawn = [places for _, places in drawn_on(said, source, 1, (0, 0, 64, 64))]
    assert np.linalg.norm(drawn[0] - (30, 20), axis=1) == pytest.approx(np.full(72, 5.0))
    assert drawn[1] == pytest.approx(np.array([[16.0, 32.0], [48.0, 32.0]]))
    assert drawn[2] == pytest.approx(np.array([[10.0, 12.0]]))
    assert not list(drawn_on(said, source, 2, (0, 0, 64, 64)))
    assert {one.colour for one in said.graphics} == {(255, 0, 0)}
    assert said.layers == ("MARKS",)
    assert said.presentation is not None
    assert said.presentation.voi[0][1] == Window(-980.0, 40.0)


@pytest.mark.skipif(not DCMP2PGM.exists(), reason="dcmtk is not installed")
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["Y", "N"])
def test_window_turn_and_flip_are_as_dcmtk_renders_them(made: ModuleType, ct: CT, tmp_path: Path, angle: int, flip: str) -> None:
    folder, images = ct
    images[0].PixelData = (np.add.outer(np.arange(64) // 3, np.arange(64))).astype("<u2").tobytes()
    images[0].save_as(folder / "0.dcm", enforce_file_format=True)
    made.presentation(tmp_path / "pr.dcm", images[:1] * 2, ImageRotation=angle, ImageHorizontalFlip=flip)
    out = tmp_path / "out.pgm"
    subprocess.run([DCMP2PGM, "-q", "-p", tmp_path / "pr.dcm", folder / "0.dcm", out], check=True)
    theirs = np.asarray(Image.open(out)).astype(int)
    said, source = opened(tmp_path / "pr.dcm"), open_source(folder / "0.dcm")
    state = said.presentation
    assert state is not None
    grey = source.render(0, state.voi[0][1]).astype(int)  # type: ignore[attr-defined]
    camera = Camera(Size(64, 64))
    camera.resize(64, 64)
    camera.fit()
    camera.turn_to(state.angle)
    if state.flipped:
        camera.flip()
    rows, columns = np.mgrid[0:64, 0:64]
    places = on_screen(camera, np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1))
    ours = np.zeros((64, 64), int)
    ours[np.floor(places[:, 1]).astype(int), np.floor(places[:, 0]).astype(int)] = grey.ravel()
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize(("angle", "flipped", "place"), [
    (0, False, (10.0, 0.0)), (90, False, (0.0, 40.0)), (180, False, (70.0, 60.0)), (270, False, (80.0, 20.0)),
    (0, True, (70.0, 0.0)),
])  # fmt: skip
def test_places_on_the_display_are_turned_back(angle: int, flipped: bool, place: tuple[float, float]) -> None:
    """One eighth (or a third) from the left of the top edge of what is seen of 80 × 60 pixels."""
    share = 1 / 8 if angle in (0, 180) else 1 / 3
    state = Presentation(angle=angle, flipped=flipped)
    assert from_display(np.array([[share, 0.0]]), state, (0, 0, 80, 60))[0] == pytest.approx(place)


def test_curves_by_formula() -> None:
    around = curves.ellipse(np.array([[0.0, 5.0], [20.0, 5.0], [10.0, 1.0], [10.0, 9.0]]))
    assert ((around[:, 0] - 10) / 10) ** 2 + ((around[:, 1] - 5) / 4) ** 2 == pytest.approx(np.ones(72))
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
    smooth = curves.smooth(points)
    assert all(np.linalg.norm(smooth - one, axis=1).min() < 0.05 for one in points)


def test_key_images_are_found_in_the_series(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.key_images(tmp_path / "ko.dcm", [images[1], images[4]])
    said = opened(tmp_path / "ko.dcm")
    assert said.summary == "key images: For Teaching · 2 images"
    assert said.text == ((0, "the two best"),)
    assert Images(open_source(folder)).marked(said) == [1, 4]  # type: ignore[arg-type]


def _contours(path: Path, images: list[Dataset], points: list[float]) -> None:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.Modality, made.StructureSetLabel = "RTSTRUCT", "PLAN"
    roi, lines, contour = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, "Cord", images[0].FrameOfReferenceUID
    contour.ContourGeometricType, contour.ContourData = "CLOSED_PLANAR", points
    lines.ReferencedROINumber, lines.ROIDisplayColor, lines.ContourSequence = 1, [0, 255, 0], [contour]
    made.StructureSetROISequence, made.ROIContourSequence = [roi], [lines]
    made.save_as(path, enforce_file_format=True)


def test_contours_lie_on_their_slice(ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    _contours(tmp_path / "rt.dcm", images, [-20, -10, 5.0, -12, -10, 5.0, -12, -2, 5.0])
    said, source = opened(tmp_path / "rt.dcm"), Images(open_source(folder))  # type: ignore[arg-type]
    drawn = {frame: [places for _, places in drawn_on(said, source, frame, (0, 0, 64, 64))] for frame in range(6)}
    assert [len(drawn[frame]) for frame in range(6)] == [0, 0, 1, 0, 0, 0]
    assert drawn[2][0] == pytest.approx(np.array([[0.5, 0.5], [10.5, 0.5], [10.5, 10.5]]))
    assert said.graphics[0].colour == (0, 255, 0)
    assert said.layers == ("Cord",)


def test_a_contour_of_one_frame_is_on_no_other(ct: CT, tmp_path: Path) -> None:
    """Frame numbers in a file are counted from 1 (PS3.3 10.3)."""
    _, images = ct
    _contours(tmp_path / "rt.dcm", images, [-20, -10, 5.0, -12, -10, 5.0, -12, -2, 5.0])
    made, reference = pydicom.dcmread(tmp_path / "rt.dcm"), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = images[0].SOPClassUID, images[0].SOPInstanceUID
    reference.ReferencedFrameNumber = 3
    made.ROIContourSequence[0].ContourSequence[0].ContourImageSequence = [reference]
    made.save_as(tmp_path / "rt.dcm")
    (graphic,) = opened(tmp_path / "rt.dcm").graphics
    (where,) = graphic.where
    assert [where.covers(images[0].SOPInstanceUID, frame) for frame in range(4)] == [False, False, True, False]


def test_they_are_no_pictures_and_no_failures(made: ModuleType, ct: CT) -> None:
    folder, images = ct
    made.key_images(folder / "ko.dcm", images[:2])
    made.segmentation(folder / "seg.dcm", images, made.block())
    found = list(discover(folder))
    assert sorted(one.path.name for one in found if getattr(one, "attached", False)) == ["ko.dcm", "seg.dcm"]
    assert [len(one.files) for one in found if not hasattr(one, "sentence")] == [6]  # type: ignore[union-attr]
    with pytest.raises(Attached, match=r"^seg.dcm is no picture \(Segmentation\)"):
        open_source(folder / "seg.dcm")


def test_what_is_none_of_them_is_refused(ct: CT) -> None:
    with pytest.raises(SourceError, match=r"^0.dcm is no report"):
        opened(ct[0] / "0.dcm")


def test_its_shutter_takes_the_place_of_the_images_own(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    """dcmtk draws none; by PS3.3 C.7.6.11 edges and the circle's radius count from 1 and belong to the picture."""
    folder, images = ct
    for keyword, value in {"ShutterShape": "RECTANGULAR", **edges(1, 64, 1, 3)}.items():
        setattr(images[0], keyword, value)
    images[0].save_as(folder / "0.dcm", enforce_file_format=True)
    shutter = {"CenterOfCircularShutter": [30, 33], "RadiusOfCircularShutter": 20, "ShutterPresentationValue": 0x8080}
    made.presentation(tmp_path / "pr.dcm", images, ShutterShape=["RECTANGULAR", "CIRCULAR"], **edges(11, 50, 6, 40), **shutter)
    state = opened(tmp_path / "pr.dcm").presentation
    assert state is not None
    assert state.shutter is not None
    stated = state.shutter(Size(64, 64), 1.0)
    shown = FrameReader(open_source(folder / "0.dcm")).make(Look(0, 0, Window(-980.0, 40.0), stated=stated))
    assert shown is not None
    rows, columns = np.mgrid[1:65, 1:65]
    seen = (columns >= 11) & (columns <= 50) & (rows >= 6) & (rows <= 40) & (np.hypot(rows - 30, columns - 33) <= 20)
    grey = to_array(shown.image)[..., 0] if to_array(shown.image).ndim == 3 else to_array(shown.image)
    assert (grey[~seen] == 128).all()
    own = open_source(folder / "0.dcm").render(0, Window(-980.0, 40.0))  # type: ignore[attr-defined]
    assert (grey[seen] == own[seen]).all()


def edges(left: int, right: int, upper: int, lower: int) -> dict[str, int]:
    names = "LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal"
    return {f"Shutter{name}Edge": value for name, value in zip(names, (left, right, upper, lower), strict=True)}
