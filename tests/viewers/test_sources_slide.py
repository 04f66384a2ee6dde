"""Slides against OpenSlide itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from viewers.errors import SourceError
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import TiledSource, open_source

openslide = pytest.importorskip("openslide")


def composited(handle: object, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
    image = handle.read_region((x, y), level, (width, height))  # type: ignore[attr-defined]
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return np.asarray(ground)


@pytest.fixture
def small(shared: Path) -> Path:
    return shared / "slides" / "CMU-1-Small-Region.svs"


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    """1024 × 768 in three levels of 256-pixel tiles, µm per pixel in the resolution tags."""
    base = np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8).repeat(32, 0).repeat(32, 1)
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as tiff:
        for step in (1, 2, 4):
            kind = {"subfiletype": 0 if step == 1 else 1}
            resolution = (10_000 / (0.5 * step),) * 2
            tiff.write(
                base[::step, ::step], tile=(256, 256), photometric="rgb", resolution=resolution,
                resolutionunit="CENTIMETER", metadata=None, **kind,
            )  # fmt: skip
    return path


def test_level_zero_is_openslides(small: Path) -> None:
    source, handle = open_source(small), openslide.OpenSlide(small)
    for x, y, width, height in ((0, 0, 300, 200), (777, 1234, 240, 240), (2100, 2900, 200, 100), (-50, -20, 100, 100)):
        ours = source.read(Region(x, y, width, height))
        assert np.array_equal(ours, composited(handle, x, y, 0, width, height))
    assert (source.read(Region(-50, -20, 100, 100))[:20, :50] == 255).all()


def test_a_dicom_slide_equals_the_same_slide_as_svs(small: Path, shared: Path) -> None:
    source = open_source(shared / "slides" / "CMU-1-Small-Region_dicom")
    one, other = (s.read(Region(900, 1100, 400, 300)).astype(int) for s in (source, open_source(small)))
    assert np.abs(one - other).mean() < 8.0  # compressed again, so not equal
    shown = composited(
        openslide.OpenSlide(next((shared / "slides" / "CMU-1-Small-Region_dicom").iterdir())), 900, 1100, 0, 400, 300
    )
    assert np.array_equal(one, shown)  # its ICC profile is sRGB itself
    assert (source.kind, source.size, source.name) == ("slide", Size(2220, 2967), "CMU-1-Small-Region_dicom")
    assert source.spacing == Spacing(0.000499, 0.000499, Provenance.SLIDE)
    assert source.info()["vendor"] == "dicom"


def test_tiles_put_together_are_the_level(small: Path) -> None:
    source, handle = open_source(small), openslide.OpenSlide(small)
    assert isinstance(source, TiledSource)
    tile = source.levels[0].tile
    assert tile == Size(240, 240)
    rows = [
        np.concatenate([source.read_tile(0, column, row) for column in range(-(-2220 // 240))], axis=1)
        for row in range(-(-2967 // 240))
    ]
    assert np.array_equal(np.concatenate(rows), composited(handle, 0, 0, 0, 2220, 2967))
    for place in ((0, 10, 0), (0, 0, 13), (0, -1, 0), (3, 0, 0)):
        with pytest.raises(SourceError, match=r"does not exist|no tile"):
            source.read_tile(*place)


def test_a_smaller_picture_is_the_area_average(small: Path) -> None:
    source, handle = open_source(small), openslide.OpenSlide(small)
    ours = source.read(Region(100, 200, 800, 600), Size(100, 75))
    truth = composited(handle, 100, 200, 0, 800, 600).reshape(75, 8, 100, 8, 3).mean((1, 3))
    assert np.abs(ours - truth).max() <= 1.0


def test_levels_of_a_pyramid_show_the_same_place(pyramid: Path) -> None:
    source = open_source(pyramid)
    assert [level.downsample for level in source.levels] == [1.0, 2.0, 4.0]
    assert source.spacing == Spacing(0.0005, 0.0005, Provenance.TIFF)
    base = source.read(Region.whole(source.size))
    for down in (2, 4, 8, 16):
        shown = source.read(Region(128, 64, 512, 256), Size(512 // down, 256 // down))
        truth = base[64:320, 128:640].reshape(256 // down, down, 512 // down, down, 3).mean((1, 3))
        assert np.abs(shown - truth).max() <= 1.0


def test_large_regions_are_read_in_bands(pyramid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(pyramid)
    region, size = Region(0, 0, 1024, 768), Size(16, 12)
    at_once = source.read(region, size)
    monkeypatch.setattr("viewers.sources.level_read.BAND_PIXELS", 20_000)
    assert np.array_equal(source.read(region, size), at_once)


def test_a_slide_without_micrometres_says_so(shared: Path) -> None:
    source = open_source(shared / "slides" / "TCGA-CR-7395-01A-01-TS1.svs")
    assert source.spacing is None
    assert len(source.levels) == 2
    assert any("size of a pixel" in note for note in source.notes)
    given = Spacing(0.00025, 0.00025, Provenance.READER)
    assert open_source(source.path, spacing=given).spacing == given


def test_absurd_micrometres_are_not_believed(tmp_path: Path) -> None:
    pixels = np.zeros((512, 512, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "absurd.tif", pixels, tile=(256, 256), photometric="rgb", resolution=(72, 72),
        resolutionunit="INCH", metadata=None,
    )  # fmt: skip
    source = open_source(tmp_path / "absurd.tif")
    assert (source.kind, source.spacing) == ("slide", None)
    assert any("352" in note for note in source.notes)


def test_info_names_associated_images_and_no_more(small: Path) -> None:
    info = open_source(small).info()
    assert info["associated_images"] == ["label", "macro", "thumbnail"]
    assert (info["vendor"], info["objective"]) == ("aperio", 20.0)
    assert "b414003d" not in str(info)  # the scanner's user, in the file's description


def test_threads_share_one_slide(small: Path) -> None:
    source, handle = open_source(small), openslide.OpenSlide(small)
    assert isinstance(source, TiledSource)
    places = [(column, row) for row in range(12) for column in range(9)]
    with ThreadPoolExecutor(4) as pool:
        tiles = list(pool.map(lambda place: source.read_tile(0, *place), places))
    for (column, row), tile in zip(places, tiles, strict=True):
        assert np.array_equal(tile, composited(handle, column * 240, row * 240, 0, 240, 240))


def test_one_damaged_tile_leaves_the_others_readable(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.svs"
    data = bytearray(small.read_bytes())
    with tifffile.TiffFile(small) as tiff:
        page = tiff.pages[0]
        offset, length = page.dataoffsets[5], page.databytecounts[5]  # type: ignore[union-attr]
    data[offset : offset + length] = b"\0" * length
    path.write_bytes(data)
    source = open_source(path)
    assert isinstance(source, TiledSource)
    with pytest.raises(SourceError, match="stays readable"):
        source.read_tile(0, 5, 0)
    handle = openslide.OpenSlide(small)
    assert np.array_equal(source.read_tile(0, 4, 0), composited(handle, 960, 0, 0, 240, 240))
