"""The facts of a source are told in words: no keys, no blanks, numbers in one style."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID

from app.panels.source_facts import source_facts
from viewers.sources import open_source

FILES = Path(pydicom.__file__).parent / "data/test_files"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "examples_palette.dcm", "JPEG-lossy.dcm"])
def test_no_keys_and_no_blanks_of_real_dicom_files(name: str) -> None:
    path = FILES / name
    if not path.exists():
        pytest.skip(f"this pydicom carries no {name}")
    header = pydicom.dcmread(path)
    with closing(open_source(path)) as source:
        told = source_facts(source.info())
    for heading, words in told.items():
        assert "_" not in heading
        assert words.strip()
        assert words not in ("None", "not stated") or heading == "Spacing"
        assert not any(key in words for key in ("x_mm", "transfer_syntax", "{", "["))
    assert told["Size"].replace("\u00a0", "") == f"{header.Columns} × {header.Rows} px"
    assert UID(header.file_meta.TransferSyntaxUID).name in told["Transfer syntax"]
    if "PixelSpacing" in header:
        assert f"{float(header.PixelSpacing[1]):.4g}" in told["Spacing"]
    else:
        assert told["Spacing"]


def test_a_slides_levels_and_size(shared: Path) -> None:
    import openslide

    path = shared / "slides" / "CMU-1-Small-Region.svs"
    with openslide.OpenSlide(path) as slide:
        width, height = slide.dimensions
        mpp = float(slide.properties["openslide.mpp-x"])
    with closing(open_source(path)) as source:
        told = source_facts(source.info())
    assert told["Size"] == f"{width // 1000}\u00a0{width % 1000:03d} × {height // 1000}\u00a0{height % 1000:03d} px"
    assert told["Spacing"].startswith(f"{mpp:.4g} µm per pixel")


def test_a_key_nobody_foresaw_is_made_readable() -> None:
    told = source_facts(
        {"kind": "slide", "scan_area": {"x_mm": 12345, "note_text": "", "of": None}, "vendor": "", "notes": ["a"]}
    )
    assert told == {"Kind": "slide", "Scan area": "x mm 12\u00a0345"}
