"""Bad files: one sentence each, quickly, and never anything but a SourceError."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import open_source

WriteDicom = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]


def refused(path: Path) -> str:
    """The sentence with which a path is refused, at opening or at the first read."""

    def shown() -> None:
        source = open_source(path)
        source.read(Region.whole(source.size))

    with pytest.raises(SourceError) as caught:
        shown()
    sentence = str(caught.value)
    assert sentence.rstrip(".").count("\n") == 0
    assert sentence.endswith(".")
    assert path.name in sentence
    return sentence


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    assert "empty (0 bytes)" in refused(tmp_path / "empty.dcm")


def test_text_named_dcm(tmp_path: Path) -> None:
    (tmp_path / "notes.dcm").write_text("Dear colleague, " * 50)
    assert "is text" in refused(tmp_path / "notes.dcm")


def test_random_bytes(tmp_path: Path) -> None:
    (tmp_path / "noise.dcm").write_bytes(np.random.default_rng(1).bytes(10_000))
    assert "not a kind of file" in refused(tmp_path / "noise.dcm")


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.95])
def test_dicom_cut_short(write_dicom: WriteDicom, ramp: NDArray[np.uint16], share: float) -> None:
    path = write_dicom(ramp)
    path.write_bytes(path.read_bytes()[: max(140, int(path.stat().st_size * share))])
    refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_compressed_dicom_cut_short(shared: Path, tmp_path: Path, share: float) -> None:
    for path in sorted((shared / "dicom" / "ct-in-many-syntaxes").glob("CTImage.dcm_*")):
        data = path.read_bytes()
        cut = tmp_path / path.name
        cut.write_bytes(data[: int(len(data) * share)])
        refused(cut)


@pytest.mark.parametrize("tiled", [True, False])
def test_tiff_cut_short(tmp_path: Path, tiled: bool) -> None:
    path = tmp_path / "cut.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=None, **({"tile": (256, 256)} if tiled else {}))
    path.write_bytes(path.read_bytes()[:200_000])
    refused(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_pictures_cut_short(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cut.{kind.lower()}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)).save(path, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut short" in refused(path)


def test_a_claim_of_65535_squared_pixels(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    assert "limit of 2 GiB" in refused(write_dicom(ramp, Rows=65535, Columns=65535))


def test_a_claim_of_a_million_frames(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    assert "limit of 2 GiB" in refused(write_dicom(ramp, NumberOfFrames=1_000_000))


def test_a_png_that_claims_too_much(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 65_535, 65_535, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)))
    assert "limit of 178,956,970 pixels" in refused(tmp_path / "bomb.png")


def test_a_codestream_larger_than_its_header(shared: Path, tmp_path: Path) -> None:
    for number, mark, at in (("50", b"\xff\xc0", 5), ("90", b"\xff\x4f\xff\x51", 8)):
        path = next((shared / "dicom" / "ct-in-many-syntaxes").glob(f"CTImage*4.{number}.dcm"))
        data = bytearray(path.read_bytes())
        place = data.index(mark) + at
        data[place : place + 4] = struct.pack(">HH", 65_500, 65_500) if number == "50" else struct.pack(">I", 60_000)
        (tmp_path / path.name).write_bytes(data)
        assert "its header says 512 × 512" in refused(tmp_path / path.name)


def test_a_deflated_bomb(tmp_path: Path, shared: Path) -> None:
    path = next((shared / "dicom" / "ct-in-many-syntaxes").glob("*1.2.1.99.dcm"))
    data = path.read_bytes()
    meta = 132 + 12 + struct.unpack("<I", data[140:144])[0]
    engine = zlib.compressobj(9, wbits=-15)
    packed = b"".join(engine.compress(b"\0" * 2**20) for _ in range(300)) + engine.flush()
    (tmp_path / "bomb.dcm").write_bytes(data[:meta] + packed)
    assert "limit of 64 MiB" in refused(tmp_path / "bomb.dcm")


def test_sequences_nested_a_thousand_deep(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp)
    data = path.read_bytes()
    depth = 1000
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    at = data.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(data[:at] + opening * depth + closing * depth + data[at:])
    assert "nests its sequences too deeply" in refused(path)


@pytest.mark.parametrize(
    "values",
    [
        {"Rows": 0}, {"Rows": None}, {"BitsAllocated": 12}, {"BitsAllocated": None}, {"SamplesPerPixel": 2},
        {"PhotometricInterpretation": "HSV"}, {"PixelData": b"\0" * 10},
    ],
)  # fmt: skip
def test_impossible_pixel_attributes(write_dicom: WriteDicom, ramp: NDArray[np.uint16], values: dict[str, object]) -> None:
    refused(write_dicom(ramp, **values))


def test_dicom_without_pixels_names_its_kind(shared: Path) -> None:
    assert "Basic Text SR" in refused(shared / "dicom" / "ct-in-many-syntaxes" / "no-pixel-data.dcm")


def test_video_is_named_as_unsupported(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 100])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    dataset.save_as(path)
    assert "MPEG2" in refused(path)


def test_zero_spacing_is_shown_in_pixels(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    source = open_source(write_dicom(ramp, Modality="CT", PixelSpacing=[0, 0]))
    assert source.spacing is None
    assert source.notes


def test_a_link_to_nowhere_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "dangling.dcm").symlink_to(tmp_path / "nowhere.dcm")
    assert "link" in refused(tmp_path / "dangling.dcm")
    assert "is not there" in refused(tmp_path / "never.dcm")


def test_a_folder_named_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").mkdir()
    assert "nothing that can be opened" in refused(tmp_path / "x.dcm")


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_an_unreadable_folder() -> None:
    """In a process of another user where this one reads everything."""
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    code = (
        "import sys; from viewers.sources import discover as d; print([(type(o).__name__, o.path.name) for o in d(sys.argv[1])])"
    )
    command = [*other, sys.executable, "-B", "-c", code]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if other:
            probe = subprocess.run([*command, name], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            if probe.returncode != 0:
                pytest.skip(f"this user reads everything, and the interpreter cannot be run as another: {probe.stderr[-200:]}")
        (folder / "closed").mkdir(mode=0)
        done = subprocess.run([*command, name], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == "[('Failure', 'closed')]\n", done.stderr


@pytest.mark.parametrize("kind", ["dicom", "png", "slide"])
def test_a_file_that_vanishes_while_open(write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.bin"
    if kind == "dicom":
        path = write_dicom(ramp, "vanishing.dcm")
    elif kind == "png":
        Image.fromarray(ramp.astype(np.uint8)).save(path, "PNG")
    else:
        tifffile.imwrite(path, np.zeros((512, 512, 3), np.uint8), photometric="rgb", tile=(256, 256), metadata=None)
    source = open_source(path)
    path.unlink()
    with pytest.raises(SourceError, match="is not there"):
        source.read(Region(0, 0, 10, 10))


def test_mutated_files_raise_nothing_else(shared: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    paths = sorted((shared / "dicom" / "ct-in-many-syntaxes").glob("*.dcm"))
    for round_ in range(150):
        data = bytearray(paths[round_ % len(paths)].read_bytes())
        for _ in range(int(rng.integers(1, 12))):
            data[int(rng.integers(132, min(len(data), 3000)))] = int(rng.integers(256))
        path = tmp_path / "mutant.dcm"
        path.write_bytes(data)
        with contextlib.suppress(SourceError):
            source = open_source(path)
            source.read(Region.whole(source.size))
            source.info()
