"""Pixel attributes as damaged or hostile writers leave them: a sentence, or the right picture by the formula; never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import FramedSource, GrayscaleSource, open_source

WriteDicom = Callable[..., Path]
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
PLACE = "12345678"
"""A number of eight characters, to be written over by text that pydicom would not write."""


def full(values: NDArray[Any]) -> NDArray[np.float64]:
    """Lowest black, highest white."""
    spread = (values - values.min()) / max(float(values.max() - values.min()), 1e-9)
    return np.asarray(spread * 255.0)


def linear(values: NDArray[Any], centre: float, width: float) -> NDArray[np.float64]:
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


def lut(descriptor: list[int] | None, data: bytes | None) -> Dataset:
    item = Dataset()
    if descriptor is not None:
        item.LUTDescriptor = descriptor
        item["LUTDescriptor"].VR = "US"
    if data is not None:
        item.LUTData = data
        item["LUTData"].VR = "OW"
    return item


def words(*values: int) -> bytes:
    return np.array(values, "<u2").tobytes()


RISE = np.minimum(np.arange(65_536, dtype="<u2"), 4095)
WINDOW = {"WindowCenter": 2000, "WindowWidth": 1000}
PLAIN, WINDOWED, NOTED = full(RAMP), linear(RAMP, 2000, 1000), True
READ: dict[str, tuple[dict[str, Any], NDArray[Any], bool]] = {
    # values of the header, the grey that is right, whether the reader is told
    "sign of another number": ({"PixelRepresentation": 7}, PLAIN, False),
    "no bits stored": ({"BitsStored": None, "HighBit": None}, PLAIN, False),
    "more bits stored than allocated": ({"BitsStored": 99}, PLAIN, False),
    "no high bit": ({"HighBit": None}, PLAIN, False),
    "high bit beyond the word": ({"HighBit": 40, "BitsStored": 12}, PLAIN, False),
    "no frames stated as 0": ({"NumberOfFrames": 0}, PLAIN, False),
    "a negative number of frames": ({"NumberOfFrames": -3}, PLAIN, False),
    "no samples stated": ({"SamplesPerPixel": None}, PLAIN, False),
    "no photometric interpretation": ({"PhotometricInterpretation": None}, PLAIN, False),
    "planes of grey": ({"PlanarConfiguration": 9}, PLAIN, False),
    "an unknown shape": ({"PresentationLUTShape": "ROUND"}, PLAIN, NOTED),
    "padding that is no pixel's": ({"PixelPaddingValue": 65_535}, PLAIN, False),
    "a centre without a width": ({"WindowCenter": 2000}, PLAIN, False),
    "a width without a centre": ({"WindowWidth": 2000}, PLAIN, False),
    "a width of 0": ({"WindowCenter": 2000, "WindowWidth": 0}, PLAIN, NOTED),
    "a width below 0": ({"WindowCenter": 2000, "WindowWidth": -5}, PLAIN, NOTED),
    "a linear width below 1": ({"WindowCenter": 2000, "WindowWidth": 0.5}, PLAIN, NOTED),
    "an exact width below 1": (
        {"WindowCenter": 2000.1, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"},
        np.clip((RAMP - 2000.1) / 0.5 + 0.5, 0, 1) * 255, False,
    ),
    "an unknown function": ({**WINDOW, "VOILUTFunction": "CUBIC"}, WINDOWED, NOTED),
    "more centres than widths": ({"WindowCenter": [2000, 1], "WindowWidth": 1000}, WINDOWED, False),
    "fewer explanations than windows": (
        {"WindowCenter": [2000, 1], "WindowWidth": [1000, 9], "WindowCenterWidthExplanation": "ONE"}, WINDOWED, False,
    ),
    "an empty table sequence": ({**WINDOW, "VOILUTSequence": []}, WINDOWED, False),
    "a table without data": ({**WINDOW, "VOILUTSequence": [lut([16, 0, 12], None)]}, WINDOWED, NOTED),
    "a table without descriptor": ({**WINDOW, "VOILUTSequence": [lut(None, words(1, 2))]}, WINDOWED, NOTED),
    "a descriptor of two": ({**WINDOW, "VOILUTSequence": [lut([2, 0], words(1, 2))]}, WINDOWED, NOTED),
    "a table of too few entries": ({**WINDOW, "VOILUTSequence": [lut([4096, 0, 12], words(*range(10)))]}, WINDOWED, NOTED),
    "a table of no bits": ({**WINDOW, "VOILUTSequence": [lut([2, 0, 0], words(0, 1))]}, WINDOWED, NOTED),
    "a table of 200 bits": ({**WINDOW, "VOILUTSequence": [lut([2, 0, 200], words(0, 1))]}, WINDOWED, NOTED),
    "0 entries stand for 65,536": ({"VOILUTSequence": [lut([0, 0, 12], RISE.tobytes())]}, RAMP / 4095 * 255, False),
    "values wider than the bits": (
        {"VOILUTSequence": [lut([4096, 0, 8], words(*range(4096)))]}, RAMP / 4095 * 255, False,
    ),
    "a table of one entry": ({"VOILUTSequence": [lut([1, 0, 8], words(128))]}, np.full((64, 64), 128.0), False),
    "a damaged modality table": ({"ModalityLUTSequence": [lut([99, 0, 12], words(1))], **WINDOW}, WINDOWED, NOTED),
    "a damaged presentation table": ({"PresentationLUTSequence": [lut([99, 0, 12], words(1))], **WINDOW}, WINDOWED, NOTED),
    "an infinite real-world slope": ({"RealWorldValueMappingSequence": [Dataset()]}, PLAIN, False),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_is_read_right(write_dicom: WriteDicom, name: str) -> None:
    values, truth, noted = READ[name]
    source = open_source(write_dicom(RAMP, **values))
    shown = source.read(Region.whole(source.size))[:, :, 0]
    assert np.abs(shown - truth).max() <= 0.51
    assert bool(source.notes) == noted
    assert all(note.endswith(".") for note in source.notes)


TEXTS: dict[str, tuple[str, str, NDArray[Any]]] = {
    "a slope that is no number": ("RescaleSlope", "NaN", PLAIN),
    "an endless slope": ("RescaleSlope", "1e999", PLAIN),
    "a slope in words": ("RescaleSlope", "two", PLAIN),
    "an intercept that is no number": ("RescaleIntercept", "NaN", PLAIN),
    "a centre that is no number": ("WindowCenter", "NaN", PLAIN),
    "an endless centre": ("WindowCenter", "-1e999", PLAIN),
    "a width in words": ("WindowWidth", "wide", PLAIN),
    "an endless width": ("WindowWidth", "1e999", PLAIN),
    "frames in words": ("NumberOfFrames", "some", PLAIN),
    "a weight in words": ("PatientWeight", "heavy", PLAIN),
}


@pytest.mark.parametrize("name", TEXTS)
def test_numbers_that_are_none_do_no_harm(write_dicom: WriteDicom, name: str) -> None:
    keyword, text, truth = TEXTS[name]
    others = {"WindowCenter": 2000, "WindowWidth": 1000} if keyword.startswith("Window") else {}
    path = write_dicom(RAMP, **(others | {keyword: PLACE}))
    data = path.read_bytes()
    assert PLACE.encode() in data
    path.write_bytes(data.replace(PLACE.encode(), text.ljust(len(PLACE)).encode()))
    source = open_source(path)
    assert np.abs(source.read(Region.whole(source.size))[:, :, 0] - truth).max() <= 0.51


PALETTE = {
    "PhotometricInterpretation": "PALETTE COLOR",
    **{f"{name}PaletteColorLookupTableDescriptor": [4096, 0, 16] for name in ("Red", "Green", "Blue")},
    **{f"{name}PaletteColorLookupTableData": words(*range(4096)) for name in ("Red", "Green", "Blue")},
}
REFUSED: dict[str, dict[str, Any]] = {
    "no rows": {"Rows": 0},
    "no columns stated": {"Columns": None},
    "three bits allocated": {"BitsAllocated": 3},
    "no bits allocated": {"BitsAllocated": None},
    "two samples": {"SamplesPerPixel": 2},
    "more rows than bytes": {"Rows": 6000},
    "colour without its bytes": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0},
    "an unknown colour": {"PhotometricInterpretation": "CMYQ"},
    "a palette without green": {**PALETTE, "GreenPaletteColorLookupTableData": None},
    "a palette without descriptors": {**PALETTE, "RedPaletteColorLookupTableDescriptor": None},
    "a palette cut short": {**PALETTE, "BluePaletteColorLookupTableData": words(1)},
    "segments without end": {
        **{key: value for key, value in PALETTE.items() if "Descriptor" in key or key == "PhotometricInterpretation"},
        **{f"Segmented{name}PaletteColorLookupTableData": words(0, 1, 5, 2, 9, 6, 0) for name in ("Red", "Green", "Blue")},
    },
    "segments that are too few": {
        **{key: value for key, value in PALETTE.items() if "Descriptor" in key or key == "PhotometricInterpretation"},
        **{f"Segmented{name}PaletteColorLookupTableData": words(0, 1, 5, 1, 3, 9) for name in ("Red", "Green", "Blue")},
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(write_dicom: WriteDicom, name: str) -> None:
    path = write_dicom(RAMP, **REFUSED[name])

    def read() -> None:
        source = open_source(path)
        source.read(Region.whole(source.size))

    with pytest.raises(SourceError, match=r"^image\.dcm .*[.]$") as caught:
        read()
    assert "\n" not in str(caught.value)


def test_indices_far_outside_a_palette_take_its_ends(write_dicom: WriteDicom) -> None:
    short = {
        key: ([4, 100, 16] if "Descriptor" in key else words(0, 1 << 8, 2 << 8, 3 << 8)) for key in PALETTE if "Palette" in key
    }
    source = open_source(write_dicom(RAMP, PhotometricInterpretation="PALETTE COLOR", **short))
    shown = source.read(Region.whole(source.size))[:, :, 0]
    assert np.array_equal(shown, np.clip(RAMP.astype(int) - 100, 0, 3))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("value", "limit"), [(-2000, None), (63_536, None), (-2000, -1990), (-1990, -2000)])
def test_padding_in_either_sign_is_found(write_dicom: WriteDicom, signed: bool, value: int, limit: int | None) -> None:
    """A writer may store the tag as US where the pixels are SS, and either end of a range first."""
    pixels = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    pixels = pixels if signed else pixels.view(np.uint16)
    path = write_dicom(pixels, Modality="CT")
    dataset = pydicom.dcmread(path)
    dataset.add_new("PixelPaddingValue", "US", value % 65_536)
    if limit is not None:
        dataset.add_new("PixelPaddingRangeLimit", "US", limit % 65_536)
    dataset.save_as(path)
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    mask = source.grayscale.padded(source.stored())
    assert mask is not None
    found = pixels[mask].astype(np.uint16).view(np.int16)
    assert found.min() == -2000
    assert found.max() == (-2000 if limit is None else -1990)


def test_a_frame_with_more_groups_than_frames(write_dicom: WriteDicom) -> None:
    source = open_source(write_dicom(RAMP, PerFrameFunctionalGroupsSequence=[Dataset()] * 5, NumberOfFrames=1))
    assert isinstance(source, FramedSource)
    assert source.frame_edges(0) == ("", "")
    with pytest.raises(SourceError, match="does not exist"):
        source.frame_graphics(1)
