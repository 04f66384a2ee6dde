"""Hostile DICOM files: one sentence each, soon, naming the limit where there is one, and no memory taken in this process."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import psutil
import pydicom
import pytest
from numpy.typing import NDArray

from tests.viewers.dicom_streams import compressed
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import GrayscaleSource, discover, open_source
from viewers.sources.folder import Failure
from viewers.sources.header import dataset_of

WriteDicom = Callable[..., Path]
MEMORY = 200 * 2**20
META = 0x0002
AT = b"\x10\x00\x10\x00PN"
"""Where the patient's name begins in files of `write_dicom`: elements put before it are in order."""


def read(path: Path) -> NDArray[np.uint8]:
    source = open_source(path)
    return source.read(Region.whole(source.size))


def refused(path: Path, words: str = "") -> str:
    """The one sentence; this process has grown little."""
    before = psutil.Process().memory_info().rss
    with pytest.raises(SourceError) as caught:
        read(path)
    sentence = str(caught.value)
    assert path.name in sentence
    assert words in sentence, sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert psutil.Process().memory_info().rss - before < MEMORY
    return sentence


def put(path: Path, elements: bytes, at: bytes = AT) -> Path:
    data = path.read_bytes()
    place = data.index(at)
    path.write_bytes(data[:place] + elements + data[place:])
    return path


def element(tag: int, vr: bytes, length: int, value: bytes = b"") -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    long = vr in (b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR")
    return head + (struct.pack("<HI", 0, length) if long else struct.pack("<H", length)) + value


def nested(depth: int, how: str) -> bytes:
    """Sequences inside each other: of undefined length, of stated length, or as UN in implicit VR."""
    inside = element(0x00080060, b"CS", 2, b"CT")
    for _ in range(depth):
        if how == "undefined":
            items = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inside + b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
            inside = element(0x00081140, b"SQ", 0xFFFFFFFF, items)
        else:
            items = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inside)) + inside
            inside = element(0x00081140, b"SQ", len(items), items)
    return inside


@pytest.mark.parametrize("how", ["undefined", "defined"])
@pytest.mark.parametrize("depth", [65, 300, 5000])
def test_sequences_nested_too_deeply(write_dicom: WriteDicom, ramp: NDArray[np.uint16], depth: int, how: str) -> None:
    refused(put(write_dicom(ramp), nested(depth, how)), "nests its sequences too deeply (the limit is 64)")


@pytest.mark.parametrize("how", ["undefined", "defined"])
def test_sequences_nested_as_deeply_as_allowed(write_dicom: WriteDicom, ramp: NDArray[np.uint16], how: str) -> None:
    path = put(write_dicom(ramp), nested(64, how))
    assert read(path).shape == (64, 64, 3)
    item = dataset_of(path)
    for _ in range(64):
        item = item.ReferencedImageSequence[0]
    assert item.Modality == "CT"


def test_implicit_sequences_nested_too_deeply(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    dataset.save_as(path, implicit_vr=True, little_endian=True)
    inside = b""
    for _ in range(1000):
        items = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inside)) + inside
        inside = b"\x08\x00\x40\x11" + struct.pack("<I", len(items)) + items
    refused(put(path, inside, b"\x10\x00\x10\x00"), "nests its sequences too deeply")


@pytest.mark.parametrize("length", [0xFFFFFFF0, 0x7FFFFFF0, 2**29 + 2])
def test_an_element_of_some_gigabytes(write_dicom: WriteDicom, ramp: NDArray[np.uint16], length: int) -> None:
    path = put(write_dicom(ramp), element(0x00091010, b"UN", length, b"four"))
    assert "(0009,1010)" in refused(path, f"{length:,} bytes, more than the limit of 512 MiB")


def test_an_element_longer_than_the_file(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    refused(put(write_dicom(ramp), element(0x00091010, b"UN", 1_000_000, b"four")), "claims 1,000,000 bytes where")


def test_a_tag_of_a_gigabyte_that_is_there(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    """The file is sparse: nobody has to read it to refuse it."""
    path = write_dicom(ramp)
    data = path.read_bytes()
    place = data.index(AT)
    with path.open("wb") as file:
        file.write(data[:place] + element(0x00091010, b"UN", 2**30))
        file.seek(2**30, 1)
        file.write(data[place:])
    refused(path, "limit of 512 MiB")


def test_a_pixel_element_of_some_gigabytes(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, Rows=4000)
    data = path.read_bytes()
    at = data.index(b"\xe0\x7f\x10\x00OW") + 8
    path.write_bytes(data[:at] + struct.pack("<I", 0xFFFFFFF0) + data[at + 4 :])
    refused(path, "is cut short")


def test_a_million_elements(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    refused(put(write_dicom(ramp), element(0x00091010, b"LO", 0) * 1_000_001), "more than 1,000,000 elements, the limit")


def test_a_million_items(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 1_000_001
    refused(put(write_dicom(ramp), element(0x00081140, b"SQ", len(items), items)), "more than 1,000,000 elements, the limit")


@pytest.mark.parametrize("ratio", ["bytes", "frames"])
def test_deflated_bombs(write_dicom: WriteDicom, ramp: NDArray[np.uint16], ratio: str) -> None:
    """A thousand to one: as a whole file and as one frame."""
    engine = zlib.compressobj(9, wbits=-15)
    packed = b"".join(engine.compress(b"\0" * 2**20) for _ in range(80)) + engine.flush()
    if ratio == "frames":
        refused(compressed(write_dicom(ramp), packed, "1.2.840.10008.1.2.8.1"), "limit of 64 MiB")
        return
    path = write_dicom(ramp)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    data = path.read_bytes()
    meta = 132 + 12 + struct.unpack("<I", data[140:144])[0]
    path.write_bytes(data[:meta] + packed)
    refused(path, "limit of 64 MiB")


def test_claims_of_65535_squared_pixels(write_dicom: WriteDicom) -> None:
    """By the header alone, and by header and codestream together."""
    flat = np.zeros((64, 64), np.uint8)
    refused(write_dicom(flat, Rows=65535, Columns=65535), "limit of 2 GiB")
    stream = imagecodecs.jpeg2k_encode(flat, codecformat="j2k", reversible=True, level=0)
    at = stream.index(b"\xff\x4f\xff\x51") + 8
    huge = stream[:at] + struct.pack(">II", 65_535, 65_535) + stream[at + 8 :]
    refused(compressed(write_dicom(flat), huge, Rows=65535, Columns=65535), "limit of 2 GiB")
    refused(compressed(write_dicom(flat), huge), "65535 × 65535 pixels where its header says 64 × 64")


def test_an_extended_offset_table_that_points_anywhere(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    stream = imagecodecs.jpeg2k_encode(ramp, codecformat="j2k", reversible=True, level=0)
    for place, length in ((2**62, len(stream)), (0, 2**62), (0, 0), (10, len(stream))):
        path = compressed(
            write_dicom(ramp), stream,
            ExtendedOffsetTable=struct.pack("<Q", place), ExtendedOffsetTableLengths=struct.pack("<Q", length),
        )  # fmt: skip
        if (place, length) == (0, 2**62):  # what follows the stream does no harm
            with contextlib.suppress(SourceError):
                read(path)
        else:
            refused(path)


def test_offsets_that_do_not_fit_are_not_believed(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    """Three frames, one to a fragment: the order of the fragments counts."""
    frames = [ramp + number for number in range(3)]
    streams = [imagecodecs.jpeg2k_encode(one, codecformat="j2k", reversible=True, level=0) for one in frames]
    path = compressed(write_dicom(ramp), streams, NumberOfFrames=3)
    data = path.read_bytes()
    at = data.index(b"\xfe\xff\x00\xe0\x0c\0\0\0") + 8
    path.write_bytes(data[:at] + struct.pack("<III", 7, 5, 2**31) + data[at + 12 :])
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert all(np.array_equal(source.stored(number), frames[number]) for number in range(3))


def test_fewer_frames_than_claimed(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    stream = imagecodecs.jpeg2k_encode(ramp, codecformat="j2k", reversible=True, level=0)
    source = open_source(compressed(write_dicom(ramp), [stream, stream], NumberOfFrames=4))
    assert isinstance(source, GrayscaleSource)
    assert np.array_equal(source.stored(1), ramp)
    with pytest.raises(SourceError, match="no data for frame 3"):
        source.stored(2)


CODECS = {
    "1.2.840.10008.1.2.4.50": lambda p: imagecodecs.jpeg8_encode((p >> 4).astype(np.uint8), level=90),
    "1.2.840.10008.1.2.4.70": lambda p: imagecodecs.ljpeg_encode(p),
    "1.2.840.10008.1.2.4.80": lambda p: imagecodecs.jpegls_encode(p),
    "1.2.840.10008.1.2.4.90": lambda p: imagecodecs.jpeg2k_encode(p, codecformat="j2k", reversible=True, level=0),
    "1.2.840.10008.1.2.4.201": lambda p: imagecodecs.htj2k_encode(p, reversible=True),
    "1.2.840.10008.1.2.4.110": lambda p: imagecodecs.jpegxl_encode(p, lossless=True),
    "1.2.840.10008.1.2.5": lambda p: pydicom.pixels.encoders.RLELosslessEncoder.encode(
        p, rows=64, columns=64, samples_per_pixel=1, bits_allocated=16, bits_stored=16, photometric_interpretation="MONOCHROME2",
        pixel_representation=0, number_of_frames=1, encoding_plugin="pydicom",
    ),
}  # fmt: skip


@pytest.mark.parametrize("syntax", CODECS)
def test_damaged_codestreams(write_dicom: WriteDicom, ramp: NDArray[np.uint16], syntax: str) -> None:
    """Cut, flipped, empty and of other sizes or components: read right, read as something, or refused in a sentence."""
    stream = CODECS[syntax](ramp)
    rng = np.random.default_rng(6)
    values: dict[str, object] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7} if syntax.endswith(".50") else {}

    def opened(data: bytes, **more: object) -> NDArray[np.uint8] | None:
        with contextlib.suppress(SourceError):
            return read(compressed(write_dicom(ramp), data, syntax, **values | more))
        return None

    assert opened(stream) is not None
    assert opened(b"\0\0") is None
    for share in (0.3, 0.7, 0.95):
        assert opened(stream[: int(len(stream) * share)]) is None, share
    assert opened(stream[:20]) is None
    assert opened(stream, Rows=65) is None
    assert opened(stream, Columns=32) is None
    assert opened(stream, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0) is None
    for _ in range(12):
        flipped = bytearray(stream)
        for place in rng.integers(0, len(stream), 3):
            flipped[place] ^= 1 << int(rng.integers(8))
        opened(bytes(flipped))


@pytest.mark.parametrize(
    "values",
    [
        {"Rows": 0}, {"Columns": 0}, {"Rows": 65535}, {"NumberOfFrames": 2**31 - 1}, {"NumberOfFrames": -5}, {"BitsStored": 0},
        {"BitsStored": 40}, {"HighBit": 60}, {"SamplesPerPixel": 0}, {"SamplesPerPixel": 4}, {"PixelRepresentation": 7},
        {"PhotometricInterpretation": "PALETTE COLOR"}, {"PhotometricInterpretation": "YBR_FULL_422"}, {"PlanarConfiguration": 9},
        {"RescaleSlope": "0"}, {"WindowWidth": "0", "WindowCenter": "0"}, {"WindowWidth": "-3", "WindowCenter": "9"},
        {"PixelPaddingValue": 0}, {"PixelSpacing": [-1, 0]},
        {"ImageOrientationPatient": [0] * 6, "ImagePositionPatient": [0] * 3},
    ],
)  # fmt: skip
def test_odd_attributes_are_read_or_refused(write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, object]) -> None:
    path = write_dicom(ramp, **values)
    with contextlib.suppress(SourceError):
        assert read(path).dtype == np.uint8


def test_truncation_at_every_place(write_dicom: WriteDicom) -> None:
    """Each length of a small file up to its last byte is refused in one sentence."""
    path = write_dicom(np.zeros((2, 2), np.uint16))
    data = path.read_bytes()
    cut = path.with_name("cut.dcm")
    for length in range(0, len(data) - 1, 3):
        cut.write_bytes(data[:length])
        with pytest.raises(SourceError, match=r"cut\.dcm"):
            read(cut)


def test_a_polyglot_is_read_as_what_it_is(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    """A program's mark in the preamble (CVE-2019-11687) is never run and changes nothing."""
    for mark in (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"II*\0\x08\0\0\0"):
        path = write_dicom(ramp)
        data = path.read_bytes()
        path.write_bytes(mark.ljust(128, b"\0") + data[128:])
        assert read(path).shape == (64, 64, 3)


def test_one_hostile_file_of_a_folder_costs_itself(write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path) -> None:
    for number in range(6):
        write_dicom(ramp, f"{number}.dcm", SeriesInstanceUID=f"1.2.{number}")
    put(tmp_path / "2.dcm", nested(5000, "undefined"))
    (tmp_path / "3.dcm").write_bytes((tmp_path / "4.dcm").read_bytes()[:400])
    found = list(discover(tmp_path))
    assert [one.path.name for one in found if isinstance(one, Failure)] == ["2.dcm", "3.dcm"]
    assert len(found) == 6
