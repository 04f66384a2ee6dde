"""Segmentations of others against the masks they were made from."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from viewers.object_layer import tinted
from viewers.objects.opening import opened
from viewers.objects.showing import Images
from viewers.objects.statistics import said_of, values_inside
from viewers.qimage import to_array
from viewers.sources import open_source
from viewers.sources.dicom import GreyDicom

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
CT = tuple[Path, list[Dataset]]


def _source(folder: Path) -> GreyDicom:
    found = open_source(folder)
    assert isinstance(found, GreyDicom)
    return found


def _rebuilt(said: object, source: GreyDicom, number: int = 1) -> np.ndarray:
    """(slices, rows, columns) as it would be laid over the source."""
    found, images = said.segmentation, Images(source)  # type: ignore[attr-defined]
    stack = np.zeros((source.frames, source.size.height, source.size.width), np.float32)
    segment = next(one for one in found.segments if one.number == number)
    for frame in range(source.frames):
        spot = images.spot(frame)
        for piece in found.on(spot.image, spot.frame, spot.plane):
            if piece.segment in (None, number):
                assert found.box_on(piece, spot.plane, images.size) == pytest.approx((0, 0, 64, 64), abs=1e-6)
                stack[frame] = found.share(piece, segment)
    return stack


def test_it_lies_on_the_slices_it_was_made_of(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.segmentation(tmp_path / "seg.dcm", images, made.block())
    said = opened(tmp_path / "seg.dcm")
    assert said.summary == "segmentation ORGANS · 1 segment"
    assert said.origin.software == "AUTOMATIC nnFake"
    assert np.array_equal(_rebuilt(said, _source(folder)), made.block())


def test_volume_and_values_by_formula(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.segmentation(tmp_path / "seg.dcm", images, made.block())
    said, mask = opened(tmp_path / "seg.dcm"), made.block().astype(bool)
    stored = np.stack([one.pixel_array for one in images]).astype(np.float64) - 1000
    inside = values_inside(said, _source(folder))[1]
    assert sorted(inside) == sorted(stored[mask].astype(np.float32))
    assert said.segmentation is not None
    assert said.segmentation.volumes_ml() == pytest.approx({1: mask.sum() * 0.8 * 0.8 * 2.5 / 1000})
    line = said_of(said, _source(folder))[0]
    assert line.startswith("Liver: 0.96 ml; mean −940")
    assert line.endswith("HU")


def test_segments_may_overlap_and_be_shares(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    masks = np.stack([made.block() * 0.8, np.roll(made.block(), 5, axis=1) * 0.4], axis=-1).astype(np.float32)
    made.segmentation(tmp_path / "seg.dcm", images, masks, fractional=True)
    said, source = opened(tmp_path / "seg.dcm"), _source(folder)
    for number in (1, 2):
        assert np.abs(_rebuilt(said, source, number) - masks[..., number - 1]).max() <= 1 / 255


def test_without_images_named_it_is_placed_by_the_patient(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.segmentation(tmp_path / "seg.dcm", images, made.block())
    header = pydicom.dcmread(tmp_path / "seg.dcm")
    for group in header.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence
    del header.ReferencedSeriesSequence
    header.save_as(tmp_path / "seg.dcm")
    said, source = opened(tmp_path / "seg.dcm"), _source(folder)
    assert Images(source).holds(said)
    assert np.array_equal(_rebuilt(said, source), made.block())
    header.FrameOfReferenceUID = "1.2.3"
    header.save_as(tmp_path / "seg.dcm")
    assert not Images(source).holds(opened(tmp_path / "seg.dcm"))


def test_a_coarser_grid_is_laid_where_it_belongs(made: ModuleType, ct: CT, tmp_path: Path) -> None:
    folder, images = ct
    made.segmentation(tmp_path / "seg.dcm", images, made.block())
    header = pydicom.dcmread(tmp_path / "seg.dcm")
    header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [1.6, 1.6]
    header.save_as(tmp_path / "seg.dcm")
    said, spot = opened(tmp_path / "seg.dcm"), Images(_source(folder)).spot(2)
    assert said.segmentation is not None
    piece = said.segmentation.on(spot.image, spot.frame, spot.plane)[0]
    box = said.segmentation.box_on(piece, spot.plane, (64, 64))
    assert box == pytest.approx((-0.5, -0.5, 127.5, 127.5))  # both first pixels have one centre


def test_a_file_of_another_program(bundled: object) -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file("liver_1frame.dcm")
    assert isinstance(path, str)
    said = opened(Path(path))
    assert [one.label for one in said.segmentation.segments] == ["Liver"]  # type: ignore[union-attr]
    piece = said.segmentation.pieces[0]  # type: ignore[union-attr]
    ours = said.segmentation.share(piece, said.segmentation.segments[0])  # type: ignore[union-attr]
    assert np.array_equal(ours, pydicom.dcmread(path).pixel_array)


def test_the_tint_has_an_opaque_edge() -> None:
    share = np.zeros((8, 8), np.float32)
    share[2:6, 2:6] = 1
    image = tinted(share, (255, 0, 0))
    assert [image.pixelColor(x, 3).alpha() for x in range(8)] == [0, 0, 255, 96, 96, 255, 0, 0]
    assert tuple(to_array(image)[2, 2][:3]) == (255, 0, 0)
