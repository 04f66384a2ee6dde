"""Colour pictures as a model receives them: palettes, YBR and photographs that lie on their side, against pydicom and Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.pixels import apply_color_lut, convert_color_space

from app.analysis import Request, as_model, run
from inference.engine import EngineSpec
from inference.questions import FreeQuestion
from tests.app.dicom_files import write
from tests.app.fake_engine import FakeEngine
from viewers.geometry import Region
from viewers.sources import open_source

NEW = "medgemma-1.5-4b-it"


def sent(path: Path) -> NDArray[np.uint8]:
    engine = FakeEngine(EngineSpec(drafter=NEW))
    run(Request(path, FreeQuestion("What is it?"), said=None), engine)
    return engine.asked[0][1][0].pixels


def palette(path: Path, entries: int, first: int, bits: int, depth: int, modality: str) -> Path:
    """A palette of random colours; `bits` of an entry of the table, `depth` of a pixel."""
    draw = np.random.default_rng(entries + bits)
    top = min(first + entries + 20, 2**depth)
    pixels = draw.integers(max(0, first - 20), top, (24, 32)).astype(np.uint16)
    tables = {}
    for name in ("Red", "Green", "Blue"):
        table = draw.integers(0, 2**bits, entries).astype("<u2")
        raw = table.tobytes() if bits == 16 else table.astype(np.uint8).tobytes()
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [entries % 65536, first, bits]
        tables[f"{name}PaletteColorLookupTableData"] = raw
    stored = pixels.astype("<u2") if depth > 8 else pixels.astype(np.uint8)
    more: dict[str, Any] = {
        "Modality": modality, "PhotometricInterpretation": "PALETTE COLOR", "BitsAllocated": 16 if depth > 8 else 8,
        "BitsStored": depth, "HighBit": depth - 1, "WindowCenter": None, "WindowWidth": None, "PixelData": stored.tobytes(),
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
    }  # fmt: skip
    return write(path, pixels, "CT", **more, **tables)


@pytest.mark.parametrize("modality", ["US", "XC", "OT", "CT"])
@pytest.mark.parametrize(
    ("entries", "first", "bits", "depth"), [(256, 0, 8, 8), (256, 0, 16, 8), (1000, 40, 16, 12), (65536, 0, 16, 16)]
)
def test_a_palette_reaches_the_model_as_its_true_colours(
    tmp_path: Path, entries: int, first: int, bits: int, depth: int, modality: str
) -> None:
    path = palette(tmp_path / "palette.dcm", entries, first, bits, depth, modality)
    dataset = dcmread(path)
    want = apply_color_lut(dataset.pixel_array, dataset)
    want = want if want.dtype == np.uint8 else want / 257.0
    assert np.abs(sent(path).astype(float) - want).max() <= 1.0
    assert np.ptp(sent(path), axis=2).max() > 50  # no grey picture


def test_ybr_reaches_the_model_as_rgb(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8)
    path = write(
        tmp_path / "ybr.dcm", pixels[..., 0].astype(np.uint16), "CT", Modality="XC", PhotometricInterpretation="YBR_FULL",
        SamplesPerPixel=3, PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter=None, WindowWidth=None,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4", PixelData=pixels.tobytes(),
    )  # fmt: skip
    want = convert_color_space(pixels, "YBR_FULL", "RGB")
    assert np.abs(sent(path).astype(int) - want).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_upright_is_padded_black_and_resized(tmp_path: Path, orientation: int) -> None:
    """The truth is the EXIF standard's own table (CIPA DC-008, 4.6.4) in NumPy, then Pillow's bilinear resize."""
    upright = np.random.default_rng(orientation).integers(0, 256, (60, 90, 3), np.uint8)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1], 7: upright.transpose(1, 0, 2)[::-1, ::-1], 8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert np.array_equal(sent(path), upright)
    square = np.zeros((90, 90, 3), np.uint8)
    square[15:75] = upright
    want = np.asarray(Image.fromarray(square).resize((896, 896), Image.Resampling.BILINEAR))
    source = open_source(path)
    assert np.abs(as_model(source, Region.whole(source.size), NEW).astype(int) - want).max() <= 1
