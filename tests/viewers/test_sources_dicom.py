"""DICOM images against dcmtk, pydicom and each other."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.grayscale import Window
from viewers.sources import GrayscaleSource, Source, open_source

WriteDicom = Callable[..., Path]
_NOT_COMPARED = {
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": "dcmtk does not read windows of functional groups",
    "rtdose_expb.dcm": "dcmtk swaps 32-bit words as two 16-bit ones",
    "rtdose_expb_1frame.dcm": "dcmtk swaps 32-bit words as two 16-bit ones",
}


def whole(source: Source, frame: int = 0) -> NDArray[np.uint8]:
    return source.read(Region.whole(source.size, frame))


def as_dcmtk_would(source: Source) -> NDArray[np.uint8]:
    """The first frame; where a stack names no window over its own range, as dcmtk does, not over the stack's."""
    if isinstance(source, GrayscaleSource) and source.frames > 1 and source.grayscale.default is None:
        own = Window.spanning(*source.grayscale.bounds(source.stored()))
        return np.repeat(source.render(0, own)[:, :, None], 3, axis=2)
    return whole(source)


def by_dcmtk(path: Path, source: Source, out: Path) -> NDArray[np.uint8] | None:
    """What dcmtk shows with the default of our rule; None where dcmtk has no decoder (JPEG 2000)."""
    options = []
    if isinstance(source, GrayscaleSource):
        grey = source.grayscale
        options = ["+Wl", "1"] if grey.voi_luts else ["+Wi", "1"] if grey.windows else ["+Wm"]
        options += ["+Wfs"] if grey.windows and grey.windows[0].function == "SIGMOID" else []
    for program in ("dcm2pnm", "dcmj2pnm", "dcml2pnm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} (Debian package dcmtk) is not installed")
        done = subprocess.run([program, "-O", *options, "--write-raw-pnm", str(path), str(out)], capture_output=True, check=False)
        if done.returncode == 0 and out.exists():
            return np.asarray(Image.open(out).convert("RGB"))
    return None


def compared(folder: Path, tmp_path: Path) -> int:
    """Compares every image of a folder; the number that dcmtk could show as well."""
    count = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _NOT_COMPARED):
        try:
            source = open_source(path)
            ours = as_dcmtk_would(source)
        except SourceError:
            continue
        peer = by_dcmtk(path, source, tmp_path / f"{count}.pnm") if source.facts else None
        if peer is not None:
            count += 1
            assert ours.shape == peer.shape, path
            assert np.abs(ours.astype(int) - peer).max() <= 1, path
    return count


def test_real_files_look_as_in_dcmtk(shared: Path, tmp_path: Path) -> None:
    assert compared(shared / "dicom", tmp_path) >= 20


def test_bundled_files_look_as_in_dcmtk(bundled: Path, tmp_path: Path) -> None:
    assert compared(bundled, tmp_path) >= 70


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", [None, "IDENTITY", "INVERSE"])
@pytest.mark.parametrize("voi", ["window", "lut", "sigmoid", "none"])
def test_every_combination_of_polarity_and_voi_looks_as_in_dcmtk(
    write_dicom: WriteDicom, ramp: NDArray[np.uint16], tmp_path: Path, photometric: str, shape: str | None, voi: str
) -> None:
    more: dict[str, object] = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    if voi in ("window", "sigmoid"):
        more |= {"WindowCenter": 1500.5, "WindowWidth": 3000, "VOILUTFunction": "SIGMOID" if voi == "sigmoid" else None}
    if voi == "lut":
        more["VOILUTSequence"] = [lut([1000, 500, 12], np.linspace(0, 1, 1000) ** 2 * 4095)]
    path = write_dicom(ramp, BitsStored=12, HighBit=11, RescaleSlope=2, RescaleIntercept=-1000, RescaleType="US", **more)
    source = open_source(path)
    peer = by_dcmtk(path, source, tmp_path / "peer.pnm")
    assert peer is not None
    assert np.abs(whole(source).astype(int) - peer).max() <= 1


def lut(descriptor: list[int], data: NDArray[np.float64]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = descriptor
    item["LUTDescriptor"].VR = "US"
    item.LUTData = data.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def test_one_ct_in_lossless_syntaxes_is_one_ct(shared: Path) -> None:
    folder = shared / "dicom" / "ct-in-many-syntaxes"
    truth = pydicom.dcmread(folder / "CTImage.dcm").pixel_array
    seen = set()
    for path in sorted(folder.glob("CTImage.dcm*")):
        source = open_source(path)
        assert isinstance(source, GrayscaleSource)
        stored = source.stored()
        assert stored.dtype.isnative
        syntax = source.info()["transfer_syntax"]
        assert isinstance(syntax, dict)
        seen.add(syntax["uid"].removeprefix("1.2.840.10008.1.2"))
        slope, intercept = source.grayscale.slope, source.grayscale.intercept
        assert np.allclose(source.values(), stored.astype(float) * slope + intercept)
        if not source.info()["lossy"]:
            assert stored.dtype == np.int16
            assert np.array_equal(stored, truth), path
    assert {"", ".1", ".2", ".1.99", ".5", ".4.50", ".4.51", ".4.53", ".4.55", ".4.57", ".4.70", ".4.80", ".4.90"} <= seen


def test_retired_twelve_bit_jpeg_stays_close_to_its_source(shared: Path) -> None:
    folder = shared / "dicom" / "ct-in-many-syntaxes"
    truth = open_source(folder / "CTImage.dcm")
    assert isinstance(truth, GrayscaleSource)
    for number in ("51", "53", "55"):
        source = open_source(next(folder.glob(f"*4.{number}.dcm")))
        assert isinstance(source, GrayscaleSource)
        inside = truth.values() > -1000
        error = np.abs(source.values() - truth.values())[inside]
        assert np.median(error) <= 4.0
        assert source.info()["lossy"] is True


def test_fragments_of_one_frame_are_put_together(shared: Path) -> None:
    source = open_source(shared / "dicom" / "ct-in-many-syntaxes" / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm")
    assert (source.frames, source.kind) == (2, "series")
    assert whole(source, 1).std() > 10


def test_mosaics_of_frames_equal_pydicoms(bundled: Path) -> None:
    for name in ("rtdose.dcm", "rtdose_rle.dcm", "rtdose_expb.dcm"):
        source = open_source(bundled / name)
        truth = pydicom.dcmread(bundled / "rtdose.dcm").pixel_array
        assert isinstance(source, GrayscaleSource)
        assert source.frames == len(truth) == 15
        assert all(np.array_equal(source.stored(frame), truth[frame]) for frame in range(15))


def test_a_signed_lossless_jpeg_keeps_its_sign(write_dicom: WriteDicom, tmp_path: Path) -> None:
    import imagecodecs

    pixels = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    path = write_dicom(pixels)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([imagecodecs.ljpeg_encode(pixels.view(np.uint16))])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.57")
    dataset.save_as(path)
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert np.array_equal(source.stored(), pixels)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.8.1"])
def test_syntaxes_pydicom_refuses(write_dicom: WriteDicom, ramp: NDArray[np.uint16], syntax: str) -> None:
    import zlib

    import imagecodecs

    engine = zlib.compressobj(wbits=-15)
    packed = {
        "1.2.840.10008.1.2.4.110": lambda: imagecodecs.jpegxl_encode(ramp, lossless=True),
        "1.2.840.10008.1.2.8.1": lambda: engine.compress(ramp.tobytes()) + engine.flush(),
    }[syntax]()
    path = write_dicom(ramp)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([packed])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = stand_in = UID("1.2.840.10008.1.2.4.201")
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(stand_in.encode() + b"\0", syntax.encode().ljust(24, b"\0")))
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert np.array_equal(source.stored(), ramp)


def test_one_colour_pattern_in_many_forms(shared: Path) -> None:
    folder = shared / "dicom" / "ct-in-many-syntaxes"
    truth = pydicom.dcmread(folder / "TestPattern_RGB.dcm").pixel_array
    for name in ("RGB", "JPEG-Lossless_RGB", "JPEG-LS-Lossless"):
        assert np.array_equal(whole(open_source(folder / f"TestPattern_{name}.dcm")), truth), name
    for name in ("JPEG-LS-NearLossless", "JPEG-Baseline_YBRFull", "JPEG-Baseline_YBR422", "Palette", "Palette_16"):
        shown = whole(open_source(folder / f"TestPattern_{name}.dcm"))
        assert np.abs(shown.astype(int) - truth).mean() < 2.0, name


def test_a_region_is_the_same_cut_of_the_whole(shared: Path) -> None:
    source = open_source(shared / "dicom" / "ct-in-many-syntaxes" / "CTImage.dcm")
    picture = whole(source)
    assert np.array_equal(source.read(Region(100, 50, 60, 40)), picture[50:90, 100:160])
    edge = source.read(Region(-10, -10, 30, 30))
    assert edge[:10].max() == 0
    assert np.array_equal(edge[10:, 10:], picture[:20, :20])
    half = source.read(Region.whole(source.size), Size(256, 256))
    mean = picture.reshape(256, 2, 256, 2, 3).mean((1, 3))
    assert np.abs(half - mean).max() <= 1.0  # the average of four, rounded along each side


def test_a_window_of_the_readers_own(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    source = open_source(write_dicom(ramp, WindowCenter=2048, WindowWidth=4096))
    assert isinstance(source, GrayscaleSource)
    shown = source.render(0, Window(100, 2, function="LINEAR_EXACT"))
    assert (shown[ramp <= 99].max(), shown[ramp >= 101].min()) == (0, 255)


def test_an_unusable_table_falls_back_to_the_window_and_says_so(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    broken = lut([4096, 0, 12], np.arange(10.0))
    source = open_source(write_dicom(ramp, WindowCenter=2048, WindowWidth=4096, VOILUTSequence=[broken]))
    assert isinstance(source, GrayscaleSource)
    assert source.grayscale.default_name == "C 2048 W 4096"
    assert any("cannot be used" in note for note in source.notes)


@pytest.mark.parametrize("slope", [0, "nonsense"])
def test_an_unusable_slope_is_said(write_dicom: WriteDicom, ramp: NDArray[np.uint16], slope: object) -> None:
    path = write_dicom(ramp, RescaleSlope="12345678", RescaleIntercept=-5)
    path.write_bytes(path.read_bytes().replace(b"12345678", str(slope).ljust(8).encode()))
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert source.grayscale.slope == 1.0
    assert any("RescaleSlope" in note for note in source.notes)


def test_several_windows_keep_their_pairs(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(
        ramp, WindowCenter=[100, 200, 300], WindowWidth=[10, 0, 30], WindowCenterWidthExplanation=["A", "B", "C"]
    )  # fmt: skip
    source = open_source(path)
    assert isinstance(source, GrayscaleSource)
    assert [(one.centre, one.width, one.explanation) for one in source.grayscale.windows] == [(100, 10, "A"), (300, 30, "C")]
    assert any("window" in note for note in source.notes)


def test_facts_are_codes_and_keys_only(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    coded = {"ViewPosition": "PA", "BodyPartExamined": "CHEST", "ImageLaterality": "U", "StudyDate": "20240517"}
    source = open_source(write_dicom(ramp, **coded, PatientOrientation=["L", "F"], StudyTime="130500"))
    facts = source.facts
    assert facts is not None
    assert (facts.view, facts.body_part, facts.laterality, facts.study_date) == ("PA", "CHEST", "U", "2024-05-17")
    assert (facts.right_edge, facts.bottom_edge, facts.study_time) == ("L", "F", "13:05:00")
    other = open_source(write_dicom(ramp, "other.dcm", PatientName="Other^Spelling", StudyInstanceUID="1.2.3.9")).facts
    assert other is not None
    assert facts.patient_key == other.patient_key
    assert facts.study_key != other.study_key
    written = json.dumps(dict(source.info())) + repr(facts)
    assert "ecret" not in written
    assert "SECRET" not in written


def test_free_text_does_not_pass_as_a_code(write_dicom: WriteDicom, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, BodyPartExamined="CHEST")
    path.write_bytes(path.read_bytes().replace(b"CHEST ", b"<b>hi\n"))
    facts = open_source(path).facts
    assert facts is not None
    assert facts.body_part == ""


def test_orientation_letters_of_an_axial_slice(shared: Path) -> None:
    facts = open_source(shared / "dicom" / "ct-in-many-syntaxes" / "CTImage.dcm").facts
    assert facts is not None
    assert (facts.right_edge, facts.bottom_edge) == ("L", "P")


def test_info_says_what_the_file_is(shared: Path) -> None:
    info = open_source(next((shared / "dicom" / "ct-in-many-syntaxes").glob("*4.90.dcm"))).info()
    assert json.loads(json.dumps(info)) == info
    assert info["transfer_syntax"] == {
        "uid": "1.2.840.10008.1.2.4.90", "name": "JPEG 2000 Image Compression (Lossless Only)",
    }  # fmt: skip
    assert (info["kind"], info["modality"], info["width"], info["frames"]) == ("radiograph", "CT", 512, 1)
    assert info["windows"] == [{"centre": 40.0, "width": 400.0, "explanation": "", "function": "LINEAR"}]


def test_threads_share_one_source(bundled: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    source = open_source(bundled / "examples_ybr_color.dcm")
    frames = list(itertools.islice(itertools.cycle(range(source.frames)), 90))
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(lambda frame: whole(source, frame), frames))
    assert all(np.array_equal(one, whole(source, frame)) for one, frame in zip(shown, frames, strict=True))
