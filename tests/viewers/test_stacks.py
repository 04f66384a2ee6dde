"""Series in the order of their places: several volumes, gaps, tilt, localizers, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.viewers.volumes import AXIAL, CORONAL, Phantom, oblique, slope, write_ct
from viewers.sources import open_source
from viewers.sources.dicom import Dicom

HEAD = slope((0.0, 0.0, 1.0))


def opened(folder: Path) -> Dicom:
    source = open_source(folder)
    assert isinstance(source, Dicom)
    return source


def changed(folder: Path, change: Callable[[int, Dataset], None]) -> None:
    """Edit the files in the order of their instance numbers."""
    files = sorted(folder.iterdir(), key=lambda path: pydicom.dcmread(path, stop_before_pixels=True).InstanceNumber)
    for index, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        change(index, dataset)
        dataset.save_as(path)


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, oblique()])
def test_slices_stand_in_the_order_of_their_places(tmp_path: Path, orientation: Any) -> None:
    phantom = Phantom(orientation, count=9)
    source = opened(phantom.write(tmp_path / "ct", HEAD))
    assert source.notes == ()
    found = [source.plane(frame).origin for frame in range(source.frames)]
    assert np.allclose(found, phantom.places, atol=1e-5)
    assert source.info()["stacks"] == ["9 slices, 2 mm apart"]


def test_places_and_pixels_go_back_and_forth(tmp_path: Path) -> None:
    phantom = Phantom(oblique(), count=4)
    plane = opened(phantom.write(tmp_path / "ct", HEAD)).plane(2)
    there = phantom.coordinates(phantom.places[2])[7, 11]
    assert np.allclose(plane.place(11.5, 7.5), there, atol=1e-5)
    assert plane.pixel(there + 3 * plane.normal) == pytest.approx((11.5, 7.5), abs=1e-5)


def test_missing_slices_are_counted_and_located(tmp_path: Path) -> None:
    source = opened(Phantom(depths=[0, 2, 4, 6, 12, 14, 16, 20, 22]).write(tmp_path / "ct", HEAD))
    (note,) = source.notes
    assert "3 slices seem to be missing between slices 4 and 5, 7 and 8" in note
    gaps = source.stacks[0].gaps
    assert gaps.holes.tolist() == [False, False, False, True, False, False, True, False]
    assert gaps.why_flat == ""
    assert source.stacks[0].warning == "3 slices missing"


def test_mixed_spacing_is_no_hole(tmp_path: Path) -> None:
    depths = [*np.arange(0, 10, 1.0), *np.arange(10, 31, 5.0)]
    source = opened(Phantom(depths=depths).write(tmp_path / "ct", HEAD))
    assert "not the same everywhere (1 to 5 mm)" in source.notes[0]
    assert not source.stacks[0].gaps.holes.any()
    assert source.stacks[0].warning == "uneven distances"


def test_a_tilted_gantry_is_measured(tmp_path: Path) -> None:
    source = opened(Phantom(shift=(0.0, 2.0 * np.tan(np.radians(15)), 0.0)).write(tmp_path / "ct", HEAD))
    assert any("tilted by 15°" in note for note in source.notes)
    assert source.stacks[0].warning == "gantry tilt 15°"
    assert np.allclose(source.stacks[0].gaps.drift, [0, np.tan(np.radians(15)), 0], atol=1e-4)


def test_slices_that_lie_askew_make_no_volume(tmp_path: Path) -> None:
    folder = Phantom(count=8).write(tmp_path / "ct", HEAD)

    def push(index: int, dataset: Dataset) -> None:
        if index == 3:
            dataset.ImagePositionPatient = [dataset.ImagePositionPatient[0] + 20, *dataset.ImagePositionPatient[1:]]

    changed(folder, push)
    assert "shifted sideways" in opened(folder).stacks[0].why_flat


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("TemporalPositionIdentifier", "temporal position"), ("EchoNumbers", "echo"), ("AcquisitionNumber", "acquisition")],
)
def test_volumes_at_the_same_places_are_told_apart(tmp_path: Path, keyword: str, words: str) -> None:
    for turn in (2, 1, 3):
        phantom = Phantom(count=5)
        folder = phantom.write(tmp_path / "ct", slope((0, 0, 0), 100.0 * turn), seed=turn, **{keyword: turn})
        for path in folder.glob("0*.dcm"):
            path.rename(folder / f"{turn}-{path.name[1:]}")
    source = opened(tmp_path / "ct")
    assert [float(source.values(frame)[0, 0]) for frame in range(15)] == [100.0] * 5 + [200.0] * 5 + [300.0] * 5
    assert [stack.label for stack in source.stacks] == [f"{words} {turn}" for turn in (1, 2, 3)]
    assert [tuple(stack.frames) for stack in source.stacks] == [tuple(range(5 * turn, 5 * turn + 5)) for turn in range(3)]
    assert source.notes == (f"The series holds 3 volumes at the same places, told apart by {words}.",)
    assert all(np.allclose(source.plane(frame).origin, phantom.places[frame % 5], atol=1e-5) for frame in range(15))


def test_without_a_trait_the_instance_number_tells_volumes_apart(tmp_path: Path) -> None:
    places = Phantom(count=4).places
    (tmp_path / "ct").mkdir()
    for number in range(8):
        pixels = np.full((40, 48), number, np.uint16)
        where = [float(part) for part in places[number % 4]]
        write_ct(tmp_path / "ct" / f"{7 - number}.dcm", pixels, ImagePositionPatient=where, InstanceNumber=number,
                 ImageOrientationPatient=list(AXIAL), PixelSpacing=[0.9, 0.7])  # fmt: skip
    source = opened(tmp_path / "ct")
    assert [int(source.stored(frame)[0, 0]) for frame in range(8)] == list(range(8))
    assert "told apart by instance number alone" in source.notes[0]


def test_a_single_double_is_left_out_and_named(tmp_path: Path) -> None:
    folder = Phantom(count=6).write(tmp_path / "ct", HEAD)
    first = min(folder.iterdir())
    dataset = pydicom.dcmread(first)
    dataset.SOPInstanceUID, dataset.InstanceNumber = "1.2.3.4.5", 99
    dataset.save_as(folder / "double.dcm")
    source = opened(folder)
    assert source.frames == 6
    assert source.notes == ("1 slice is left out: it lies exactly where another one does (“double.dcm”).",)


def test_localizers_are_left_out_and_stacks_of_other_planes_follow(tmp_path: Path) -> None:
    Phantom(count=5).write(tmp_path / "ct", HEAD)
    other = Phantom(CORONAL, count=4).write(tmp_path / "more", HEAD)
    for path in other.iterdir():
        path.rename(tmp_path / "ct" / f"c{path.name}")
    scout = Phantom(CORONAL, count=1).write(tmp_path / "scout", HEAD, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (scout / "0000.dcm").rename(tmp_path / "ct" / "scout.dcm")
    (tmp_path / "more").rmdir()
    scout.rmdir()
    source = opened(tmp_path / "ct")
    assert (source.frames, [stack.count for stack in source.stacks]) == (9, [5, 4])
    assert source.notes[0].startswith("1 slice is left out: localizers")
    assert "2 stacks" in source.notes[1]


def test_a_position_that_is_no_number_puts_its_slice_at_the_end(tmp_path: Path) -> None:
    folder = Phantom(count=6).write(tmp_path / "ct", HEAD)

    def spoil(index: int, dataset: Dataset) -> None:
        if index == 2:
            dataset.ImagePositionPatient = None

    changed(folder, spoil)
    raw = next(path for path in folder.iterdir() if pydicom.dcmread(path).InstanceNumber == 3)
    assert raw.exists()
    source = opened(folder)
    assert (source.frames, [stack.count for stack in source.stacks]) == (6, [5, 1])
    assert source.plane(5) is None
    assert any("without a position" in note for note in source.notes)


def enhanced(path: Path, phantom: Phantom, order: Any, times: int = 1) -> Path:
    """An enhanced CT: every frame's place in its functional groups, frames stored in `order`."""
    pixels, groups, places = [], [], phantom.places
    for time in range(times):
        for index in order:
            place = Dataset()
            place.ImagePositionPatient = [float(part) for part in places[index]]
            content = Dataset()
            content.DimensionIndexValues, content.TemporalPositionIndex = [time + 1, int(index) + 1], time + 1
            group = Dataset()
            group.PlanePositionSequence, group.FrameContentSequence = Items([place]), Items([content])
            groups.append(group)
            pixels.append(np.full((phantom.rows, phantom.columns), 100 * time + index, np.uint16))
    axes, measures, shared = Dataset(), Dataset(), Dataset()
    axes.ImageOrientationPatient, measures.PixelSpacing = list(phantom.orientation), list(phantom.spacing)
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Items([axes]), Items([measures])
    stacked = np.stack(pixels)
    return write_ct(
        path, stacked[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=len(stacked), PixelData=stacked.tobytes(),
        PerFrameFunctionalGroupsSequence=Items(groups), SharedFunctionalGroupsSequence=Items([shared]), PixelSpacing=None,
    )  # fmt: skip


@pytest.mark.parametrize("times", [1, 3])
def test_an_enhanced_file_is_ordered_by_the_places_of_its_frames(tmp_path: Path, times: int) -> None:
    phantom = Phantom(oblique(), rows=8, columns=6, count=7)
    source = opened(enhanced(tmp_path / "enhanced.dcm", phantom, [3, 1, 6, 0, 2, 5, 4], times))
    found = [int(source.stored(frame)[0, 0]) for frame in range(source.frames)]
    assert found == [100 * time + index for time in range(times) for index in range(7)]
    assert len(source.stacks) == times
    assert source.spacing.x_mm == 0.7


def test_frames_in_time_keep_their_order(tmp_path: Path) -> None:
    frames = np.arange(12, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 8), np.uint16)
    path = write_ct(tmp_path / "cine.dcm", frames[0], Modality="US", NumberOfFrames=12, PixelData=frames.tobytes())
    source = opened(path)
    assert [int(source.stored(frame)[0, 0]) for frame in range(12)] == list(range(12))
    assert source.notes == ()
    assert "state no position" in source.stacks[0].why_flat


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_slices_make_no_volume(tmp_path: Path, count: int) -> None:
    source = opened(Phantom(count=count).write(tmp_path / "ct", HEAD))
    assert "at least 3" in source.stacks[0].why_flat


def test_the_pane_says_what_is_irregular(tmp_path: Path, show_view: Any) -> None:
    view = show_view(open_source(Phantom(depths=[0, 2, 4, 6, 12, 14]).write(tmp_path / "ct", HEAD)))
    assert "2 slices missing" in view.corner_lines()["top-left"]
    folder = Phantom(count=4).write(tmp_path / "lost", HEAD, ImagePositionPatient=None)
    view = show_view(open_source(folder))
    assert "no positions: in order of instance numbers" in view.corner_lines()["top-left"]


@pytest.mark.parametrize("claimed", [10_000, 2_000_000])
def test_frames_that_are_only_claimed_cost_a_sentence(tmp_path: Path, claimed: int) -> None:
    from viewers.errors import SourceError

    path = write_ct(tmp_path / "claims.dcm", np.zeros((64, 64), np.uint16), NumberOfFrames=claimed)
    with pytest.raises(SourceError, match=r"cut short|more than the limit"):
        open_source(path)


def test_a_thousand_frames_of_one_file_are_ordered(tmp_path: Path) -> None:
    phantom = Phantom(rows=1, columns=1, count=1_000, step=0.1)
    source = opened(enhanced(tmp_path / "many.dcm", phantom, np.random.default_rng(0).permutation(1_000)))
    assert source.frames == 1_000
    assert np.all(np.diff(source.stacks[0].gaps.depths_mm) > 0)
    assert source.notes == ()
