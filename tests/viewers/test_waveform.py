"""Waveforms: values against pydicom's own and against formulas, leads by code, layouts on paper, calipers, damage."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.sources import TracedSource, discover, open_source
from viewers.sources.folder import Item
from viewers.waveform import filters_said
from viewers.waveform_calipers import Caliper, Calipers
from viewers.waveform_paper import PX_PER_MM, Setting, paper, trace
from viewers.waveform_view import WaveformView

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
NUMBERS = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)


def ecg(path: Path, stored: NDArray[Any], rate: float = 500.0, **channel: object) -> Dataset:
    """A General ECG of `stored` (samples, channels) with the leads' MDC codes; keywords change each channel."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.2"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.1", "ECG"
    dataset.PatientName, dataset.PatientID = "Secret^Name", "SECRET-7"
    group = Dataset()
    group.WaveformOriginality, group.NumberOfWaveformChannels = "ORIGINAL", stored.shape[1]
    group.NumberOfWaveformSamples, group.SamplingFrequency = stored.shape[0], rate
    group.ChannelDefinitionSequence = []
    for number in range(stored.shape[1]):
        one, source, unit = Dataset(), Dataset(), Dataset()
        source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = f"2:{NUMBERS[number % 12]}", "MDC", "Lead"
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
        one.ChannelSourceSequence, one.ChannelSensitivityUnitsSequence = [source], [unit]
        one.ChannelSensitivity, one.ChannelSensitivityCorrectionFactor, one.ChannelBaseline = 2, 1, 0
        one.WaveformBitsStored = 8 * stored.dtype.itemsize
        for keyword, value in channel.items():
            setattr(one, keyword, value)
        group.ChannelDefinitionSequence.append(one)
    form = {"i1": "SB", "u1": "UB", "i2": "SS", "u2": "US", "i4": "SL", "u4": "UL"}[stored.dtype.str[1:]]
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 8 * stored.dtype.itemsize, form
    data = stored.tobytes()
    group.add_new(0x54001010, "OW" if stored.dtype.itemsize > 1 else "OB", data + b"\0" * (len(data) % 2))
    dataset.WaveformSequence = [group]
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def opened(path: Path) -> TracedSource:
    source = open_source(path)
    assert isinstance(source, TracedSource)
    return source


def test_values_are_pydicoms(bundled: Path) -> None:
    source = opened(bundled / "waveform_ecg.dcm")
    dataset = pydicom.dcmread(bundled / "waveform_ecg.dcm")
    assert len(source.groups) == 2
    for number, group in enumerate(source.groups):
        truth = dataset.waveform_array(number)
        for place, channel in enumerate(group.channels):
            np.testing.assert_allclose(channel.values, truth[:, place], rtol=1e-6)
            assert channel.unit == "uV"
            assert channel.millivolts == 1e-3
        assert [one.name for one in group.channels] == list(LEADS)
    assert (source.groups[0].frequency_hz, source.groups[0].duration_s) == (1000, 10)
    assert (source.groups[0].label, source.groups[1].label) == ("RHYTHM", "MEDIAN BEAT")
    assert source.groups[1].derived
    assert filters_said(source.groups[0].channels) == "0.05–300 Hz"
    assert (source.kind, source.modality) == ("waveform", "ECG")


@pytest.mark.parametrize("kind", ["<i2", "<u2", "i1", "u1", "<i4", "<u4"])
def test_a_sine_of_known_height(tmp_path: Path, kind: str) -> None:
    """0.1 mV at 5 Hz, through sensitivity, correction and baseline (C.10.9.1.4.3)."""
    time = np.arange(1000) / 500.0
    offset = 0 if np.dtype(kind).kind == "i" else 100
    stored = np.rint(50 * np.sin(2 * np.pi * 5 * time) + offset).astype(kind)
    ecg(tmp_path / "a.dcm", stored[:, None], ChannelSensitivity=2, ChannelSensitivityCorrectionFactor=1.5, ChannelBaseline=-7)
    channel = opened(tmp_path / "a.dcm").groups[0].channels[0]
    np.testing.assert_allclose(channel.values, stored.astype(float) * 3 - 7, atol=1e-3)
    spectrum = np.abs(np.fft.rfft(channel.values - channel.values.mean()))
    assert np.fft.rfftfreq(1000, 1 / 500)[spectrum.argmax()] == 5
    assert (channel.values.max() - channel.values.min()) / 2 * (channel.millivolts or 0) == pytest.approx(0.15, abs=0.002)


def test_padding_is_a_gap_and_late_channels_are_late(tmp_path: Path) -> None:
    stored = np.zeros((500, 2), "<i2")
    stored[100:200] = -32768
    dataset = ecg(tmp_path / "a.dcm", stored, ChannelTimeSkew=0.01)
    dataset.WaveformSequence[0].add_new(0x5400100A, "OW", np.array([-32768], "<i2").tobytes())
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    group = opened(tmp_path / "a.dcm").groups[0]
    assert np.isnan(group.channels[0].values[100:200]).all()
    assert np.isfinite(group.channels[0].values[200:]).all()
    sheet = paper(group, Setting(layout="one below the other"))
    points = trace(group, sheet, sheet.strips[0])
    assert points[0, 0] / PX_PER_MM - sheet.strips[0].x == pytest.approx(0.01 * 25, abs=1e-3)
    assert np.isnan(points[150, 1])


def test_leads_by_words_and_free_labels_never(tmp_path: Path) -> None:
    stored = np.zeros((500, 1), "<i2")
    for meaning, name in (
        ("Lead aVL", "aVL"),
        ("precordial lead v4r", "V4R"),
        ("Lead -aVR", "Lead -aVR"),
        ("Respiration", "Respiration"),
    ):
        source = Dataset()
        source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "x", "99LOCAL", meaning
        ecg(tmp_path / "a.dcm", stored, ChannelSourceSequence=[source], ChannelLabel="Secret Name")
        assert opened(tmp_path / "a.dcm").groups[0].channels[0].name == name


@pytest.mark.parametrize("speed", [25.0, 50.0])
@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_millimetres_on_the_paper(bundled: Path, speed: float, gain: float) -> None:
    group = opened(bundled / "waveform_ecg.dcm").groups[0]
    sheet = paper(group, Setting(speed, gain))
    assert len(sheet.strips) == 13
    assert [group.channels[one.channel].name for one in sheet.strips[:4]] == ["I", "II", "III", "aVR"]
    assert [round(one.start_s, 3) for one in sheet.strips[::3]] == [0, 2.5, 5, 7.5, 0]
    rhythm = sheet.strips[-1]
    assert (group.channels[rhythm.channel].name, rhythm.end_s - rhythm.start_s) == ("II", 10)
    points = trace(group, sheet, rhythm) / PX_PER_MM
    lead = group.channels[rhythm.channel].values
    second, peak = 1000, int(lead.argmax())
    assert points[second, 0] - points[0, 0] == pytest.approx(speed, abs=0.01)
    assert rhythm.y - points[peak, 1] == pytest.approx(lead[peak] / 1000 * gain, abs=0.01)
    thin = trace(group, sheet, rhythm, 0.1)
    assert len(thin) < 0.3 * len(points)
    assert thin[:, 1].min() / PX_PER_MM == pytest.approx(points[:, 1].min(), abs=1e-3)


def test_layouts_and_pages(bundled: Path, tmp_path: Path) -> None:
    rows = paper(opened(bundled / "waveform_ecg.dcm").groups[0], Setting(layout="one below the other"))
    assert len(rows.strips) == len(rows.rows) == 12
    assert rows.width == pytest.approx(8 + 12 + 250 + 8)
    beat = paper(opened(bundled / "waveform_ecg.dcm").groups[1], Setting())
    assert len(beat.strips) == 12
    assert {round(one.end_s - one.start_s, 3) for one in beat.strips} == {1.2}
    ecg(tmp_path / "long.dcm", np.zeros((500 * 25, 3), "<i2"))
    long = opened(tmp_path / "long.dcm")
    assert long.frames == 3
    last = paper(long.groups[0], Setting(), 2)
    assert (last.strips[0].start_s, last.strips[0].end_s) == (20, 25)
    ecg(tmp_path / "mmhg.dcm", (np.ones((500, 1)) * 60).astype("<i2"), ChannelSensitivityUnitsSequence=[])
    flat = paper(opened(tmp_path / "mmhg.dcm").groups[0], Setting())
    assert 120 * flat.strips[0].mm_per_unit <= 15


def test_calipers_measure_and_go_back(bundled: Path) -> None:
    group = opened(bundled / "waveform_ecg.dcm").groups[0]
    caliper = Caliper(0, 1, 1.0, 1.75, 0.0, 1200.0)
    assert caliper.interval_ms == pytest.approx(750)
    assert caliper.per_minute == pytest.approx(80)
    assert caliper.height(group) == (pytest.approx(1.2), "mV")
    assert caliper.said(group) == "750 ms  80 bpm  +1.20 mV"
    calipers = Calipers()
    assert not calipers.undo()
    calipers.add(caliper)
    calipers.add(Caliper(0, 1, 2.0, 2.0, 0, 0))
    calipers.remove_last()
    assert calipers.all == (caliper,)
    assert calipers.undo()
    assert len(calipers.all) == 2
    assert calipers.undo()
    assert calipers.undo()
    assert calipers.all == ()
    assert calipers.redo()
    assert calipers.all == (caliper,)
    assert Caliper(0, 1, 2.0, 2.0, 0, 0).per_minute is None


@pytest.mark.parametrize(
    ("keyword", "value", "sentence"),
    [
        ("NumberOfWaveformChannels", 0, "states 0 channels"),
        ("NumberOfWaveformChannels", 5, "states 5 channels and defines 2"),
        ("NumberOfWaveformSamples", 5000, "is cut short: 2,000 of 20,000 bytes"),
        ("NumberOfWaveformSamples", 0, "makes no waveform"),
        ("NumberOfWaveformSamples", 2**31, "more than can be shown"),
        ("SamplingFrequency", 0, "makes no waveform"),
        ("WaveformBitsAllocated", 12, "of 12 bits, which cannot be shown"),
        ("WaveformSampleInterpretation", "MB", "MB of 16 bits, which cannot be shown"),
    ],
)
def test_damage_costs_one_sentence(tmp_path: Path, keyword: str, value: object, sentence: str) -> None:
    dataset = ecg(tmp_path / "a.dcm", np.zeros((500, 2), "<i2"))
    setattr(dataset.WaveformSequence[0], keyword, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(SourceError, match=sentence):
        open_source(tmp_path / "a.dcm")


def test_one_damaged_group_costs_a_note(bundled: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(bundled / "waveform_ecg.dcm")
    dataset.WaveformSequence[1].NumberOfWaveformChannels = 3
    dataset.save_as(tmp_path / "a.dcm")
    source = opened(tmp_path / "a.dcm")
    assert len(source.groups) == 1
    assert "Group 2 is left out" in source.notes[0]
    del dataset.WaveformSequence
    dataset.save_as(tmp_path / "b.dcm")
    with pytest.raises(SourceError, match="holds no waveform"):
        open_source(tmp_path / "b.dcm")


def test_a_folder_lists_it_and_its_picture_is_drawn(bundled: Path, tmp_path: Path) -> None:
    (tmp_path / "ecg.dcm").write_bytes((bundled / "waveform_ecg.dcm").read_bytes())
    found = list(discover(tmp_path))
    assert len(found) == 1
    assert isinstance(found[0], Item)
    assert found[0].kind == "waveform"
    source = open_source(tmp_path)
    pixels = source.read(Region.whole(source.size), Size(400, 200))
    assert pixels.shape == (200, 400, 3)
    assert pixels.max() > 150
    assert "PatientName" not in str(source.info())
    with pytest.raises(SourceError, match="page 2 does not exist"):
        source.read(Region(0, 0, 5, 5, 1))


@pytest.mark.parametrize(("channels", "rate"), [(600, 500.0), (2, 1e-6), (2, 1e-300)])
def test_claims_beyond_all_measure_cost_one_sentence(tmp_path: Path, channels: int, rate: float) -> None:
    ecg(tmp_path / "a.dcm", np.zeros((50, channels), "<i2"), rate)
    with pytest.raises(SourceError, match="more than the limits of 512 and 100"):
        open_source(tmp_path / "a.dcm")


@pytest.mark.parametrize("sensitivity", ["1e308", "1e30", "-1e40"])
def test_values_beyond_all_measure_are_gaps(tmp_path: Path, show_view: Callable[..., WaveformView], sensitivity: str) -> None:
    ecg(tmp_path / "a.dcm", np.full((500, 2), 1000, "<i2"), ChannelSensitivity=sensitivity)
    source = opened(tmp_path / "a.dcm")
    assert np.isnan(source.groups[0].channels[0].values).all()
    assert source.read(Region.whole(source.size, 0)).shape[2] == 3
    show_view(source, 400, 300).grab()


def test_an_inverted_lead_is_not_called_by_the_upright_ones_name(tmp_path: Path) -> None:
    source = Dataset()
    source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "5.6.3-9-65", "SCPECG", "Lead -aVR"
    ecg(tmp_path / "a.dcm", np.zeros((500, 1), "<i2"), ChannelSourceSequence=[source])
    assert opened(tmp_path / "a.dcm").groups[0].channels[0].name == "−aVR"


def test_a_caliper_stays_on_the_strip_it_was_laid_on(bundled: Path, show_view: Callable[..., WaveformView], qtbot: QtBot) -> None:
    view = show_view(open_source(bundled / "waveform_ecg.dcm"), 1000, 700)
    sheet = view.sheet
    assert sheet is not None
    rhythm = sheet.strips[-1]
    start, end = (QPointF(*view.camera.to_screen(*(one * PX_PER_MM for one in sheet.place(rhythm, at, 0)))) for at in (0.5, 1.5))
    view.select_between(start, end)
    (caliper,) = view.calipers.all
    assert sheet.strip_of(caliper.channel, caliper.start_s, caliper.rhythm) is rhythm
    above = sheet.strip_of(caliper.channel, caliper.start_s)
    assert above is not None
    assert above.y < rhythm.y
    assert above.channel == rhythm.channel


def test_the_pane(bundled: Path, show_view: Callable[..., WaveformView], qtbot: QtBot) -> None:
    view = show_view(open_source(bundled / "waveform_ecg.dcm"), 1000, 700)
    assert isinstance(view, WaveformView)
    sheet, group = view.sheet, view.group
    assert sheet is not None
    assert group is not None
    strip = sheet.strips[-1]

    def on_screen(time_s: float, value: float) -> QPointF:
        x, y = sheet.place(strip, time_s, value)
        return QPointF(*view.camera.to_screen(x * PX_PER_MM, y * PX_PER_MM))

    start, end = on_screen(2.0, 0.0), on_screen(3.0, 500.0)
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(view, left, pos=start.toPoint())
    qtbot.mouseMove(view, end.toPoint())
    qtbot.mouseRelease(view, left, pos=end.toPoint())
    (caliper,) = view.calipers.all
    assert caliper.interval_ms == pytest.approx(1000, abs=20)
    assert caliper.height(group)[0] == pytest.approx(0.5, abs=0.08)
    assert view.selection is None
    assert view.take_back()
    assert view.calipers.all == ()
    assert view.bring_back()
    peak = int(group.channels[1].values[:2500].argmax())
    place = [round(one * PX_PER_MM) for one in sheet.place(sheet.strips[1], peak / 1000, 0)]
    value, unit = view.value_at(*place)
    assert value is not None
    assert unit == "mV"
    assert value == pytest.approx(group.channels[1].values[peak] / 1000, rel=0.3)
    assert "II" in view.said_at(*place)
    before = view.grab().toImage()
    view.invert()
    assert view.grab().toImage() != before
    view.choose(view.setting.next("speed"))
    assert view.corner_lines()["bottom-left"][0] == "50 mm/s  10 mm/mV"
    view.choose_group(1)
    assert "MEDIAN BEAT" in view.corner_lines()["top-left"][1]
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert view.calipers.all == ()


def test_another_group_is_said_to_begin_at_its_first_page(
    tmp_path: Path, show_view: Callable[..., WaveformView], qtbot: QtBot
) -> None:
    ecg(tmp_path / "long.dcm", np.zeros((500 * 35, 1), "<i2"))
    view = show_view(open_source(tmp_path / "long.dcm"), 1000, 700)
    view.set_frame(3)
    told: list[int] = []
    view.frameChanged.connect(told.append)
    view.choose_group(0)
    assert (view.frame, told) == (0, [0])
    first = view.sheet
    assert first is not None
    assert first.strips[0].start_s == 0
