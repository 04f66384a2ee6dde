"""Overlay planes and shutters against dcmtk, pydicom and plain geometry."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataelem import DataElement
from pytestqt.qtbot import QtBot
from shapely import Polygon, contains_xy

from viewers.frame_graphics import FrameGraphics, OverlayPlane, drawn
from viewers.frames import FrameReader, Look
from viewers.geometry import Region, Size
from viewers.grayscale import Window
from viewers.qimage import to_array
from viewers.sources import FramedSource, GrayscaleSource, open_source

WriteDicom = Callable[..., Path]
Show = Callable[..., Any]


def graphics(path: Path, frame: int = 0) -> FrameGraphics:
    source = open_source(path)
    assert isinstance(source, FramedSource)
    return source.frame_graphics(frame)


def by_dcmtk(path: Path, tmp_path: Path, frame: int = 1) -> NDArray[np.bool_]:
    """Where dcm2pnm draws overlays: what replaces the picture by white against the picture without them."""
    if shutil.which("dcm2pnm") is None:
        pytest.skip("dcm2pnm (Debian package dcmtk) is not installed")
    shown = []
    for name, options in (("without", ["-O"]), ("with", ["+O", "16"])):
        out = tmp_path / f"{name}.pnm"
        more = ["+Omr"] if name == "with" else []  # replace
        options = ["-O"] if name == "without" else ["+O", "0", *more]
        call = ["dcm2pnm", *options, "+F", str(frame), "+Wm", "--write-raw-pnm", str(path), str(out)]
        subprocess.run(call, capture_output=True, check=True)
        shown.append(np.asarray(Image.open(out).convert("L")).astype(int))
    return shown[0] != shown[1]


def add_overlay(path: Path, group: int, **elements: tuple[int, str, object]) -> None:
    dataset = pydicom.dcmread(path)
    for element, vr, value in elements.values():
        dataset.add(DataElement((group, element), vr, value))
    dataset.save_as(path)


def plane(path: Path, mask: NDArray[Any], group: int = 0x6000, origin: tuple[int, int] = (1, 1), **more: Any) -> None:
    """Writes a plane of its own bits; `mask` is (rows, columns) or (frames, rows, columns)."""
    rows, columns = mask.shape[-2:]
    data = np.packbits(mask.ravel().astype(np.uint8), bitorder="little").tobytes()
    elements = {
        "rows": (0x10, "US", rows), "columns": (0x11, "US", columns), "kind": (0x40, "CS", "G"),
        "origin": (0x50, "SS", list(origin)),
        "bits": (0x100, "US", 1), "bit": (0x102, "US", 0), "data": (0x3000, "OW", data + b"\0" * (len(data) % 2)),
    }  # fmt: skip
    add_overlay(path, group, **{name: one for name, one in (elements | more).items() if one is not None})


def scattered(rows: int, columns: int, seed: int = 1) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((rows, columns)) < 0.3


def test_a_real_overlay_is_where_pydicom_and_dcmtk_see_it(bundled: Path, tmp_path: Path) -> None:
    path = bundled / "examples_overlay.dcm"
    found = graphics(path)
    (only,) = found.overlays
    assert np.array_equal(only.bits, pydicom.dcmread(path).overlay_array(0x6000).astype(bool))
    assert (only.left, only.top) == (0, 0)
    ours = drawn(found.overlays, open_source(path).size)
    assert ours is not None
    peer = by_dcmtk(path, tmp_path)
    assert not (peer & ~ours).any(), "dcmtk draws nothing that we do not"
    picture = pydicom.dcmread(path).pixel_array
    assert not (ours & ~peer)[picture < picture.max()].any(), "and misses only where the picture is as white"


@pytest.mark.parametrize("origin", [(1, 1), (-3, 5), (50, 60)])
def test_planes_lie_at_their_origin_and_are_cut_at_the_edge(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path, origin: tuple[int, int]
) -> None:
    path = write_dicom(ramp)
    bits = scattered(20, 24)
    plane(path, bits, origin=origin)
    ours = drawn(graphics(path).overlays, Size(64, 64))
    truth = np.zeros((200, 200), bool)
    truth[100 + origin[0] - 1 :, 100 + origin[1] - 1 :][:20, :24] = bits
    assert ours is not None
    assert np.array_equal(ours, truth[100:164, 100:164])
    peer = by_dcmtk(path, tmp_path)
    assert np.array_equal(ours[:-1], peer[:-1]), "the last row is as white as an overlay"


def test_a_bit_above_the_pixels_value_is_a_plane(write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path) -> None:
    bits = scattered(64, 64)
    path = write_dicom(ramp | (bits.astype(np.uint16) << 13), BitsStored=12, HighBit=11)
    elements = {"rows": (0x10, "US", 64), "columns": (0x11, "US", 64), "kind": (0x40, "CS", "G"), "origin": (0x50, "SS", [1, 1])}
    add_overlay(path, 0x6000, **elements, bits=(0x100, "US", 16), bit=(0x102, "US", 13))  # type: ignore[arg-type]
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert np.array_equal(source.stored(), ramp), "the plane is no part of the values"
    ours = drawn(graphics(path).overlays, Size(64, 64))
    assert ours is not None
    assert np.array_equal(ours, bits)
    assert np.array_equal(ours[:-1], by_dcmtk(path, tmp_path)[:-1])


def test_each_frame_has_its_own_plane(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    frames = np.stack([ramp] * 4)
    path = write_dicom(ramp, Modality="US", NumberOfFrames=4, PixelData=frames.tobytes())
    bits = np.stack([scattered(9, 7, seed) for seed in range(2)])
    plane(path, bits, frames=(0x15, "IS", 2), first=(0x51, "US", 2))
    assert graphics(path, 0).overlays == graphics(path, 3).overlays == ()
    assert np.array_equal(graphics(path, 1).overlays[0].bits, bits[0])
    assert np.array_equal(graphics(path, 2).overlays[0].bits, bits[1])


@pytest.mark.parametrize(
    "more",
    [
        {"data": (0x3000, "OW", b"\1\0")},
        {"rows": (0x10, "US", 0)},
        {"rows": (0x10, "US", 65535), "columns": (0x11, "US", 65535)},
        {"data": None, "bits": (0x100, "US", 16), "bit": (0x102, "US", 40)},
        {"data": None, "bits": (0x100, "US", 16), "bit": (0x102, "US", 12)},  # of another size than the picture
    ],
)
def test_a_plane_that_does_not_fit_is_said_and_left_out(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], more: dict[str, Any]
) -> None:
    path = write_dicom(ramp)
    plane(path, scattered(20, 24), **more)
    found = graphics(path)
    assert found.overlays == ()
    assert "6000" in found.notes[0]


def test_thin_lines_stay_when_a_picture_is_halved() -> None:
    bits = np.zeros((65, 64), bool)
    bits[33], bits[:, 10] = True, True
    found = drawn((OverlayPlane(0x6000, bits),), Size(64, 65), 2)
    assert found is not None
    assert found.shape == (17, 16)
    assert found[8].all()
    assert found[:, 2].all()
    assert found.sum() == 16 + 17 - 1


RECTANGLE = {
    "ShutterLeftVerticalEdge": 11,
    "ShutterRightVerticalEdge": 50,
    "ShutterUpperHorizontalEdge": 6,
    "ShutterLowerHorizontalEdge": 40,
}
CIRCLE = {"CenterOfCircularShutter": [30, 33], "RadiusOfCircularShutter": 20}
CORNERS = [5, 8, 10, 60, 55, 50, 40, 12]  # row, column, row, column …


def truth_of(shape: str, aspect: float = 1.0) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[1:65, 1:65]
    if shape == "RECTANGULAR":
        return (columns >= 11) & (columns <= 50) & (rows >= 6) & (rows <= 40)
    if shape == "CIRCULAR":
        return np.hypot((rows - 30) * aspect, columns - 33) <= 20
    outline = Polygon(list(zip(CORNERS[1::2], CORNERS[0::2], strict=True)))
    return contains_xy(outline.buffer(0.5), columns, rows)


@pytest.mark.parametrize("shapes", [["RECTANGULAR"], ["CIRCULAR"], ["POLYGONAL"], ["RECTANGULAR", "CIRCULAR"]])
def test_a_shutter_leaves_what_its_shapes_share(write_dicom: WriteDicom, ramp: NDArray[np.uint16], shapes: list[str]) -> None:
    values: dict[str, Any] = {"ShutterShape": shapes, "ShutterPresentationValue": 0x8080}
    path = write_dicom(ramp, **values, **RECTANGLE, **CIRCLE, VerticesOfThePolygonalShutter=CORNERS)
    shutter = graphics(path).shutter
    assert shutter is not None
    assert shutter.grey == 128
    truth = np.logical_and.reduce([truth_of(shape) for shape in shapes])
    differ = shutter.visible != truth
    if "POLYGONAL" in shapes:  # rasterisers differ on the outline itself
        outline = Polygon(list(zip(CORNERS[1::2], CORNERS[0::2], strict=True))).boundary
        rows, columns = np.nonzero(differ)
        assert all(outline.distance(point) < 1 for point in _points(columns + 1, rows + 1))
    else:
        assert not differ.any()


def _points(columns: NDArray[Any], rows: NDArray[Any]) -> list[Any]:
    from shapely import Point

    return [Point(x, y) for x, y in zip(columns, rows, strict=True)]


def test_a_circular_shutter_is_a_circle_in_the_patient(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, Modality="CT", PixelSpacing=[1.5, 1.0], ShutterShape="CIRCULAR", **CIRCLE)
    shutter = graphics(path).shutter
    assert shutter is not None
    assert np.array_equal(shutter.visible, truth_of("CIRCULAR", 1.5))


def test_a_bitmap_shutter_hides_by_its_plane(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, ShutterShape="BITMAP", ShutterOverlayGroup=0x6002)
    bits = scattered(64, 64)
    plane(path, bits, group=0x6002)
    found = graphics(path)
    assert found.overlays == ()
    assert found.shutter is not None
    assert np.array_equal(found.shutter.visible, ~bits)


@pytest.mark.parametrize(
    "values",
    [
        {"ShutterShape": "RECTANGULAR"},
        {"ShutterShape": "RECTANGULAR", **RECTANGLE, "ShutterRightVerticalEdge": 3},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [900, 900], "RadiusOfCircularShutter": 5},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 2, 3]},
        {"ShutterShape": "ROUND"},
        {"ShutterShape": "BITMAP", "ShutterOverlayGroup": 0x6004},
    ],
)
def test_a_shutter_that_would_hide_everything_hides_nothing(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, Any]
) -> None:
    found = graphics(write_dicom(ramp, **values))
    assert found.shutter is None
    assert "shutter" in found.notes[0]


def test_shutter_and_overlay_are_drawn_and_go_away(
    qtbot: QtBot, show_view: Show, write_dicom: WriteDicom, ramp: NDArray[np.uint16]
) -> None:
    path = write_dicom(ramp, WindowCenter=2048, WindowWidth=4096, ShutterShape="RECTANGULAR", **RECTANGLE)
    bits = np.zeros((64, 64), bool)
    bits[20:30, 20:30] = True
    plane(path, bits)
    view = show_view(open_source(path))
    view.one_to_one()

    def shown() -> NDArray[np.uint8]:
        qtbot.waitUntil(lambda: view.settled, timeout=20_000)
        return to_array(view.grab_view())[118:182, 168:232]

    both = shown()
    assert (both[~truth_of("RECTANGULAR")] == 0).all()
    assert (both[20:30, 20:30] == (0xF2, 0xD2, 0x4B)).all()
    assert "shutter, rectangular" in view.corner_lines()["bottom-left"]
    view.draw_shutter(False)
    view.draw_overlays(False)
    plain = shown()
    truth = np.clip((ramp - 2047.5) / 4095 + 0.5, 0, 1) * 255
    assert np.abs(plain - truth[:, :, None]).max() <= 0.51
    assert "shutter off" in view.corner_lines()["bottom-left"]
    source = view.source
    assert np.array_equal(source.stored(), ramp), "what is stored never changes"
    assert np.array_equal(source.read(Region.whole(source.size)), plain), "and what is read has neither"


def test_a_drag_of_the_window_draws_no_overlay_anew(write_dicom: WriteDicom) -> None:
    path = write_dicom(np.zeros((40, 48), np.uint16))
    plane(path, scattered(40, 48))
    reader = FrameReader(open_source(path))
    found = [reader.make(Look(0, halvings, window)) for halvings in (0, 1) for window in (None, Window(40.0, 400.0))]
    whole, again, halved, halved_again = (one.overlay.cacheKey() for one in found if one is not None and one.overlay is not None)
    assert whole == again != halved == halved_again
