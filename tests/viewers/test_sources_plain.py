"""PNG, JPEG and TIFF against what was put into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from viewers.errors import SourceError
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import Source, open_source

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (30, 50, 3), np.uint8)


def whole(source: Source) -> np.ndarray:
    return source.read(Region.whole(source.size))


@pytest.mark.parametrize("name", ["a.png", "b.tif", "c.bmp", "no-extension", "wrong.dcm", "слайд 🫁.png"])
def test_lossless_pictures_come_back_whatever_their_name(tmp_path: Path, name: str) -> None:
    kind = {".tif": "TIFF", ".bmp": "BMP"}.get(Path(name).suffix, "PNG")
    Image.fromarray(COLOUR).save(tmp_path / name, format=kind)
    source = open_source(tmp_path / name)
    assert (source.kind, source.size, source.frames, source.name) == ("picture", Size(50, 30), 1, name)
    assert np.array_equal(whole(source), COLOUR)
    assert source.info()["spacing"] is None


def test_chest_films_equal_pillows(shared: Path) -> None:
    for path in sorted((shared / "cxr").glob("*.jpg"))[:2]:
        assert np.array_equal(whole(open_source(path)), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_any_way_gives_an_upright_picture(tmp_path: Path, orientation: int) -> None:
    turned = {
        1: COLOUR, 2: COLOUR[:, ::-1], 3: COLOUR[::-1, ::-1], 4: COLOUR[::-1], 5: COLOUR.transpose(1, 0, 2),
        6: np.rot90(COLOUR, 1), 7: np.rot90(COLOUR, 2).transpose(1, 0, 2), 8: np.rot90(COLOUR, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "turned.png", exif=exif)
    source = open_source(tmp_path / "turned.png")
    assert source.size == Size(50, 30)
    assert np.array_equal(whole(source), COLOUR)


def test_sixteen_bits_are_stretched_and_said(tmp_path: Path) -> None:
    values = np.linspace(1000, 5000, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "deep.png")
    source = open_source(tmp_path / "deep.png")
    expected = np.rint((values - 1000.0) / 4000 * 255)
    assert np.abs(whole(source)[..., 1] - expected).max() <= 1
    assert any("8 bits" in note for note in source.notes)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    layered = np.dstack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 51, np.uint8)])
    Image.fromarray(layered).save(tmp_path / "clear.png")
    assert np.abs(whole(open_source(tmp_path / "clear.png")).astype(int) - 204).max() <= 1  # 0.2 black on 0.8 white


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(COLOUR).convert(mode)
    picture.save(tmp_path / "other.tif")
    assert np.array_equal(whole(open_source(tmp_path / "other.tif")), np.asarray(picture.convert("RGB")))


def test_an_embedded_profile_is_applied(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.fromarray(COLOUR).save(tmp_path / "profiled.png", icc_profile=lab.tobytes())
    source = open_source(tmp_path / "profiled.png")
    assert np.abs(whole(source).astype(int) - COLOUR).max() <= 2
    assert any("ICC" in note for note in source.notes)


def test_pages_beyond_the_first_are_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    source = open_source(tmp_path / "pages.tif")
    assert np.array_equal(whole(source), COLOUR)
    assert any("2 pages" in note for note in source.notes)


def test_regions_and_sizes(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    source = open_source(tmp_path / "a.png", spacing=Spacing(0.1, 0.1, Provenance.READER))
    assert source.spacing == Spacing(0.1, 0.1, Provenance.READER)
    assert np.array_equal(source.read(Region(10, 5, 8, 4)), COLOUR[5:9, 10:18])
    outside = source.read(Region(45, 25, 10, 10))
    assert np.array_equal(outside[:5, :5], COLOUR[25:, 45:])
    assert outside[5:].max() == 0
    assert source.read(Region.whole(source.size), Size(100, 60)).shape == (60, 100, 3)
    quarter = source.read(Region(0, 0, 48, 24), Size(12, 6))
    assert np.abs(quarter - COLOUR[:24, :48].reshape(6, 4, 12, 4, 3).mean((1, 3))).max() <= 1.0
    with pytest.raises(SourceError, match="one frame"):
        source.read(Region(0, 0, 5, 5, frame=1))
