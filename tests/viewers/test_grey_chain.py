"""Generated objects of each modality, every frame, LUT and window, against dcmtk; what dcmtk does not know against the formula.

The polarities × shapes × VOI transformations and all real files are in `test_sources_dicom`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from viewers import windows
from viewers.errors import SourceError
from viewers.frames import FrameReader, Look
from viewers.geometry import Region
from viewers.grayscale import Grayscale, Lut, Window
from viewers.sources import GrayscaleSource, Source, open_source

WriteDicom = Callable[..., Path]


def grey(path: Path) -> GrayscaleSource:
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    return source


def whole(source: Source, frame: int = 0) -> NDArray[np.uint8]:
    return source.read(Region.whole(source.size, frame))


def by_dcmtk(path: Path, out: Path, *options: str, frame: int = 1) -> NDArray[np.int64]:
    """uint8 (height, width, 3) as dcm2pnm shows it, in a type that can be subtracted from."""
    if shutil.which("dcm2pnm") is None:
        pytest.skip("dcm2pnm (Debian package dcmtk) is not installed")
    call = ["dcm2pnm", "-O", "+F", str(frame), *options, "--write-raw-pnm", str(path), str(out)]
    subprocess.run(call, capture_output=True, check=True)
    return np.asarray(Image.open(out).convert("RGB")).astype(np.int64)


def lut(entries: int, first: int, bits: int, data: NDArray[Any], explanation: str = "") -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [entries % 65_536, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = data.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    item.LUTExplanation = explanation
    return item


def curve(entries: int, bits: int, power: float) -> NDArray[np.float64]:
    return np.rint(np.linspace(0, 1, entries) ** power * (2**bits - 1))


def window(centre: float, width: float) -> dict[str, float]:
    return {"WindowCenter": centre, "WindowWidth": width}


RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
SIGNED = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
BYTES = np.arange(4096, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
TWELVE = {"BitsStored": 12, "HighBit": 11}
MAMMOGRAM = {
    **TWELVE, "Modality": "MG", "PresentationLUTShape": "IDENTITY", "RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US",
    "WindowCenter": [2000, 1500, 2600], "WindowWidth": [3000, 900, 700],
    "WindowCenterWidthExplanation": ["NORMAL", "HARDER", "SOFTER"],
}  # fmt: skip
TABLES = ((0.5, "SOFTER"), (1, "NORMAL"), (2, "HARDER"))
OBJECTS: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "CT": (SIGNED, {"Modality": "CT", "RescaleSlope": 1.5, "RescaleIntercept": -1024.5, **window(40, 400)}),
    "CT, 12 of 16 bits": (SIGNED, {**TWELVE, "Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": 0, **window(0, 1)}),
    "DX": (
        RAMP,
        {**TWELVE, "PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE", **window(2047.5, 4096)},
    ),
    "MG": (RAMP, MAMMOGRAM),
    "MG, sigmoid": (RAMP, {**MAMMOGRAM, "VOILUTFunction": "SIGMOID"}),
    "MG, tables": (
        RAMP,
        {**MAMMOGRAM, "VOILUTSequence": [lut(4096, 0, 12, curve(4096, 12, power), name) for power, name in TABLES]},
    ),
    "CR, modality table": (
        RAMP,
        {
            **TWELVE, "Modality": "CR", "PhotometricInterpretation": "MONOCHROME1", **window(30000, 40000),
            "ModalityLUTSequence": [lut(4096, 0, 16, curve(4096, 16, 2))],
        },
    ),
    "MR": (RAMP, {**TWELVE, "Modality": "MR"}),
    "XA": (BYTES, {"Modality": "XA", **window(128, 200)}),
    "PT": (RAMP, {"Modality": "PT", "RescaleSlope": 2.345, "RescaleIntercept": 0, **window(3000, 6000)}),
    "NM": (RAMP * 16, {"Modality": "NM", **window(20000, 30000)}),
    "US": (BYTES, {"Modality": "US"}),
    "a steep falling rescale": (RAMP, {**TWELVE, "RescaleSlope": -3, "RescaleIntercept": 100, **window(-6000, 9000)}),
    "bits at the upper end": (RAMP << 4, {"BitsStored": 12, "HighBit": 15, **window(2048, 4096)}),
    "a table over less than its input": (RAMP, {**TWELVE, "VOILUTSequence": [lut(1000, 1500, 10, curve(1000, 10, 1.5))]}),
    "an inverse table": (RAMP, {**TWELVE, "VOILUTSequence": [lut(4096, 0, 8, 255 - curve(4096, 8, 1))]}),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_each_object_looks_as_in_dcmtk(write_dicom: WriteDicom, tmp_path: Path, name: str) -> None:
    """Every LUT and window of it, not only the first."""
    pixels, values = OBJECTS[name]
    path = write_dicom(pixels, **values)
    source = grey(path)
    chain = source.grayscale
    sigmoid = ["+Wfs"] if values.get("VOILUTFunction") == "SIGMOID" else []
    ways: list[tuple[Any, list[str]]] = [(one, ["+Wl", str(place)]) for place, one in enumerate(chain.voi_luts, 1)]
    ways += [(one, ["+Wi", str(place), *sigmoid]) for place, one in enumerate(chain.windows, 1)]
    for window, options in ways or [(None, ["+Wm"])]:
        ours = source.render(0, window)
        peer = by_dcmtk(path, tmp_path / "peer.pnm", *options)
        assert np.abs(ours[:, :, None] - peer).max() <= 1, options


def test_each_frame_of_a_run_looks_as_in_dcmtk(write_dicom: WriteDicom, tmp_path: Path) -> None:
    frames = np.stack([np.roll(BYTES, 700 * index) for index in range(5)])
    path = write_dicom(
        frames[0], Modality="XA", NumberOfFrames=5, PixelData=frames.tobytes(), WindowCenter=120, WindowWidth=180,
        PhotometricInterpretation="MONOCHROME1",
    )  # fmt: skip
    source = grey(path)
    for frame in range(5):
        peer = by_dcmtk(path, tmp_path / "peer.pnm", "+Wi", "1", frame=frame + 1)
        assert np.abs(whole(source, frame) - peer).max() <= 1


COLOURS = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def of_ybr(ybr: NDArray[Any], partial: bool = False) -> NDArray[np.float64]:
    """C.7.6.3.1.2 solved for red, green and blue; the partial range is BT.601's."""
    forward = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    offset = np.array([0.0, 128.0, 128.0])
    if partial:
        forward = np.array([[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]])
        offset[0] = 16.0
    return np.clip((ybr - offset) @ np.linalg.inv(forward).T, 0, 255)


BY_DCMTK = 2
"""dcmtk adds up to three terms of YBR that it has cut to whole numbers each."""


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_is_the_standards_and_looks_as_in_dcmtk(
    write_dicom: WriteDicom, tmp_path: Path, photometric: str, planar: int
) -> None:
    data = COLOURS.transpose(2, 0, 1) if planar else COLOURS
    path = write_dicom(
        COLOURS, SamplesPerPixel=3, PlanarConfiguration=planar, PhotometricInterpretation=photometric, PixelData=data.tobytes()
    )
    ours = whole(open_source(path))
    if photometric == "RGB":
        assert np.array_equal(ours, COLOURS)
    else:
        assert np.abs(ours - of_ybr(COLOURS)).max() <= 0.6
    assert np.abs(ours - by_dcmtk(path, tmp_path / "peer.pnm")).max() <= BY_DCMTK


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_PARTIAL_422"])
def test_subsampled_colour_is_the_standards_and_looks_as_in_dcmtk(
    write_dicom: WriteDicom, tmp_path: Path, photometric: str
) -> None:
    pairs = np.random.default_rng(6).integers(30, 220, (64, 32, 4), dtype=np.uint8)
    path = write_dicom(
        COLOURS, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation=photometric, PixelData=pairs.tobytes()
    )
    ours = whole(open_source(path))
    chroma = pairs[:, :, 2:].repeat(2, axis=1)
    ybr = np.concatenate([pairs[:, :, :2].reshape(64, 64, 1), chroma], axis=2)
    assert np.abs(ours - of_ybr(ybr, "PARTIAL" in photometric)).max() <= 0.7
    assert np.abs(ours - by_dcmtk(path, tmp_path / "peer.pnm")).max() <= BY_DCMTK


def test_sixteen_bits_of_ybr_are_the_same_colours(write_dicom: WriteDicom) -> None:
    more = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL"}
    eight = whole(open_source(write_dicom(COLOURS, "8.dcm", **more)))
    sixteen = whole(open_source(write_dicom(COLOURS.astype(np.uint16) << 8, "16.dcm", **more)))
    assert np.abs(eight.astype(int) - sixteen).max() <= 1


@pytest.mark.parametrize(("photometric", "lossless"), [("YBR_RCT", True), ("YBR_ICT", False)])
def test_the_colour_transforms_of_jpeg_2000_are_undone_once(write_dicom: WriteDicom, photometric: str, lossless: bool) -> None:
    import imagecodecs
    from pydicom.uid import UID

    smooth = np.stack(np.broadcast_arrays(*np.ogrid[0:128:2, 60:188:2], np.full((1, 1), 200)), axis=-1).astype(np.uint8)
    level = {} if lossless else {"level": 60}
    packed = imagecodecs.jpeg2k_encode(smooth, codecformat="j2k", reversible=lossless, mct=True, **level)
    path = write_dicom(smooth, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation=photometric)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([packed])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.file_meta.TransferSyntaxUID = UID(f"1.2.840.10008.1.2.4.{90 if lossless else 91}")
    dataset.save_as(path)
    assert np.abs(whole(open_source(path)).astype(int) - smooth).max() <= (0 if lossless else 3)


def palette(first: int, tables: list[NDArray[Any]], bits: int, segmented: list[NDArray[Any]] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, table, segments in zip(("Red", "Green", "Blue"), tables, segmented or tables, strict=True):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [len(table), first, bits]
        key = f"Segmented{name}PaletteColorLookupTableData" if segmented else f"{name}PaletteColorLookupTableData"
        found[key] = segments.astype("<u2").tobytes()
    return found


def test_palettes_look_as_in_dcmtk(write_dicom: WriteDicom, tmp_path: Path) -> None:
    """With indices below and above the table, which take its ends (C.7.6.3.1.5)."""
    tables = [np.random.default_rng(seed).integers(0, 65_536, 200) for seed in range(3)]
    path = write_dicom(BYTES, **palette(20, tables, 16))
    ours = whole(open_source(path))
    index = np.clip(BYTES.astype(int) - 20, 0, 199)
    assert np.array_equal(ours, np.stack([table[index] >> 8 for table in tables], axis=-1))
    assert np.abs(ours - by_dcmtk(path, tmp_path / "peer.pnm")).max() <= 1


def test_segmented_palettes_are_spread_out(write_dicom: WriteDicom) -> None:
    """C.7.9.2: a discrete, a linear and an indirect segment."""
    rise = np.rint(np.linspace(0, 65_535, 101))[1:]
    table = np.concatenate([[0], rise, [500, 600, 500, 600]])
    # discrete: 0, count, values; linear: 1, count, end; indirect: 2, segments, byte offset (low, high)
    segments = np.array([0, 1, 0, 1, 100, 65_535, 0, 2, 500, 600, 2, 1, 12, 0])
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % 105
    path = write_dicom(pixels.astype(np.uint8), **palette(0, [table] * 3, 16, [segments] * 3))
    assert np.abs(whole(open_source(path))[:, :, 0] - (table[pixels].astype(int) >> 8)).max() <= 1


def test_a_presentation_lut_comes_last_and_inverts_nothing(write_dicom: WriteDicom) -> None:
    """PS3.3 C.11.6.1: the whole table is spread over what the window gives; its values are P-values."""
    table = curve(1024, 12, 2.2)
    path = write_dicom(
        RAMP, **TWELVE, PhotometricInterpretation="MONOCHROME1", WindowCenter=2048, WindowWidth=4096,
        PresentationLUTSequence=[lut(1024, 0, 12, table)],
    )  # fmt: skip
    fraction = np.clip((RAMP - 2047.5) / 4095 + 0.5, 0, 1)
    truth = table[np.rint(fraction * 1023).astype(int)] / 4095 * 255
    assert np.abs(whole(open_source(path))[:, :, 0] - truth).max() <= 0.51


def test_a_table_that_is_short_of_its_bits_still_reaches_white() -> None:
    lut = Lut(0, 12, np.arange(4096, dtype=np.uint16))
    assert Grayscale(presentation_lut=lut, windows=(Window(0, 100),)).apply(np.array([-100, 100], np.float32)).tolist() == [
        0,
        255,
    ]


def functional(tag: str, **values: Any) -> Dataset:
    group, item = Dataset(), Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    setattr(group, tag, [item])
    return group


def test_frames_have_their_own_rescale_and_window(write_dicom: WriteDicom) -> None:
    """C.7.6.16.2.9 and .10, per frame and shared; dcmtk does not read them."""
    per_frame = []
    for frame in range(3):
        one = functional(
            "PixelValueTransformationSequence", RescaleSlope=1 + frame, RescaleIntercept=-100 * frame, RescaleType="HU"
        )
        if frame:
            one.update(functional("FrameVOILUTSequence", WindowCenter=[500 * frame], WindowWidth=[1000 + frame]))
        per_frame.append(one)
    shared = functional("FrameVOILUTSequence", WindowCenter=[2000], WindowWidth=[4000], WindowCenterWidthExplanation=["SHARED"])
    path = write_dicom(
        RAMP, Modality="CT", NumberOfFrames=3, PixelData=np.stack([RAMP] * 3).tobytes(),
        PerFrameFunctionalGroupsSequence=per_frame, SharedFunctionalGroupsSequence=[shared],
    )  # fmt: skip
    source = grey(path)
    for frame, (centre, width) in enumerate(((2000, 4000), (500, 1001), (1000, 1002))):
        values = RAMP * (1.0 + frame) - 100 * frame
        assert np.array_equal(source.values(frame), values.astype(np.float32))
        assert source.frame_grayscale(frame).unit == "HU"
        truth = np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
        assert np.abs(whole(source, frame)[:, :, 0] - truth).max() <= 0.51
    assert source.grayscale.windows[0].explanation == "SHARED"


def test_float_pixels_leave_their_padding_out(write_dicom: WriteDicom) -> None:
    pixels = np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64)
    pixels[:8] = np.float32(-999.9)
    path = write_dicom(RAMP, FloatPixelPaddingValue=-999.9, BitsAllocated=32, BitsStored=None, HighBit=None)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.FloatPixelData = pixels.tobytes()
    dataset.save_as(path)
    source = grey(path)
    low, high = source.grayscale.bounds(source.stored())
    assert (low, high) == (float(pixels[8, 0]), 1.0)
    assert (source.render()[:8] == 0).all()


def test_a_stack_without_a_window_keeps_one_grey(write_dicom: WriteDicom) -> None:
    """The same value is the same grey on every slice, whatever else is on the slice."""
    frames = np.full((9, 64, 64), 200, np.uint16)
    for frame in range(9):
        frames[frame, 0] = 100
        frames[frame, 1, :] = 300 + 100 * frame
    path = write_dicom(frames[0], Modality="MR", NumberOfFrames=9, PixelData=frames.tobytes())
    source = grey(path)
    greys = [int(whole(source, frame)[32, 32, 0]) for frame in range(9)]
    assert len(set(greys)) == 1
    assert len({int(source.frame_grayscale(frame).render(frames[frame])[32, 32]) for frame in range(9)}) > 1, "each by itself"
    looked_at = frames[[2, 4, 6]]
    low, high = np.percentile(looked_at, (0.5, 99.5))
    assert greys[0] == pytest.approx((200 - low) / (high - low) * 255, abs=0.51)


def test_one_bad_slice_costs_itself_alone(write_dicom: WriteDicom, tmp_path: Path) -> None:
    """The slices a series' window is taken from may be damaged; the others are still shown."""
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(5):
        path = write_dicom(RAMP, f"series/{number}.dcm", Modality="MR", InstanceNumber=number + 1, SeriesInstanceUID="1.2.3.4.5")
        if number == 2:
            dataset = pydicom.dcmread(path)
            dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
            dataset.PixelData = encapsulate([b"no codestream at all"])
            dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
            dataset.save_as(path)
    source = grey(folder)
    assert source.frames == 5
    assert whole(source, 0).std() > 50
    shown = FrameReader(source).make(Look(1, 0))
    assert "series, by slices 2, 4" in windows.named(shown.through, source.grayscale)
    with pytest.raises(SourceError):
        whole(source, 2)
