"""Frames decoded before they are asked for, and a coarse look at large ones before the exact one is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from tests.viewers.dicom_streams import compressed
from viewers.ahead import Ahead
from viewers.frames import FrameReader, Look
from viewers.sources import CoarseSource, open_source

WriteDicom = Callable[..., Path]


def hills(side: int, top: int) -> NDArray[np.int64]:
    """Smooth ground, whose every second value is close to the mean of four."""
    y, x = np.mgrid[:side, :side]
    return ((np.sin(x / 90) + np.cos(y / 70) + 2) / 4 * top).astype(np.int64)


@pytest.fixture
def series(write_dicom: WriteDicom, tmp_path: Path) -> Path:
    (tmp_path / "ct").mkdir()
    for number in range(12):
        write_dicom(
            np.full((32, 32), number, np.uint16), f"ct/{number:02}.dcm", Modality="CT", PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], ImagePositionPatient=[0, 0, number],
        )  # fmt: skip
    return tmp_path / "ct"


def test_a_stack_is_decoded_from_the_slice_that_is_seen_outwards(series: Path, qtbot: QtBot) -> None:
    source: Any = open_source(series)
    seen: list[int] = []
    keep = source.keep
    source.keep = lambda frame: (seen.append(frame), keep(frame))
    ahead = Ahead(source)
    ahead.around(5)
    qtbot.waitUntil(lambda: ahead.pending == 0, timeout=20_000)
    assert sorted(seen) == list(range(12))
    assert abs(seen[0] - 5) <= 1
    assert max(abs(frame - 5) for frame in seen[:6]) <= 4
    ahead.close()
    for frame in range(12):
        (series / f"{frame:02}.dcm").unlink()  # all of them are in memory
    assert [int(source.stored(frame)[0, 0]) for frame in range(12)] == list(range(12))
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-ahead")], timeout=10_000)


def test_a_slice_that_is_gone_stops_nothing(series: Path, qtbot: QtBot) -> None:
    source: Any = open_source(series)
    (series / "06.dcm").unlink()
    ahead = Ahead(source)
    ahead.around(0)
    qtbot.waitUntil(lambda: ahead.pending == 0, timeout=20_000)
    ahead.close()
    (series / "11.dcm").unlink()
    assert int(source.stored(11)[0, 0]) == 11


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high", [False, True])
def test_a_coarse_look_is_close_to_the_exact_one(write_dicom: WriteDicom, signed: bool, high: bool) -> None:
    pixels = (hills(1600, 4000) - (2000 if signed else 0)).astype(np.int16 if signed else np.uint16)
    if high:
        stream = imagecodecs.htj2k_encode(pixels, reversible=True)
    else:
        stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0)
    path = compressed(write_dicom(np.zeros_like(pixels)), stream, "1.2.840.10008.1.2.4.201" if high else "1.2.840.10008.1.2.4.90")
    source = open_source(path)
    assert isinstance(source, CoarseSource)
    assert source.coarse_first(0)
    coarse = source.coarse(0, 2)
    assert coarse is not None
    assert coarse.shape == (400, 400)
    assert np.abs(coarse.astype(int) - pixels.reshape(400, 4, 400, 4).mean((1, 3))).max() < 40
    shown = FrameReader(source).make(Look(0, 2, coarse=True))
    assert shown is not None
    assert shown.stored is None
    assert shown.value_at(3, 3)[0] is None  # nothing is measured on it
    assert np.array_equal(source.stored(), pixels)
    assert not source.coarse_first(0)


def test_the_exact_picture_follows_the_coarse_one(write_dicom: WriteDicom, show_view: Callable[..., Any], qtbot: QtBot) -> None:
    pixels = hills(1600, 4000).astype(np.uint16)
    stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0)
    source: Any = open_source(compressed(write_dicom(np.zeros_like(pixels)), stream))
    exact, may_come = source.stored, threading.Event()
    source.stored = lambda frame: exact(frame) if may_come.wait(20) else None  # as slow as a busy machine
    view = show_view(source, 1700, 1700, wait=False)
    first: list[bool] = []
    view.shownChanged.connect(lambda: (first.append(view.shown.look.coarse), may_come.set()))
    qtbot.waitUntil(lambda: bool(view.settled), timeout=20_000)
    assert first == [True, False]
    assert view.value_at(7, 9)[0] == pixels[9, 7]


def test_small_and_other_pictures_have_no_coarse_look(write_dicom: WriteDicom) -> None:
    source = open_source(write_dicom(hills(1600, 4000).astype(np.uint16)))
    assert isinstance(source, CoarseSource)
    assert not source.coarse_first(0)
    assert source.coarse(0, 2) is None


def test_a_coarse_look_has_the_grey_of_its_series(write_dicom: WriteDicom, tmp_path: Path) -> None:
    """Where no header names a window, all slices have one range: a darker slice does not flash while one scrolls."""
    (tmp_path / "ct").mkdir()
    for number in range(3):
        pixels = (hills(1600, 4000) // (number + 1)).astype(np.uint16)
        stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0)
        written = write_dicom(
            np.zeros_like(pixels), f"ct/{number:02}.dcm", Modality="MR", PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], ImagePositionPatient=[0, 0, number],
        )  # fmt: skip
        compressed(written, stream)
    source: Any = open_source(tmp_path / "ct")
    assert source.frames == 3
    reader = FrameReader(source)
    exact = reader.make(Look(0, 2))
    coarse = reader.make(Look(2, 2, coarse=True))
    assert exact is not None
    assert coarse is not None
    assert coarse.through == exact.through
