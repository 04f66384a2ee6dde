"""Folders: what is found, in which order, and what belongs together."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import GrayscaleSource, discover, open_source
from viewers.sources.folder import Failure, Item
from viewers.sources.header import header_of

WriteDicom = Callable[..., Path]


@pytest.fixture
def write_slice(write_dicom: WriteDicom, tmp_path: Path) -> Callable[..., Path]:
    """A CT slice whose every pixel is `value`, at `z` mm, in folder `ct`."""

    def write(name: str, value: int, z: float, series: str = "1.2.3.7", **more: object) -> Path:
        (tmp_path / "ct").mkdir(exist_ok=True)
        given: dict[str, object] = {
            "Modality": "CT", "SeriesInstanceUID": series, "ImagePositionPatient": [0, 0, z], "PixelSpacing": [0.7, 0.7],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "RescaleSlope": 1, "RescaleIntercept": -1024,
            "WindowCenter": 40, "WindowWidth": 400,
        }  # fmt: skip
        return write_dicom(np.full((16, 16), value, np.int16), f"ct/{name}", **(given | more))

    return write


def test_slices_are_ordered_by_place_not_by_name(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    for name, z in (("a.dcm", 15.0), ("b.dcm", -5.0), ("c.dcm", 5.0), ("d", 0.0), ("e.png", 10.0)):
        write_slice(name, int(1000 + z), z)
    source = open_source(tmp_path / "ct")
    assert isinstance(source, GrayscaleSource)
    assert (source.kind, source.frames, source.modality, source.name) == ("series", 5, "CT", "ct")
    assert [float(source.values(frame)[0, 0]) for frame in range(5)] == [-29.0, -24.0, -19.0, -14.0, -9.0]
    assert source.info()["frames"] == 5
    assert source.notes == ()


def test_the_normal_orders_oblique_slices(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    for place in (2, 0, 1):
        write_slice(
            f"{place}.dcm", place, 0, ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImagePositionPatient=[-10.0 * place, 3, 4]
        )  # fmt: skip
    source = open_source(tmp_path / "ct")
    assert isinstance(source, GrayscaleSource)
    # row × column = (0, 1, 0) × (0, 0, −1) = (−1, 0, 0): the normal points to the patient's right
    assert [int(source.stored(frame)[0, 0]) for frame in range(3)] == [0, 1, 2]


def test_slices_without_place_follow_their_number(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    for number in (3, 1, 2):
        write_slice(f"{4 - number}.dcm", number, 0, ImagePositionPatient=None, InstanceNumber=number)
    source = open_source(tmp_path / "ct")
    assert isinstance(source, GrayscaleSource)
    assert [int(source.stored(frame)[0, 0]) for frame in range(3)] == [1, 2, 3]
    assert any("no position" in note for note in source.notes)


def test_a_gap_is_said(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    for place, z in enumerate((0, 5, 10, 25)):
        write_slice(f"{place}.dcm", place, z)
    assert any("not the same everywhere" in note for note in open_source(tmp_path / "ct").notes)


def test_a_damaged_slice_is_left_out_and_said(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    paths = [write_slice(f"{place}.dcm", place, 5 * place) for place in range(4)]
    found = next(one for one in discover(tmp_path) if isinstance(one, Item))
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    source = found.open()
    assert source.frames == 3
    assert any("left out" in note for note in source.notes)


def test_discover_sorts_groups_and_names_failures(
    write_slice: Callable[..., Path], write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path
) -> None:
    for place in range(3):
        write_slice(f"{place}.dcm", place, 5 * place)
    write_dicom(ramp, "film.dcm")
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "zebra.png")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "broken.dcm").write_text("words")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    found = list(discover(tmp_path))
    assert [one.path.name for one in found] == ["broken.dcm", "ct", "dangling", "film.dcm", "zebra.png"]
    assert [type(one) for one in found] == [Failure, Item, Failure, Item, Item]
    kinds = [(one.kind, len(one.files)) for one in found if isinstance(one, Item)]
    assert kinds == [("series", 3), ("radiograph", 1), ("picture", 1)]
    for one in found:
        if isinstance(one, Item):
            source = one.open()
            assert source.kind == one.kind
            assert source.read(Region(0, 0, 4, 4)).shape == (4, 4, 3)


def test_two_series_in_one_folder_are_two_items(write_slice: Callable[..., Path], tmp_path: Path) -> None:
    for place in range(4):
        write_slice(f"{place}.dcm", place, 5 * place, series=f"1.2.3.{place % 2}")
    found = list(discover(tmp_path))
    assert [(one.path.name, len(one.files)) for one in found if isinstance(one, Item)] == [("0.dcm", 2), ("1.dcm", 2)]
    with pytest.raises(SourceError, match="2 pictures or series"):
        open_source(tmp_path / "ct")


def test_copies_of_one_slice_are_no_series(shared: Path) -> None:
    found = list(discover(shared / "dicom"))
    items = [one for one in found if isinstance(one, Item)]
    assert all(len(one.files) == 1 for one in items if one.path.name.startswith("CTImage"))
    assert [one.path.name for one in found if isinstance(one, Failure)] == ["no-pixel-data.dcm"]


def test_a_dicom_slide_is_one_item(shared: Path) -> None:
    found = [one for one in discover(shared / "slides") if isinstance(one, Item)]
    assert [(one.path.name, one.kind, len(one.files)) for one in found] == [
        ("CMU-1-Small-Region.svs", "slide", 1),
        ("CMU-1-Small-Region_dicom", "slide", 4),
        ("TCGA-CR-7395-01A-01-TS1.svs", "slide", 1),
    ]


def test_a_dicom_slide_stays_one_after_a_file_of_it_was_looked_into(shared: Path) -> None:
    folder = shared / "slides" / "CMU-1-Small-Region_dicom"
    for path in folder.iterdir():
        header_of(path)
    assert [(one.kind, len(one.files)) for one in discover(folder) if isinstance(one, Item)] == [("slide", 4)]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there"):
        list(discover(tmp_path / "gone"))


def test_who_waits_is_told_the_same_as_soon_as_it_is_known(
    write_slice: Callable[..., Path], write_dicom: WriteDicom, tmp_path: Path
) -> None:
    for place in range(3):
        write_slice(f"{place}.dcm", place, 5.0 * place)
    write_dicom(np.zeros((8, 8), np.uint16), "b-film.dcm")
    (tmp_path / "a-text.dcm").write_text("no picture")
    (tmp_path / "deeper").mkdir()
    write_dicom(np.zeros((8, 8), np.uint16), "deeper/film.dcm")
    sorted_by_path, eager = list(discover(tmp_path)), list(discover(tmp_path, eager=True))
    assert [one.path.name for one in eager] == ["a-text.dcm", "b-film.dcm", "ct", "film.dcm"]
    assert {(one.path, getattr(one, "files", ())) for one in eager} == {
        (one.path, getattr(one, "files", ())) for one in sorted_by_path
    }
    (only,) = discover(tmp_path / "ct", eager=True)
    assert only.path == tmp_path / "ct", "a series alone in its folder goes by the folder's name"


def test_what_was_only_listed_leaves_no_parsed_data_sets(write_dicom: WriteDicom, tmp_path: Path) -> None:
    """A parsed header takes ten times the memory of its bytes, and ten thousand films may be listed."""
    for number in range(20):
        write_dicom(np.zeros((8, 8), np.uint16), f"{number}.dcm", SeriesInstanceUID=f"1.2.3.{number}")
    gc.collect()
    before = sum(issubclass(type(one), Dataset) for one in gc.get_objects())
    found = list(discover(tmp_path))
    gc.collect()
    assert [one.facts is not None for one in found if isinstance(one, Item)] == [True] * 20
    assert sum(issubclass(type(one), Dataset) for one in gc.get_objects()) <= before
    assert header_of(tmp_path / "3.dcm").dataset.SeriesInstanceUID == "1.2.3.3"
