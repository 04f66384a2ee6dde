"""DICOM written without preamble and DICM mark (as before PS3.10), against pydicom told to read it all the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from tests.viewers.deidentify.conftest import ct
from viewers.sources import GrayscaleSource, open_source
from viewers.sources.header import dataset_of
from viewers.sources.meta import is_dicom
from viewers.tags.reading import read

FORMS = {"implicit": (True, True), "explicit": (False, True), "big endian": (False, False)}
FILES = ("rtstruct.dcm", "ExplVR_LitEndNoMeta.dcm", "ExplVR_BigEndNoMeta.dcm")


@pytest.fixture(params=FORMS)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    implicit, little = FORMS[request.param]
    made = ct()
    if not little:
        made.PixelData = np.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()
    del made.file_meta
    path = tmp_path / "a"
    made.save_as(path, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    assert path.read_bytes()[128:132] != b"DICM"
    return path


def test_a_picture_and_its_tags(bare: Path) -> None:
    source = open_source(bare)
    assert isinstance(source, GrayscaleSource)
    np.testing.assert_array_equal(source.stored(0), np.frombuffer(ct().PixelData, "<u2").reshape(64, 64))
    source.close()
    tags = {one.name: one.text for one in read(bare).tags}
    assert (tags["Patient's Name"], tags["Rows"], tags["KVP"]) == ("Smith^John", "64", "120.0")


@pytest.mark.parametrize("name", FILES)
def test_files_of_others(name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    truth = pydicom.dcmread(path, force=True)
    found = dataset_of(path)
    assert found.SOPInstanceUID == truth.SOPInstanceUID
    assert [str(one) for one in found] == [str(one) for one in truth if one.tag < 0x7FE00008]
    assert [one.tag for one in read(path).tags if not one.depth and one.tag < 0x7FE00008] == [
        one.tag for one in truth if one.tag < 0x7FE00008
    ]


def test_a_meta_header_without_a_preamble(tmp_path: Path) -> None:
    whole = io.BytesIO()
    ct().save_as(whole, enforce_file_format=True)
    path = tmp_path / "a"
    path.write_bytes(whole.getvalue()[132:])
    assert dataset_of(path).file_meta.TransferSyntaxUID == ct().file_meta.TransferSyntaxUID
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    np.testing.assert_array_equal(source.stored(0), np.frombuffer(ct().PixelData, "<u2").reshape(64, 64))
    source.close()


def test_other_files_are_none() -> None:
    rng = np.random.default_rng(1)
    noise = [rng.bytes(200) for _ in range(2000)]
    for head in (b"\x08\0\x05\0", b"\0\x08\0\x05", b"\x02\0\0\0", b"\x08\0\x05\0CS"):
        noise += [head + rng.bytes(200) for _ in range(2000)]
    noise += [bytes(200), b"\x08\0" * 100, b"\x02\0\0\0" * 50, b"", b"\x08\0\x05\0", b"text " * 40]
    assert not any(is_dicom(one) for one in noise)
    assert not is_dicom(Dataset().to_json().encode())
