"""Tiles read past OpenSlide equal OpenSlide's, pixel for pixel, wherever OpenSlide can be asked for those very pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames

from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.sources import TiledSource, open_source
from viewers.sources.direct import exact, reader

openslide = pytest.importorskip("openslide")

LAYOUTS: dict[str, dict[str, Any]] = {
    "JPEG YCbCr": {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)},
    "JPEG YCbCr whole": {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (1, 1)},
    "JPEG RGB": {"compression": "jpeg", "photometric": "rgb"},
    "LZW": {"compression": "lzw", "photometric": "rgb"},
    "LZW with predictor": {"compression": "lzw", "predictor": True, "photometric": "rgb"},
    "deflate": {"compression": "zlib", "predictor": True, "photometric": "rgb"},
    "uncompressed": {"photometric": "rgb"},
    "BigTIFF, big-endian": {"compression": "zlib", "photometric": "rgb"},
}


def painted(height: int, width: int) -> np.ndarray:
    """Smooth colours with noise, so that a shift by one pixel shows."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([128 + 90 * np.sin(x / 31), 128 + 90 * np.cos(y / 17), 128 + 90 * np.sin((x + y) / 53)], -1)
    return (waves + rng.integers(-20, 21, waves.shape)).clip(0, 255).astype(np.uint8)


def write(path: Path, layout: str) -> Path:
    """1500 × 1100 and two coarser levels of 1 : 2.0013 and 1 : 4.01, in tiles of 256: no size is a multiple of a tile."""
    base = painted(1100, 1500)
    more = {"bigtiff": True, "byteorder": ">"} if layout.startswith("BigTIFF") else {}
    with tifffile.TiffWriter(path, **more) as tiff:  # type: ignore[arg-type]
        for number, (width, height) in enumerate(((1500, 1100), (749, 550), (374, 274))):
            pixels = np.asarray(Image.fromarray(base).resize((width, height), Image.Resampling.BOX))
            tiff.write(pixels, tile=(256, 256), metadata=None, subfiletype=min(number, 1), **LAYOUTS[layout])
    return path


def composited(handle: Any, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
    image = handle.read_region((x, y), level, (width, height))
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return np.asarray(ground)


def places(source: TiledSource, level: int) -> Iterator[tuple[int, int, int, int]]:
    """Boxes at random, across edges too, whose corners OpenSlide can be asked for."""
    rng, one = np.random.default_rng(level), source.levels[level]

    def exactly(most: int) -> int:
        # Left of the picture and above it OpenSlide cuts the place off to whole pixels of the level.
        cut = {at for at in range(-80, 0) if int(-round(at * one.downsample) / one.downsample) != -at}
        near = [at for at in range(-80, most) if exact(one, at) and at not in cut]
        return int(near[rng.integers(len(near))])

    for _ in range(25):
        yield exactly(one.size.width), exactly(one.size.height), int(rng.integers(1, 600)), int(rng.integers(1, 600))
    yield 0, 0, one.size.width, one.size.height


def must_equal_openslide(path: Path) -> TiledSource:
    source = open_source(path)
    handle = openslide.OpenSlide(next(path.iterdir()) if path.is_dir() else path)
    assert isinstance(source, TiledSource)
    assert str(source.info()["reading"]).startswith("tiles read directly")
    for level in range(len(source.levels)):
        down = source.levels[level].downsample
        for x, y, width, height in places(source, level):
            ours = source._pixels(level, x, y, Size(width, height))  # type: ignore[attr-defined]
            theirs = composited(handle, round(x * down), round(y * down), level, width, height)
            assert np.array_equal(ours, theirs), f"level {level}, {width} × {height} from {x}, {y}"
    return source


@pytest.mark.parametrize("layout", LAYOUTS)
def test_generated_files_equal_openslide_at_every_level(tmp_path: Path, layout: str) -> None:
    source = must_equal_openslide(write(tmp_path / "slide.tif", layout))
    assert len(source.levels) == 3
    assert (source.read(Region(-30, -20, 60, 50))[:20] == 255).all(), "white, not black, outside the picture"
    source.close()


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs", "CMU-1-Small-Region_dicom"])
def test_real_slides_equal_openslide_at_every_level(shared: Path, name: str) -> None:
    must_equal_openslide(shared / "slides" / name).close()


def test_threads_read_the_same(shared: Path) -> None:
    source = open_source(shared / "slides" / "CMU-1-Small-Region.svs")
    assert isinstance(source, TiledSource)
    cells = [(column, row) for row in range(13) for column in range(10)]
    alone = [source.read_tile(0, *cell) for cell in cells]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda cell: source.read_tile(0, *cell), cells))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def changed(path: Path, change: Callable[[bytearray, tifffile.TiffFile], None]) -> Path:
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        change(data, tiff)
    other = path.with_name("changed.tif")
    other.write_bytes(data)
    return other


def put(data: bytearray, tiff: tifffile.TiffFile, tag: str, index: int, value: int) -> None:
    """One entry of an array of a directory's tag (offsets and counts of tiles are 32 bits wide here, or 16)."""
    entry = tiff.pages[0].tags[tag]  # type: ignore[union-attr]
    width = {3: 2, 4: 4}[int(entry.dtype)]
    place = entry.valueoffset + index * width
    data[place : place + width] = value.to_bytes(width, "little")


def test_an_empty_tile_is_what_openslide_makes_of_it(tmp_path: Path) -> None:
    path = changed(write(tmp_path / "slide.tif", "deflate"), lambda data, tiff: put(data, tiff, "TileByteCounts", 8, 0))
    source = must_equal_openslide(path)
    assert (source.read_tile(0, 2, 1) == 255).all()


def test_a_tile_behind_the_end_of_the_file_is_said_and_the_others_stay(tmp_path: Path) -> None:
    whole = open_source(write(tmp_path / "slide.tif", "deflate"))
    path = changed(tmp_path / "slide.tif", lambda data, tiff: put(data, tiff, "TileOffsets", 8, len(data) - 3))
    source = open_source(path)
    assert isinstance(source, TiledSource)
    assert isinstance(whole, TiledSource)
    with pytest.raises(SourceError, match=r"cannot be read in one place .*tile 2, 1.*: the rest stays readable"):
        source.read_tile(0, 2, 1)
    assert np.array_equal(source.read_tile(0, 1, 1), whole.read_tile(0, 1, 1))


@pytest.mark.parametrize("claimed", [128, 60_000])
def test_a_tile_that_claims_another_size_is_said_and_takes_no_memory(tmp_path: Path, claimed: int) -> None:
    path = write(tmp_path / "slide.tif", "JPEG RGB")

    def other_size(data: bytearray, tiff: tifffile.TiffFile) -> None:
        offset = tiff.pages[0].dataoffsets[8]  # type: ignore[union-attr]
        at = data.index(b"\xff\xc0", offset)  # SOF0: length, precision, height, width
        data[at + 5 : at + 9] = claimed.to_bytes(2, "big") * 2

    source = open_source(changed(path, other_size))
    assert isinstance(source, TiledSource)
    before = psutil.Process().memory_info().vms
    with pytest.raises(SourceError, match="tile 2, 1"):
        source.read_tile(0, 2, 1)
    assert psutil.Process().memory_info().vms - before < 2**30
    assert source.read_tile(0, 0, 0).shape == (256, 256, 3)


def test_slides_of_other_makers_go_through_openslide_and_say_so(tmp_path: Path) -> None:
    found = reader(tmp_path / "slide.ndpi", "hamamatsu", (), (255, 255, 255), lambda *_: pytest.fail("nothing is read"))
    assert found == (None, "through OpenSlide, as slides of hamamatsu are")


def without_order(header: pydicom.Dataset) -> None:
    del header.DimensionOrganizationType


def in_two_pieces(header: pydicom.Dataset) -> None:
    frames = list(generate_frames(header.PixelData, number_of_frames=int(header.NumberOfFrames)))
    header.PixelData = encapsulate(frames, fragments_per_frame=2)


@pytest.mark.parametrize(
    ("change", "why"),
    [(without_order, "its frames are not one full grid"), (in_two_pieces, "a frame is in more than one piece, or none")],
)
def test_dicom_slides_laid_out_otherwise_go_through_openslide_and_say_why(
    shared: Path, tmp_path: Path, change: Callable[[pydicom.Dataset], None], why: str
) -> None:
    for path in (shared / "slides" / "CMU-1-Small-Region_dicom").iterdir():
        header = pydicom.dcmread(path)
        if "VOLUME" in header.ImageType:
            change(header)
        header.save_as(tmp_path / path.name)
    source = open_source(tmp_path)
    assert source.info()["reading"] == f"through OpenSlide: {why}"
    whole = open_source(shared / "slides" / "CMU-1-Small-Region_dicom")
    assert np.array_equal(source.read(Region(500, 700, 300, 200)), whole.read(Region(500, 700, 300, 200)))


def test_a_file_whose_tiles_differ_is_left_to_openslide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    right = imagecodecs.zlib_decode
    monkeypatch.setattr(imagecodecs, "zlib_decode", lambda data, out: bytes(right(data, out=out))[::-1])
    source = open_source(write(tmp_path / "slide.tif", "deflate"))
    assert source.info()["reading"] == "through OpenSlide: tile 0, 0 of level 0 differs"
    monkeypatch.undo()
    handle = openslide.OpenSlide(tmp_path / "slide.tif")
    assert np.array_equal(source.read(Region(0, 0, 300, 200)), composited(handle, 0, 0, 0, 300, 200))
