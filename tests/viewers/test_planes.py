"""OME-TIFF, QPTIFF and deep or striped TIFFs against the very values that were written into them."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.viewers.tiffs import COLOURS, NAMES, halved, qpi_xml, waves, write_ome, write_qptiff
from viewers.errors import SourceError
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import ChannelSource, LabelledSource, ScannedSource, TiledSource, open_source
from viewers.sources.planes import Planes


def assembled(source: Any, level: int, frame: int = 0) -> np.ndarray:
    size, tile = source.levels[level].size, source.levels[level].tile
    rows = [
        np.concatenate([source.raw_tile(level, column, row, frame) for column in range(-(-size.width // tile.width))], axis=2)
        for row in range(-(-size.height // tile.height))
    ]
    return np.concatenate(rows, axis=1)


def added(values: np.ndarray, ranges: list[tuple[float, float]], colours: Any) -> np.ndarray:
    """The composite by its formula, in float64."""
    out = np.zeros((*values.shape[1:], 3))
    for plane, (low, high), colour in zip(values, ranges, colours, strict=True):
        out += np.clip((plane.astype(float) - low) / (high - low), 0, 1)[..., None] * np.array(colour)
    return np.clip(out, 0, 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (256, 256), "compression": "zlib", "predictor": True},
        {"tile": (256, 256), "compression": "lzw"},
        {"rowsperstrip": 37},
        {"rowsperstrip": 50, "compression": "zstd"},
    ],
)
def test_ome_channels_come_back_as_stored_at_every_level(tmp_path: Path, dtype: Any, options: dict[str, Any]) -> None:
    data = waves(3, 560, 720, dtype)
    source = open_source(write_ome(tmp_path / "a.ome.tif", data, "CYX", 3, photometric="minisblack", **options))
    assert isinstance(source, ChannelSource)
    assert (source.kind, source.size, source.frames) == ("slide", Size(720, 560), 1)
    assert [level.size for level in source.levels] == [Size(720, 560), Size(360, 280), Size(180, 140)]
    for level in range(3):
        assert np.array_equal(assembled(source, level), data)
        data = halved(data)
    assert source.spacing == Spacing(0.000325, 0.000325, Provenance.SLIDE)
    assert [one.name for one in source.mix.channels] == list(NAMES)
    assert [one.colour for one in source.mix.channels] == list(COLOURS)
    source.close()


def test_what_a_model_gets_is_the_files_default_mix_by_the_formula(tmp_path: Path) -> None:
    data = waves(3, 300, 400)
    source = open_source(write_ome(tmp_path / "a.ome.tif", data, "CYX", tile=(128, 128), photometric="minisblack"))
    assert isinstance(source, ChannelSource)
    ranges = [(one.low, one.high) for one in source.mix.channels]
    for plane, (low, high) in zip(data, ranges, strict=True):
        assert (low, high) == pytest.approx(tuple(np.percentile(plane, (1, 99.8))), rel=0.02)
    truth = added(data, ranges, COLOURS)
    assert np.abs(source.read(Region(0, 0, 400, 300)).astype(float) - truth).max() <= 0.51
    assert np.abs(source.read_tile(0, 1, 1).astype(float) - truth[128:256, 128:256]).max() <= 0.51
    outside = source.read(Region(-10, -10, 30, 30))
    assert (outside[:10] == 0).all(), "black, not white, where nothing was scanned"
    assert source.steps == (
        "channels added in the file's colours: "
        + ", ".join(f"{name} {low:.6g}–{high:.6g}" for name, (low, high) in zip(NAMES, ranges, strict=True)),
    )
    source.close()


@pytest.mark.parametrize("axes", ["TCZYX", "ZCTYX", "CTZYX"])
def test_planes_of_any_order_are_found(tmp_path: Path, axes: str) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4}
    order = [axes.index(one) for one in "TZC"]
    data = waves(24, 40, 50).reshape(*(sizes[one] for one in axes[:3]), 40, 50)
    source = open_source(write_ome(tmp_path / "a.ome.tif", data, axes, photometric="minisblack"))
    assert isinstance(source, ChannelSource)
    assert (source.z, source.t, source.frames) == (4, 2, 8)
    by_frame = data.transpose(*order, 3, 4)
    for t in range(2):
        for z in range(4):
            assert np.array_equal(assembled(source, 0, t * 4 + z), by_frame[t, z])
    ranges = [(one.low, one.high) for one in source.mix.channels]
    seen = source.read(Region(0, 0, 50, 40, frame=6))
    assert np.abs(seen - added(by_frame[1, 2], ranges, COLOURS)).max() <= 0.51
    with pytest.raises(SourceError, match=r"has 8 frames; frame 9 does not exist"):
        source.read(Region(0, 0, 50, 40, frame=8))
    source.close()


def test_channels_interleaved_in_one_directory(tmp_path: Path) -> None:
    data = waves(2, 300, 260)
    path = tmp_path / "two.tif"
    tifffile.imwrite(
        path, np.ascontiguousarray(np.moveaxis(data, 0, -1)), tile=(128, 128), photometric="minisblack",
        planarconfig="contig", extrasamples=[0], metadata=None, compression="zlib",
    )  # fmt: skip
    source = open_source(path)
    assert isinstance(source, ChannelSource)
    assert np.array_equal(assembled(source, 0), data)
    assert [one.name for one in source.mix.channels] == ["Channel 1", "Channel 2"]
    assert len({one.colour for one in source.mix.channels}) == 2
    source.close()


def test_brightfield_ome_stays_plain_and_with_openslide(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (300, 400, 3), np.uint8)
    source = open_source(write_ome(tmp_path / "he.ome.tif", pixels, "YXS", tile=(128, 128), photometric="rgb"))
    assert np.array_equal(source.read(Region.whole(source.size)), pixels)
    assert source.info()["vendor"] == "generic-tiff"
    source.close()


def test_a_focus_stack_in_colour_has_planes_and_no_channels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (3, 300, 400, 3), np.uint8)
    source = open_source(write_ome(tmp_path / "z.ome.tif", pixels, "ZYXS", tile=(128, 128), photometric="rgb"))
    assert isinstance(source, ChannelSource)
    assert (source.z, source.mix.channels) == (3, ())
    for z in range(3):
        assert np.array_equal(source.read(Region(0, 0, 400, 300, frame=z)), pixels[z])
    assert (source.read(Region(-5, -5, 20, 20))[:5] == 255).all(), "white around a brightfield slide"
    source.close()


def test_qptiff_channels_levels_and_nothing_of_the_label(tmp_path: Path) -> None:
    data = waves(3, 512, 640)
    more = (
        "<ScanProfile><ObjectiveMagnification>20</ObjectiveMagnification><PixelSizeMicrons>0.497</PixelSizeMicrons></ScanProfile>"
    )
    source = open_source(write_qptiff(tmp_path / "a.qptiff", data, 2, more, compression="lzw"))
    assert isinstance(source, ChannelSource)
    assert isinstance(source, ScannedSource)
    assert [level.size for level in source.levels] == [Size(640, 512), Size(320, 256)]
    assert np.array_equal(assembled(source, 0), data)
    assert np.array_equal(assembled(source, 1), halved(data))
    assert source.spacing == Spacing(0.000497, 0.000497, Provenance.SLIDE)
    assert source.scanner == "PhenoImagerHT 20×"
    info = source.info()
    assert (info["objective"], info["associated_images"]) == (20.0, ["thumbnail", "overview", "label"])
    assert [one["name"] for one in info["channels"]] == list(NAMES)  # type: ignore[attr-defined]
    source.close()


def test_qptiff_spacing_from_its_resolution_then_its_objective(tmp_path: Path) -> None:
    data = waves(1, 256, 256)
    source = open_source(write_qptiff(tmp_path / "a.qptiff", data, 1))
    assert source.spacing == Spacing(0.0005, 0.0005, Provenance.TIFF)
    source.close()
    with tifffile.TiffWriter(tmp_path / "b.qptiff") as tiff:
        text = qpi_xml("FullResolution", "DAPI", None, "<Objective>40x</Objective>")
        tiff.write(data[0], tile=(256, 256), description=text, metadata=None, photometric="minisblack")
    source = open_source(tmp_path / "b.qptiff")
    assert source.spacing == Spacing(0.00025, 0.00025, Provenance.OBJECTIVE)
    source.close()


def test_brightfield_qptiff_is_in_colour(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (256, 512, 3), np.uint8)
    source = open_source(write_qptiff(tmp_path / "he.qptiff", pixels, 2))
    assert np.array_equal(source.read(Region.whole(source.size)), pixels)
    assert isinstance(source, ChannelSource)
    assert not source.mix.channels
    source.close()


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_tiled_grey_of_sixteen_bits(tmp_path: Path, photometric: str) -> None:
    values = waves(1, 300, 400)[0]
    tifffile.imwrite(tmp_path / "deep.tif", values, tile=(256, 256), photometric=photometric, metadata=None)
    source = open_source(tmp_path / "deep.tif")
    assert isinstance(source, ChannelSource)
    truth = values if photometric == "minisblack" else 65535 - values
    assert np.array_equal(assembled(source, 0)[0], truth)
    assert source.mix.channels[0].colour == (255, 255, 255)
    source.close()


def test_a_slide_openslide_knows_stays_with_it(shared: Path) -> None:
    source = open_source(shared / "slides" / "CMU-1-Small-Region.svs")
    assert source.info()["vendor"] == "aperio"


def test_a_region_shrinks_by_the_mean_of_its_level(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (2, 512, 512, 3), np.uint8)
    path = write_ome(tmp_path / "z.ome.tif", pixels, "ZYXS", tile=(128, 128), photometric="rgb")
    source = open_source(path)
    truth = pixels[0, 64:448, 128:512].reshape(48, 8, 48, 8, 3).mean((1, 3))
    assert np.abs(source.read(Region(128, 64, 384, 384), Size(48, 48)) - truth).max() <= 1
    source.close()


def test_an_icc_profile_is_applied_as_pillow_does_and_said(tmp_path: Path) -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = made.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be")).replace(b"gXYZ", b"swap")
    profile = profile.replace(b"rXYZ", b"gXYZ").replace(b"swap", b"rXYZ")  # its red is our green
    pixels = np.random.default_rng(2).integers(0, 256, (2, 256, 256, 3), np.uint8)
    path = tmp_path / "icc.ome.tif"
    write_ome(path, pixels, "ZYXS", tile=(256, 256), photometric="rgb", iccprofile=profile)
    source = open_source(path)
    source_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    truth = ImageCms.profileToProfile(Image.fromarray(pixels[0]), source_profile, ImageCms.createProfile("sRGB"))
    assert truth is not None
    assert np.array_equal(source.read(Region(0, 0, 256, 256)), np.asarray(truth))
    assert np.abs(np.asarray(truth).astype(int) - pixels[0]).max() > 50
    assert source.steps == ("ICC profile mine built-in to sRGB",)
    source.close()


def rewritten(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert len(old) == len(new)
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?>', b'<!DOCTYPE a [<!ENTITY b "cccccc">]>   ', "declares a document type"),
        (b'SizeX="400"', b'SizeX="999"', "claims 999 × 300 pixels where it stores 400 × 300"),
        (b'SizeZ="1"', b'SizeZ="x"', "does not state the size"),
        (b"</OME>", b"</OMX>", "is no whole XML"),
    ],
)
def test_xml_that_lies_or_is_hostile_is_refused_in_a_sentence(tmp_path: Path, old: bytes, new: bytes, why: str) -> None:
    path = write_ome(tmp_path / "a.ome.tif", waves(2, 300, 400), "CYX", tile=(128, 128), photometric="minisblack")
    with pytest.raises(SourceError, match=why) as raised:
        open_source(rewritten(path, old, new))
    assert str(raised.value).startswith("a.ome.tif cannot be shown")


def put(path: Path, tag: str, index: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        entry = tiff.pages[0].tags[tag]  # type: ignore[union-attr]
        width = {3: 2, 4: 4, 16: 8}[int(entry.dtype)]
        place = entry.valueoffset + index * width
    data[place : place + width] = value.to_bytes(width, "little")
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["cut", "offset", "size", "bytes"])
def test_damage_is_said_and_the_rest_stays_readable(tmp_path: Path, kind: str) -> None:
    data = waves(2, 512, 512)
    path = write_ome(tmp_path / "a.ome.tif", data, "CYX", tile=(256, 256), photometric="minisblack", compression="zlib")
    size = path.stat().st_size
    with tifffile.TiffFile(path) as tiff:
        offsets, counts = tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts  # type: ignore[union-attr]
        last = max(page.dataoffsets[-1] for page in tiff.pages)  # type: ignore[union-attr]
    if kind == "offset":
        put(path, "TileOffsets", 3, size - 5)
    elif kind == "size":  # tile 3 is now the deflated bytes of fewer pixels
        short = zlib.compress(b"\1" * 1000)
        content = bytearray(path.read_bytes())
        content[offsets[3] : offsets[3] + len(short)] = short
        path.write_bytes(content)
    elif kind == "bytes":
        content = bytearray(path.read_bytes())
        content[offsets[3] + 9 : offsets[3] + counts[3] - 9] = b"\xff" * (counts[3] - 18)
        path.write_bytes(content)
    else:
        assert last > offsets[3]
        put(path, "TileOffsets", 3, size - 10)
    source = open_source(path)
    assert isinstance(source, TiledSource)
    with pytest.raises(SourceError, match=r"a\.ome\.tif cannot be read in one place .*tile 1, 1.*: the rest stays readable"):
        source.read_tile(0, 1, 1)
    assert np.array_equal(source.raw_tile(0, 1, 0, 0), data[:, :256, 256:])  # type: ignore[attr-defined]
    source.close()


def test_planes_in_other_files_are_said(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.ome.tif", waves(3, 300, 400), "CYX", tile=(128, 128), photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        text = tiff.pages[0].description  # type: ignore[union-attr]
    at = text.index("<TiffData")
    end = text.index(">", text.index("PlaneCount", at)) + 1
    split = (
        '<TiffData IFD="0" FirstC="0"/><TiffData IFD="1" FirstC="1"/>'
        '<TiffData IFD="0" FirstC="2"><UUID FileName="b.tif">urn:uuid:b</UUID></TiffData>'
    )
    tifffile.tiffcomment(path, text[:at] + split + text[end:].replace("</TiffData>", ""))
    source = open_source(path)
    assert isinstance(source, Planes)
    assert any("1 of 3 planes stand in other files" in note for note in source.notes)
    with pytest.raises(SourceError, match="channel 3 of plane 1 stands in another file"):
        source.read_tile(0, 0, 0)
    source.close()


def test_a_claim_of_a_million_squared_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    tifffile.imwrite(path, waves(1, 300, 400)[0], tile=(256, 256), photometric="minisblack", metadata=None)
    put(path, "ImageWidth", 0, 60_000)
    put(path, "ImageLength", 0, 60_000)
    before = psutil.Process().memory_info().rss
    with pytest.raises(SourceError, match="states where 4 of its 55,225 tiles"):
        open_source(path)
    assert psutil.Process().memory_info().rss - before < 64 * 2**20


def test_pictures_beside_the_scan_are_read_by_name_alone(tmp_path: Path) -> None:
    source = open_source(write_qptiff(tmp_path / "a.qptiff", waves(2, 256, 256), 2))
    assert isinstance(source, LabelledSource)
    for name, shape, value in (("label", (100, 300, 3), 9), ("overview", (100, 300, 3), 9), ("thumbnail", (90, 120, 3), 7)):
        assert np.array_equal(source.associated_image(name), np.full(shape, value, np.uint8))
    with pytest.raises(SourceError, match="holds no barcode picture"):
        source.associated_image("barcode")
    source.close()


def test_the_label_of_an_ome_file_is_read_by_name_too(tmp_path: Path) -> None:
    path, label = tmp_path / "a.ome.tif", np.random.default_rng(0).integers(0, 255, (60, 90), np.uint8)
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(waves(2, 256, 256), metadata={"axes": "CYX", "Name": "scan"}, photometric="minisblack", tile=(128, 128))
        tiff.write(label, metadata={"axes": "YX", "Name": "label image"}, photometric="minisblack")
    source = open_source(path)
    assert isinstance(source, LabelledSource)
    assert source.associated == ("label",)
    assert np.array_equal(source.associated_image("label"), np.repeat(label[..., None], 3, axis=-1))
    source.close()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["ome", "qptiff"])
def test_a_truncated_file_is_said_and_what_is_there_stays_readable(tmp_path: Path, kind: str, share: float) -> None:
    data = np.random.default_rng(1).integers(0, 4000, (2, 1024, 1024), np.uint16)
    write: Any = write_ome if kind == "ome" else write_qptiff
    extra: Any = ("CYX",) if kind == "ome" else (2,)
    options = {"tile": (256, 256), "photometric": "minisblack"} if kind == "ome" else {}
    path = write(tmp_path / f"a.{kind}.tif", data, *extra, compression="zlib", **options)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    source = open_source(path)
    assert isinstance(source, TiledSource)
    assert any("cut short" in note for note in source.notes)
    good = bad = 0
    for row in range(4):
        for column in range(4):
            try:
                values = source.raw_tile(0, column, row, 0)  # type: ignore[attr-defined]
            except SourceError:
                bad += 1
            else:
                good += 1
                there = data[: len(values), row * 256 : row * 256 + 256, column * 256 : column * 256 + 256]
                assert np.array_equal(values, there), "channels whose directories are gone are left out, the others are right"
    assert good + bad == 16
    source.close()
    path.write_bytes(content[:50])
    with pytest.raises(SourceError, match=rf"{path.name}.*(cut short|damaged)"):
        open_source(path)
