"""Every transfer syntax: lossless ones give the very pixels that went in, lossy ones those that dcmtk gives."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tests.viewers.dicom_streams import compressed
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import GrayscaleSource, open_source

WriteDicom = Callable[..., Path]
_UID = "1.2.840.10008.1.2"
TOOLS = {
    "implicit": ("dcmconv", "+ti"), "big endian": ("dcmconv", "+tb"), "deflated": ("dcmconv", "+td"), "RLE": ("dcmcrle",),
    "lossless .57": ("dcmcjpeg", "+el"), "lossless .70": ("dcmcjpeg", "+e1"), "JPEG-LS": ("dcmcjpls", "+el"),
}  # fmt: skip
LOSSY = {
    "baseline .50": ("dcmcjpeg", "+eb"), "extended .51": ("dcmcjpeg", "+ee"), "spectral .53": ("dcmcjpeg", "+es"),
    "progressive .55": ("dcmcjpeg", "+ep"), "near-lossless .81": ("dcmcjpls", "+en"),
}  # fmt: skip


def by_dcmtk(path: Path, tool: str, *options: str) -> Path:
    program = Path("/usr/bin") / tool  # other packages bear programs of the same names
    if not program.exists() and shutil.which(tool) is None:
        pytest.skip(f"{tool} (Debian package dcmtk) is not installed")
    out = path.with_name(f"{path.stem}-{tool}{''.join(options).replace('+', '')}.dcm")
    subprocess.run([str(program), *options, str(path), str(out)], check=True, capture_output=True)
    return out


def picture(bits: int, signed: bool) -> NDArray[np.int16] | NDArray[np.uint16] | NDArray[np.uint8]:
    """Ground, edges, noise and both ends of the range; an odd size."""
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[:75, :101]
    top = 2**bits - 1
    values = ((np.sin(x / 17) + np.cos(y / 13) + 2) / 4 * top * 0.9 + rng.integers(0, max(2, top // 40), (75, 101))).astype(
        np.int64
    )
    values[10:20, 30:60] = 0
    values[40:50, 10:20] = top
    if signed:
        return (values - 2 ** (bits - 1)).astype(np.int16)
    return values.astype(np.uint8 if bits <= 8 else np.uint16)


def stored(path: Path) -> NDArray[np.generic]:
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    return source.stored()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_lossless_grey(write_dicom: WriteDicom, bits: int, signed: bool) -> None:
    truth = picture(bits, signed)
    plain = write_dicom(truth, BitsStored=bits, HighBit=bits - 1)
    assert np.array_equal(stored(plain), truth)
    for name, (tool, *options) in TOOLS.items():
        assert np.array_equal(stored(by_dcmtk(plain, tool, *options)), truth), name
    raw = truth.astype(truth.dtype.newbyteorder("<")).tobytes()
    engine = zlib.compressobj(wbits=-15)
    depth = None if signed else bits
    unsigned = truth.view(np.uint16) if signed else truth
    streams = {
        "4.90": imagecodecs.jpeg2k_encode(truth, codecformat="j2k", reversible=True, level=0, bitspersample=depth),
        "4.201": imagecodecs.htj2k_encode(truth, reversible=True), "8.1": engine.compress(raw) + engine.flush(),
        "4.110": imagecodecs.jpegxl_encode(unsigned, lossless=True),
    }  # fmt: skip
    for name, stream in streams.items():
        path = write_dicom(np.zeros_like(truth), f"{name}.dcm", BitsStored=bits, HighBit=bits - 1)
        assert np.array_equal(stored(compressed(path, stream, f"{_UID}.{name}")), truth), name


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("bits", [8, 12])
def test_lossy_grey_as_dcmtk(write_dicom: WriteDicom, bits: int, name: str) -> None:
    if (name, bits) == ("baseline .50", 12):
        pytest.skip("baseline holds 8 bits")
    tool, *options = LOSSY[name]
    path = by_dcmtk(write_dicom(picture(bits, False), BitsStored=bits, HighBit=bits - 1), tool, *options)
    truth = pydicom.dcmread(by_dcmtk(path, "dcmdjpeg" if tool == "dcmcjpeg" else "dcmdjpls")).pixel_array
    assert np.array_equal(stored(path), truth)


def test_the_real_files_as_dcmtk(shared: Path, tmp_path: Path) -> None:
    compared = 0
    for number in ("50", "51", "53", "55", "57", "70", "80", "81"):
        path = shutil.copy(
            next((shared / "dicom" / "ct-in-many-syntaxes").glob(f"CTImage*4.{number}.dcm")), tmp_path / f"{number}.dcm"
        )
        plain = by_dcmtk(Path(path), "dcmdjpls" if number in ("80", "81") else "dcmdjpeg")
        truth, ours = pydicom.dcmread(plain).pixel_array, stored(Path(path))
        assert np.array_equal(ours, truth), number
        compared += 1
    assert compared == 8


@pytest.mark.parametrize("name", ["RLE", "lossless .57", "lossless .70", "JPEG-LS", "4.90", "4.201"])
def test_lossless_colour(write_dicom: WriteDicom, name: str) -> None:
    rng = np.random.default_rng(2)
    truth = np.stack([picture(8, False), picture(8, False)[::-1], rng.integers(0, 256, (75, 101)).astype(np.uint8)], axis=2)
    path = write_dicom(
        truth, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7
    )
    if name in TOOLS:
        # without the change to YCbR that JPEG would make first
        path = by_dcmtk(path, TOOLS[name][0], *TOOLS[name][1:])
    else:
        stream = (
            imagecodecs.jpeg2k_encode(truth, codecformat="j2k", reversible=True, level=0, mct=True)
            if name == "4.90"
            else imagecodecs.htj2k_encode(truth, reversible=True, rgb=True)
        )
        path = compressed(path, stream, f"{_UID}.{name}", PhotometricInterpretation="YBR_RCT")
    source = open_source(path)
    assert np.array_equal(source.read(Region.whole(source.size)), truth)


@pytest.mark.parametrize("sampling", ["+s4", "+s2"])
def test_lossy_colour_as_dcmtk(write_dicom: WriteDicom, sampling: str) -> None:
    """YBR_FULL and YBR_FULL_422 by JPEG baseline. The inverse cosine transforms of two libraries differ by a level."""
    y, x = np.mgrid[:75, :101]
    truth = np.stack([x * 2, y * 3, (np.sin(x / 17) + np.cos(y / 13) + 2) * 60], axis=2).astype(np.uint8)
    path = write_dicom(
        truth, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7
    )
    path = by_dcmtk(path, "dcmcjpeg", "+eb", sampling)
    theirs = pydicom.dcmread(by_dcmtk(path, "dcmdjpeg", "+cp", "+px")).pixel_array.astype(int)
    source = open_source(path)
    assert np.abs(source.read(Region.whole(source.size)).astype(int) - theirs).max() <= 2


def test_single_bits_of_many_frames(write_dicom: WriteDicom) -> None:
    """Frames of 35 bits follow one another without filling (PS3.5 8.1.1), raw and in one deflated stream each."""
    truth = np.random.default_rng(4).integers(0, 2, (5, 7, 5)).astype(np.uint8)
    packed = np.packbits(truth.ravel(), bitorder="little").tobytes()
    path = write_dicom(
        truth[0], NumberOfFrames=5, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed + b"\0" * (len(packed) % 2)
    )
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert all(np.array_equal(source.stored(frame), truth[frame]) for frame in range(5))


@pytest.mark.parametrize("syntax", ["4.92", "4.100", "4.102", "4.94", "7.1"])
def test_what_is_not_supported_says_so(write_dicom: WriteDicom, syntax: str) -> None:
    path = compressed(write_dicom(picture(8, False)), b"\0" * 64, f"{_UID}.{syntax}")
    with pytest.raises(SourceError, match="which Hilum cannot read"):
        stored(path)


@pytest.mark.parametrize("signed", [False, True])
def test_pydicom_reads_what_we_read(write_dicom: WriteDicom, signed: bool) -> None:
    """Without the plug-in pydicom has no decoder for lossless JPEG at all."""
    from viewers.sources.pydicom_plugin import register

    register()
    register()
    truth = picture(12, signed)
    plain = write_dicom(truth, BitsStored=12, HighBit=11)
    for tool, *options in (TOOLS["lossless .57"], TOOLS["lossless .70"], TOOLS["JPEG-LS"]):
        assert np.array_equal(pydicom.dcmread(by_dcmtk(plain, tool, *options)).pixel_array, truth), options
    if not signed:
        path = by_dcmtk(plain, *LOSSY["extended .51"])
        assert np.array_equal(pydicom.dcmread(path).pixel_array, stored(path))
