"""Files whose end is missing say so, when they are opened or as a note, and whole ones never do."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import open_source
from viewers.sources.whole import cut_short

NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)


def cut(path: Path, to: int | float) -> Path:
    data = path.read_bytes()
    (path.parent / f"cut-{path.name}").write_bytes(data[: to if isinstance(to, int) else int(len(data) * to)])
    return path.parent / f"cut-{path.name}"


@pytest.fixture(params=["baseline.jpg", "progressive.jpg", "thumbnail.jpg", "plain.png"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Written by Pillow; one holds a whole JPEG in its EXIF, whose end mark is not the picture's."""
    path = tmp_path / str(request.param)
    image = Image.fromarray(NOISE)
    if path.name == "thumbnail.jpg":
        small = tmp_path / "small.jpg"
        image.resize((40, 40)).save(small)
        image.save(path, exif=b"Exif\0\0" + small.read_bytes())
    else:
        image.save(path, **({"progressive": True} if path.name.startswith("pro") else {}))
    return path


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_pictures(picture: Path, share: float) -> None:
    assert open_source(picture).notes == ()
    with pytest.raises(SourceError, match="is cut short"):
        open_source(cut(picture, share))


def test_a_jpeg_without_its_last_two_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(NOISE).save(path)
    with pytest.raises(SourceError, match="is cut short"):
        open_source(cut(path, path.stat().st_size - 2))


def test_what_follows_the_end_does_not_matter(picture: Path) -> None:
    before = open_source(picture).read(Region(0, 0, 300, 300))
    picture.write_bytes(picture.read_bytes() + b"\0more" * 50_000)
    assert np.array_equal(open_source(picture).read(Region(0, 0, 300, 300)), before)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff(tmp_path: Path, big: bool, order: str) -> None:
    """Its directory lies before its pixels: pixels may be missing, or the directory itself."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, NOISE, photometric="rgb", bigtiff=big, byteorder=order, rowsperstrip=50, metadata=None)
    assert not cut_short(path)
    assert cut_short(cut(path, 0.8))
    if big and order == ">":
        return  # Pillow knows no such file
    source = open_source(cut(path, 0.8))
    assert any("cut short" in note for note in source.notes)
    with pytest.raises(SourceError, match="is cut short"):
        source.read(Region(0, 0, 300, 300))
    with pytest.raises(SourceError, match="is cut short"):
        open_source(cut(path, 40))


def test_a_directory_that_claims_a_billion_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(4000))
    assert cut_short(path)


def test_directories_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IHI", 8, 0, 8) + bytes(100))
    assert not cut_short(path, first=False)


def test_slides(shared: Path, tmp_path: Path) -> None:
    """The 300,000 first bytes of one are told from a kind of picture that is not known."""
    whole = shared / "slides" / "CMU-1-Small-Region.svs"
    assert not any("cut short" in note for note in open_source(whole).notes)
    copy = tmp_path / "small.svs"
    copy.write_bytes(whole.read_bytes())
    for to in (300_000, 0.9):
        with pytest.raises(SourceError, match="is cut short"):
            open_source(cut(copy, to))


def test_a_slide_whose_last_tiles_are_missing_opens_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    tiles = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), np.uint8)
    tifffile.imwrite(path, tiles, photometric="rgb", tile=(256, 256), metadata=None)
    with pytest.raises(SourceError, match="is cut short"):
        open_source(cut(path, 0.9))
    tifffile.imwrite(path, tiles[::2, ::2], photometric="rgb", tile=(256, 256), metadata=None, append=True, subfiletype=1)
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags["TileOffsets"]
        tag.overwrite([*tag.value[:-1], path.stat().st_size])
    source = open_source(path)
    assert source.kind == "slide"
    assert any("cut short" in note for note in source.notes)
    assert np.array_equal(source.read(Region(0, 0, 256, 256)), tiles[:256, :256])


def test_every_real_file_is_whole(shared: Path) -> None:
    paths = [*(shared / "cxr").glob("*.jpg"), *(shared / "slides").glob("*.svs")]
    assert paths
    assert [path.name for path in paths if cut_short(path, first=False)] == []
