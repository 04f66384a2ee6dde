"""What is said of how pixels are stored: transfer syntax and loss, against those who wrote the file or read its tags."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from viewers.sources import open_source

NOISE = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)


@pytest.mark.parametrize(("name", "lossy"), [("a.jpg", True), ("a.png", False), ("a.bmp", False), ("a.webp", None)])
def test_pictures(tmp_path: Path, name: str, lossy: bool | None) -> None:
    Image.fromarray(NOISE).save(tmp_path / name)
    info = open_source(tmp_path / name).info()
    assert (info["lossy"], info["transfer_syntax"]) == (lossy, None)


@pytest.mark.parametrize(("compression", "lossy"), [(None, False), ("deflate", False), ("lzw", False), ("jpeg", True)])
@pytest.mark.parametrize("tiled", [True, False])
def test_tiff_and_tiled_tiff(tmp_path: Path, compression: str | None, lossy: bool, tiled: bool) -> None:
    path = tmp_path / "a.tif"
    tile = {"tile": (256, 256)} if tiled else {}
    tifffile.imwrite(path, NOISE, photometric="rgb", compression=compression, metadata=None, **tile)
    assert open_source(path).info()["lossy"] == lossy


def test_svs(shared: Path) -> None:
    for path in (shared / "slides").glob("*.svs"):
        with tifffile.TiffFile(path) as file:
            jpeg = file.pages[0].compression == tifffile.COMPRESSION.JPEG
        assert open_source(path).info()["lossy"] == (True if jpeg else None)


def test_dicom_slide(shared: Path, tmp_path: Path) -> None:
    info = open_source(shared / "slides" / "CMU-1-Small-Region_dicom").info()
    assert info["transfer_syntax"] == {"uid": "1.2.840.10008.1.2.4.50", "name": "JPEG Baseline (Process 1)"}
    assert info["lossy"] is True


def test_the_header_s_own_word_counts(shared: Path, tmp_path: Path) -> None:
    """Decompressed pixels that once were compressed with loss (PS3.3 C.7.6.1.1.5): only the header knows."""
    source = shared / "dicom" / "ct-in-many-syntaxes" / "CTImage.dcm"
    assert open_source(source).info()["lossy"] is False
    copy = tmp_path / "copy.dcm"
    shutil.copy(source, copy)
    dataset = pydicom.dcmread(copy)
    dataset.LossyImageCompression = "01"
    dataset.save_as(tmp_path / "marked.dcm")
    assert open_source(tmp_path / "marked.dcm").info()["lossy"] is True
