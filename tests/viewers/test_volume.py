"""Voxels in the patient and planes through them, against formulas in patient coordinates and plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tests.viewers.volumes import AXIAL, CORONAL, SAGITTAL, Phantom, Values, ball, oblique, slope
from viewers.errors import SourceError
from viewers.mpr import PLANES, Crosshair, Plane, cut_of
from viewers.sources import open_source
from viewers.volume import Volume
from viewers.volume_cuts import Cut, Slab, cut_values
from viewers.volume_reading import Stopped, budget, read_volume, refusal

WAYS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": oblique()}
RAMP = slope((3.0, -2.0, 5.0), 40.0)
TURNS = [None, (Plane.AXIAL, 30.0), (Plane.CORONAL, -20.0)]


def unheard(done: int, of: int) -> None:
    """Nobody looks at the progress."""


def volume_of(folder: Path, phantom: Phantom, values: Values, **more: object) -> Volume:
    source = open_source(phantom.write(folder / "ct", values, **more))
    try:
        return read_volume(source, 0, unheard, lambda: False)
    finally:
        source.close()


def hu(volume: Volume, cut: Cut) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    found = cut_values(volume, cut)
    return found.stored * volume.grayscale.slope + volume.grayscale.intercept, found.there


def places(cut: Cut) -> NDArray[np.float64]:
    """Patient coordinates (height, width, 3) of the pixels' centres, by the words of `Cut` alone."""
    columns, rows = np.arange(cut.size.width)[None, :, None], np.arange(cut.size.height)[:, None, None]
    return np.array(cut.corner) + columns * cut.pixel_mm[0] * np.array(cut.across) + rows * cut.pixel_mm[1] * np.array(cut.down)


@pytest.mark.parametrize("way", WAYS)
def test_voxels_are_the_files_values_and_lie_where_the_files_say(tmp_path: Path, way: str) -> None:
    phantom = Phantom(WAYS[way])
    volume = volume_of(tmp_path, phantom, RAMP)
    assert volume.voxels.dtype == np.uint16
    assert np.array_equal(volume.voxels.astype(np.int64) - 1024, phantom.voxels(RAMP))
    for index in ((0, 0, 0), (3, 17, 5), (23, 39, 47)):
        there = phantom.coordinates(phantom.places[index[0]])[index[1], index[2]]
        assert np.allclose(volume.place(index), there, atol=1e-4)
        assert volume.index_of(there) == index
        assert volume.value_at(there) == (phantom.voxels(RAMP)[index], "HU")
    assert volume.index_of(volume.place((-0.6, 3, 3))) is None
    assert volume.index_of(volume.place((3, 3, 47.6))) is None
    assert volume.bounds == (phantom.voxels(RAMP).min(), phantom.voxels(RAMP).max())


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("way", WAYS)
def test_a_ball_lies_where_it_is_in_every_plane(tmp_path: Path, way: str, turn: Any) -> None:
    """Its centre of mass in the plane through its middle, within half a voxel."""
    phantom, at = Phantom(WAYS[way]), np.array([14.0, -27.0, 58.0])
    volume = volume_of(tmp_path, phantom, ball(at))
    crosshair = Crosshair.through(volume).moved(at)
    if turn:
        crosshair = crosshair.turned(*turn).turned(Plane.SAGITTAL, 15.0)
    for plane in PLANES:
        cut = cut_of(volume, crosshair, plane)
        values, there = hu(volume, cut)
        weight = np.where(there, values + 100, 0).clip(0)
        centre = (places(cut) * weight[:, :, None]).sum(axis=(0, 1)) / weight.sum()
        assert np.linalg.norm(centre - at) < 0.5 * max(volume.pitch_mm) / 2
        x, y = cut.pixel(at)
        rows, columns = (weight.sum(axis=axis) for axis in (1, 0))
        found = (
            (columns @ (np.arange(cut.size.width) + 0.5)) / weight.sum(),
            (rows @ (np.arange(cut.size.height) + 0.5)) / weight.sum(),
        )
        assert found == pytest.approx((x, y), abs=0.5)
        radius = np.sqrt(weight.sum() / 600 * cut.pixel_mm[0] * cut.pixel_mm[1] / np.pi)
        assert radius == pytest.approx(6.0, abs=0.5)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("way", WAYS)
def test_what_rises_evenly_is_given_back_everywhere(tmp_path: Path, way: str, turn: Any) -> None:
    """Trilinear interpolation is exact for a linear field; the voxels are rounded to whole HU."""
    phantom = Phantom(WAYS[way])
    volume = volume_of(tmp_path, phantom, RAMP)
    crosshair = Crosshair.through(volume).moved(volume.centre + np.array([1.3, 0.4, -0.9]))
    if turn:
        crosshair = crosshair.turned(*turn).turned(Plane.AXIAL, 7.0)
    for plane in PLANES:
        cut = cut_of(volume, crosshair, plane)
        values, there = hu(volume, cut)
        index = np.array([[volume.index_of(place) is not None for place in line] for line in places(cut)[::9, ::9]])
        assert (there[::9, ::9] == index).mean() > 0.97
        inner = _well_inside(volume, places(cut))
        assert inner.sum() > 200
        assert np.abs(values - RAMP(places(cut)))[inner].max() <= 0.5 + 2e-2


def _well_inside(volume: Volume, where: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Between the outermost centres of voxels."""
    index = volume.depth_row_column(where)
    _, rows, columns = volume.voxels.shape
    return ((index >= 0) & (index <= [volume.depths[-1], rows - 1, columns - 1])).all(axis=-1)


def test_oblique_planes_are_those_of_map_coordinates(tmp_path: Path) -> None:
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(4)
    phantom = Phantom(oblique(), rows=20, columns=22, count=18)
    volume = volume_of(tmp_path, phantom, lambda where: rng.integers(-900, 900, where.shape[:2]))
    cut = cut_of(volume, Crosshair.through(volume).turned(Plane.AXIAL, 33).turned(Plane.CORONAL, 11), Plane.SAGITTAL)
    basis = np.stack(
        [phantom.normal * phantom.step, phantom.column * phantom.spacing[0], phantom.row * phantom.spacing[1]], axis=1
    )
    index = (places(cut) - phantom.places[0]) @ np.linalg.inv(basis).T
    inner = ((index >= 0) & (index <= np.array(volume.voxels.shape) - 1)).all(axis=2)
    truth = map_coordinates(volume.voxels.astype(np.float64), np.moveaxis(index, 2, 0), order=1)
    assert inner.sum() > 100
    assert np.abs(cut_values(volume, cut).stored - truth)[inner].max() < 0.05


@pytest.mark.parametrize(("slab", "reduce"), [(Slab.MIP, np.max), (Slab.MINIP, np.min), (Slab.MEAN, np.mean)])
@pytest.mark.parametrize("way", ["axial", "coronal", "sagittal"])
def test_slabs_along_the_axes_are_numpy_s(tmp_path: Path, way: str, slab: Slab, reduce: Any) -> None:
    """Voxels whose centres lie in the slab, in the frame of the patient: by sorting them into it by hand."""
    rng = np.random.default_rng(5)
    phantom = Phantom(WAYS[way], rows=16, columns=18, count=14, spacing=(1.0, 1.0), step=1.0)
    volume = volume_of(tmp_path, phantom, lambda where: rng.integers(-900, 900, where.shape[:2]))
    voxels = volume.voxels.astype(np.float64)
    where = np.array([[[volume.place((z, y, x)) for x in range(18)] for y in range(16)] for z in range(14)])
    at = volume.place((6.0, 7.0, 8.0))
    for plane in PLANES:
        cut = cut_of(volume, Crosshair.through(volume).moved(at), plane, slab, 5.0)
        found = cut_values(volume, cut)
        inside = np.abs((where - at) @ cut.normal) <= 2.5 + 1e-6
        assert found.there.all()
        for y, x in ((0, 0), (3, 9), (cut.size.height - 1, cut.size.width - 1)):
            beside = np.linalg.norm(np.cross(where - cut.place(x + 0.5, y + 0.5), cut.normal), axis=-1) < 0.1
            assert (inside & beside).sum() == 5
            assert found.stored[y, x] == pytest.approx(reduce(voxels[inside & beside]), abs=1e-3)


@pytest.mark.parametrize("slab", [Slab.MIP, Slab.MINIP, Slab.MEAN])
def test_slabs_askew_are_those_of_their_planes(tmp_path: Path, slab: Slab) -> None:
    """On a linear field the mean is the middle plane, and the ends lie half a thickness away."""
    volume = volume_of(tmp_path, Phantom(rows=40, columns=40, count=40, spacing=(1.0, 1.0), step=1.0), RAMP)
    cut = cut_of(volume, Crosshair.through(volume).turned(Plane.AXIAL, 25), Plane.CORONAL, slab, 8.0)
    values, there = hu(volume, cut)
    rise = abs(float(np.array([3.0, -2.0, 5.0]) @ cut.normal))
    truth = RAMP(places(cut)) + {Slab.MIP: 4.0, Slab.MINIP: -4.0, Slab.MEAN: 0.0}[slab] * rise
    middle = (slice(cut.size.height // 2 - 6, cut.size.height // 2 + 6), slice(cut.size.width // 2 - 6, cut.size.width // 2 + 6))
    assert there[middle].all()
    assert np.abs(values - truth)[middle].max() < 0.6


LETTERS = {
    Plane.AXIAL: ("R", "L", "A", "P"),
    Plane.CORONAL: ("R", "L", "H", "F"),
    Plane.SAGITTAL: ("A", "P", "H", "F"),
}


@pytest.mark.parametrize("way", ["axial", "coronal", "sagittal"])
def test_planes_hang_as_radiologists_hang_them(tmp_path: Path, way: str) -> None:
    volume = volume_of(tmp_path, Phantom(WAYS[way]), RAMP)
    crosshair = Crosshair.through(volume)
    for plane, letters in LETTERS.items():
        assert crosshair.letters(plane) == letters
        assert crosshair.name(plane) == plane
        right, down = crosshair.view(plane)
        assert np.abs(right).max() == np.abs(down).max() == 1.0


def test_oblique_acquisitions_keep_their_slices_and_say_how_far_off_they_are(tmp_path: Path) -> None:
    phantom = Phantom(oblique(20.0))
    volume = volume_of(tmp_path, phantom, RAMP)
    own = Crosshair.through(volume)
    slices = [plane for plane in PLANES if abs(float(own.normal(plane) @ phantom.normal)) > 1 - 1e-9]
    assert slices == [Plane.SAGITTAL]
    assert "off sagittal" in own.name(Plane.SAGITTAL)
    cut = cut_of(volume, own.moved(volume.place((5, 3, 3))), Plane.SAGITTAL)
    values, _ = hu(volume, cut)
    assert np.array_equal(np.sort(values.ravel()), np.sort(phantom.voxels(RAMP)[5].ravel().astype(float)))
    square = Crosshair.through(volume, patient=True)
    assert [square.name(plane) for plane in PLANES] == ["axial", "coronal", "sagittal"]
    assert square.letters(Plane.CORONAL) == LETTERS[Plane.CORONAL]


def test_turning_leaves_the_plane_upright_and_the_axes_at_right_angles(tmp_path: Path) -> None:
    crosshair = Crosshair.through(volume_of(tmp_path, Phantom(), RAMP))
    for _ in range(500):
        crosshair = crosshair.turned(Plane.AXIAL, 1.7).turned(Plane.SAGITTAL, -0.9)
    axes = np.array(crosshair.axes)
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    once = Crosshair.through(volume_of(tmp_path, Phantom(), RAMP)).turned(Plane.AXIAL, 30)
    right, down = once.view(Plane.AXIAL)
    assert np.allclose([right, down], [[1, 0, 0], [0, 1, 0]])
    line = once.line(Plane.AXIAL, Plane.CORONAL)
    assert abs(float(line @ [np.cos(np.pi / 6), np.sin(np.pi / 6), 0])) == pytest.approx(1.0)  # clockwise on the screen
    assert once.name(Plane.CORONAL) == "oblique, 30° off coronal"


def test_a_tilted_gantry_is_set_right(tmp_path: Path) -> None:
    phantom = Phantom(shift=(0.0, 2.0 * np.tan(np.radians(18)), 0.0), rows=60)
    volume = volume_of(tmp_path, phantom, RAMP)
    assert volume.sheared
    for plane in PLANES:
        cut = cut_of(volume, Crosshair.through(volume), plane)
        values, there = hu(volume, cut)
        inner = _well_inside(volume, places(cut)) & there
        assert np.abs(values - RAMP(places(cut)))[inner].max() <= 0.52


@pytest.mark.parametrize("turn", [0.0, 20.0])
def test_nothing_is_drawn_where_slices_are_missing(tmp_path: Path, turn: float) -> None:
    depths = [0.0, 2, 4, 6, 8, 20, 22, 24, 26, 28]
    volume = volume_of(tmp_path, Phantom(depths=depths), RAMP)
    cut = cut_of(volume, Crosshair.through(volume).turned(Plane.AXIAL, turn), Plane.CORONAL)
    values, there = hu(volume, cut)
    depth = volume.depth_row_column(places(cut))[:, :, 0]
    inside = there[:, cut.size.width // 2]
    beside = depth[:, cut.size.width // 2]
    assert not inside[(beside > 9.1) & (beside < 18.9)].any()
    assert inside[(beside >= 0) & (beside < 8.9)].all()
    assert inside[(beside > 19.1) & (beside <= 28)].all()
    between = ((depth > 0) & (depth < 8)) | ((depth > 20) & (depth < 28))
    inner = there & between
    assert np.abs(values - RAMP(places(cut)))[inner].max() <= 2.5  # half a pixel beyond the outermost rows


def test_mixed_spacing_keeps_every_slice_at_its_place(tmp_path: Path) -> None:
    depths = [*np.arange(0, 10, 1.0), *np.arange(10, 31, 5.0)]
    volume = volume_of(tmp_path, Phantom(depths=depths), RAMP)
    cut = cut_of(volume, Crosshair.through(volume), Plane.SAGITTAL)
    values, there = hu(volume, cut)
    inner = _well_inside(volume, places(cut))
    assert there[inner].all()
    assert np.abs(values - RAMP(places(cut)))[inner].max() <= 0.52


def test_slopes_that_differ_from_slice_to_slice_are_kept_to_a_stated_step(tmp_path: Path) -> None:
    folder = Phantom(count=6).write(tmp_path / "ct", RAMP)
    truth = {}
    for number, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.5 + number, 0
        dataset.save_as(path)
        truth[float(dataset.ImagePositionPatient[2])] = dataset.pixel_array * float(dataset.RescaleSlope)
    source = open_source(folder)
    volume = read_volume(source, 0, unheard, lambda: False)
    found = volume.grayscale.modality_values(volume.voxels)
    assert volume.voxels.dtype == np.int16
    assert np.abs(found - np.stack([truth[z] for z in sorted(truth)])).max() <= volume.rounding / 2 + 1e-2
    assert 0 < volume.rounding < 0.2


def test_reading_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    source = open_source(Phantom(count=9).write(tmp_path / "ct", RAMP))
    told: list[tuple[int, int]] = []
    read_volume(source, 0, lambda done, of: told.append((done, of)), lambda: False)
    assert told == [(number, 9) for number in range(1, 10)]
    told.clear()
    with pytest.raises(Stopped):
        read_volume(source, 0, lambda done, of: told.append((done, of)), lambda: len(told) >= 4)
    assert len(told) == 4


def test_more_than_the_memory_allows_is_refused_in_a_sentence(tmp_path: Path) -> None:
    source = open_source(Phantom(count=9).write(tmp_path / "ct", RAMP))
    assert refusal(source, 0) == ""
    assert budget() <= 4 * 2**30
    sentence = refusal(source, 0, most_bytes=1000)
    assert "more than the limit" in sentence
    assert sentence.endswith("open a series of fewer or smaller slices.")


def test_what_makes_no_volume_says_why(tmp_path: Path, bundled: Path) -> None:
    colour = open_source(bundled / "examples_rgb_color.dcm")
    assert "Colour" in refusal(colour, 0)
    two = open_source(Phantom(count=2).write(tmp_path / "two", RAMP))
    assert "at least 3" in refusal(two, 0)
    with pytest.raises(SourceError, match="at least 3"):
        read_volume(two, 0, unheard, lambda: False)
    one = open_source(Phantom(count=1).write(tmp_path / "one", RAMP))
    assert "at least 3" in refusal(one, 0)
