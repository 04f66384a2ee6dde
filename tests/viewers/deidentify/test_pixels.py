"""Pixels: untouched without boxes, black inside them and exact outside, in every syntax; nothing hides beside the picture."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from tests.viewers.deidentify.conftest import ct
from viewers.deidentify.codestreams import without_text
from viewers.deidentify.instance import deidentified, write
from viewers.deidentify.walk import Choice
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import decode
from viewers.sources.header import header_of

Choose = Callable[..., Choice]
BOX = Region(5, 3, 20, 10)
OUTSIDE = Region(60, 60, 1000, 1000)
SYNTAXES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEG2000.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "JPEG-lossy.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "examples_jpeg2k.dcm",
)


def frames(path: Path) -> list[NDArray[Any]]:
    header = header_of(path)
    return [decode.decoded(header, number) for number in range(header.frames)]


def saved(made: Any, path: Path) -> Path:
    with path.open("wb") as file:
        write(made, file)
    return path


@pytest.mark.parametrize("name", SYNTAXES)
def test_the_values_are_untouched_without_boxes(choose: Choose, bundled: Path, tmp_path: Path, name: str) -> None:
    out = saved(deidentified(bundled / name, choose()), tmp_path / "out.dcm")
    for was, now in zip(frames(bundled / name), frames(out), strict=True):
        np.testing.assert_array_equal(was, now)
    was, now = header_of(bundled / name), header_of(out)
    assert now.syntax == (was.syntax if not was.coded.native else "1.2.840.10008.1.2.1")
    if not was.coded.native and name.endswith(("RLE.dcm", "jpeg_ls_lossless.dcm", "2frame.dcm")):  # the others bear comments
        before, after = (pydicom.dcmread(one).PixelData for one in (bundled / name, out))
        assert list(generate_frames(before, number_of_frames=was.frames)) == list(
            generate_frames(after, number_of_frames=was.frames)
        )


@pytest.mark.parametrize("name", SYNTAXES)
def test_boxes_are_black_on_every_frame(choose: Choose, bundled: Path, tmp_path: Path, name: str) -> None:
    made = deidentified(bundled / name, choose(), [BOX, OUTSIDE])
    out = saved(made, tmp_path / "out.dcm")
    before, after = frames(bundled / name), frames(out)
    assert len(before) == len(after)
    for was, now in zip(before, after, strict=True):
        inside = np.zeros(was.shape[:2], bool)
        for box in (BOX, OUTSIDE):
            inside[box.y : box.bottom, box.x : box.right] = True
        np.testing.assert_array_equal(now[~inside], was[~inside])
        assert len(np.unique(now[inside].reshape(inside.sum(), -1), axis=0)) == 1
    header = header_of(out)
    assert header.syntax == "1.2.840.10008.1.2.1"
    assert made.notes == (() if header_of(bundled / name).coded.native else made.notes)
    if not header_of(bundled / name).coded.native:
        assert "stored uncompressed" in made.notes[0]


def test_black_is_what_is_shown_black(choose: Choose, bundled: Path, tmp_path: Path) -> None:
    """Through the viewer's own greys a box is 0, on both kinds of film; palette colours at their darkest."""
    from viewers.sources import GrayscaleSource, open_source

    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        path = tmp_path / f"{photometric}.dcm"
        ct(PhotometricInterpretation=photometric).save_as(path, enforce_file_format=True)
        source = open_source(saved(deidentified(path, choose(), [BOX]), tmp_path / "out.dcm"))
        assert isinstance(source, GrayscaleSource)
        assert source.render()[BOX.y : BOX.bottom, BOX.x : BOX.right].max() == 0
        source.close()
    out = saved(deidentified(bundled / "examples_palette.dcm", choose(), [BOX]), tmp_path / "palette.dcm")
    with_boxes = open_source(out)
    shown = with_boxes.read(Region.whole(with_boxes.size))
    assert shown[BOX.y, BOX.x].astype(int).sum() == shown.astype(int).sum(axis=-1).min()
    with_boxes.close()


def test_the_mark_of_loss_is_kept(choose: Choose, bundled: Path) -> None:
    dataset = deidentified(bundled / "JPEG-lossy.dcm", choose(), [BOX]).dataset
    assert dataset.get("LossyImageCompression") == pydicom.dcmread(bundled / "JPEG-lossy.dcm").get("LossyImageCompression")


def test_an_overlay_in_the_upper_bits_goes(choose: Choose, tmp_path: Path) -> None:
    dataset = ct()
    values = np.frombuffer(dataset.PixelData, "<u2").copy()
    text = np.zeros(values.shape, "<u2")
    text[100:200] = 0x8000
    dataset.PixelData = (values | text).tobytes()
    dataset["PixelData"].VR = "OW"
    for element, vr, value in (
        (0x0010, "US", 64),
        (0x0011, "US", 64),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 15),
    ):
        dataset.add_new(0x60000000 + element, vr, value)
    path = tmp_path / "a.dcm"
    dataset.save_as(path, enforce_file_format=True)
    made = deidentified(path, choose()).dataset
    np.testing.assert_array_equal(np.frombuffer(made.PixelData, "<u2") & 0xF000, 0)
    np.testing.assert_array_equal(np.frombuffer(made.PixelData, "<u2"), values & 0x0FFF)


def test_comments_inside_frames_go() -> None:
    import imagecodecs

    grey = (np.arange(64 * 48, dtype=np.uint32).reshape(48, 64) % 251).astype(np.uint8)
    comment = b"\xff\xfe" + (2 + 10).to_bytes(2, "big") + b"SMITH JOHN"
    application = b"\xff\xe5" + (2 + 10).to_bytes(2, "big") + b"SMITH JOHN"
    pairs = (imagecodecs.jpeg8_encode, imagecodecs.jpeg8_decode), (imagecodecs.jpegls_encode, imagecodecs.jpegls_decode)
    for encode, decoder in pairs:
        encoded = encode(grey)
        dirty = encoded[:2] + comment + application + encoded[2:] + b"SMITH"
        clean = without_text(dirty)
        assert b"SMITH" not in clean
        np.testing.assert_array_equal(decoder(clean), decoder(encoded))
    encoded = imagecodecs.jpeg2k_encode(grey, level=0, codecformat="j2k")
    where = encoded.index(b"\xff\x52")
    dirty = encoded[:where] + b"\xff\x64" + (4 + 10).to_bytes(2, "big") + b"\0\1SMITH JOHN" + encoded[where:] + b"SMITH"
    clean = without_text(dirty)
    assert b"SMITH" not in clean
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(clean), grey)


def test_what_lies_behind_the_frames_goes(choose: Choose, bundled: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(bundled / "MR_small_RLE.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame])
    dataset.save_as(tmp_path / "a.dcm")
    with (tmp_path / "a.dcm").open("ab") as file:
        file.write(b"SMITH^JOHN")
    buffer = io.BytesIO()
    try:
        write(deidentified(tmp_path / "a.dcm", choose()), buffer)
    except SourceError:
        return
    assert b"SMITH" not in buffer.getvalue()


def test_boxes_need_a_picture(choose: Choose, bundled: Path) -> None:
    with pytest.raises(SourceError, match="no picture to burn"):
        deidentified(bundled / "rtplan.dcm", choose(), [BOX])


def test_the_original_is_only_read(choose: Choose, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    dataset: Dataset = ct()
    dataset.save_as(path, enforce_file_format=True)
    before = path.read_bytes()
    deidentified(path, choose(), [BOX])
    assert path.read_bytes() == before


@pytest.mark.parametrize("form", ["progressive", "two ends", "JP2", "two ends of JPEG 2000"])
def test_text_hides_nowhere_in_a_coded_frame(form: str) -> None:
    values, secret, buffer = (np.random.default_rng(0).random((64, 64)) * 255).astype(np.uint8), b"SMITHJOHN", io.BytesIO()
    if form in ("progressive", "two ends"):
        Image.fromarray(values).save(buffer, "JPEG", progressive=True)
    else:
        Image.fromarray(values).save(buffer, "JPEG2000", no_jp2=form != "JP2")
    clean = buffer.getvalue()
    if form == "progressive":
        place = clean.rfind(b"\xff\xc4")  # between two scans
        dirty = clean[:place] + b"\xff\xfe" + struct.pack(">H", 2 + len(secret)) + secret + clean[place:]
    elif form == "JP2":
        dirty = clean + struct.pack(">I4s", 8 + len(secret), b"xml ") + secret
    else:
        dirty = clean + secret + b"\xff\xd9"
    found = without_text(dirty)
    assert secret not in found
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(found))), np.asarray(Image.open(io.BytesIO(clean))))


@pytest.mark.parametrize("signed", [False, True])
def test_bits_beyond_the_values_go_though_no_overlay_is_named(choose: Choose, tmp_path: Path, signed: bool) -> None:
    values = np.arange(64 * 64, dtype="<i2").reshape(64, 64) % 1500 - (700 if signed else 0)
    words = values.astype("<u2")
    path = tmp_path / "a.dcm"
    given: dict[str, Any] = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": int(signed)}
    ct(**given, PixelData=words.tobytes()).save_as(path, enforce_file_format=True)
    assert deidentified(path, choose()).dataset.PixelData == words.tobytes()
    hidden = words.copy()
    hidden[10:20, 10:40] = hidden[10:20, 10:40] & 0x0FFF | 0x4000
    ct(**given, PixelData=hidden.tobytes()).save_as(path, enforce_file_format=True)
    made = np.frombuffer(deidentified(path, choose()).dataset.PixelData, "<u2").reshape(64, 64)
    np.testing.assert_array_equal(made & 0x0FFF, words & 0x0FFF)
    assert not (made & 0xF000).any()
