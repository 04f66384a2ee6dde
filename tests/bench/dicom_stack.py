"""A series of 500 CT slices in the window: how soon the first is seen, when all are there, how evenly it scrolls and windows.

python packaging/dev.py bench dicom-stack

The slices are made from random numbers over a disc. Frames are painted by the offscreen platform; a step counts from the call
that a key makes until the picture that is as wanted has been painted. Peer: the same slices by pydicom alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HILUM_HOME"] = tempfile.mkdtemp(prefix="hilum-bench-")

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication

from app import settings, theme
from app.start import SWITCH_S
from app.window import Window
from tests.bench.results_file import Row, write
from viewers.dicom_view import RadiologyView
from viewers.frames import Look
from viewers.grayscale import Window as Grey
from viewers.readers.pool import readers

SLICES = 500
SIDE = 512
STEPS = 200


def slices(folder: Path, count: int = SLICES) -> None:
    """Axial slices 1 mm apart, with the usual hundred elements of a header beside the pixels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    body = (np.hypot(x, y) < 200).astype(np.int16) * 1000
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    for keyword, value in (
        ("Modality", "CT"), ("StudyInstanceUID", generate_uid()), ("SeriesInstanceUID", generate_uid()),
        ("FrameOfReferenceUID", generate_uid()), ("PatientID", "BENCH"), ("Rows", SIDE), ("Columns", SIDE),
        ("SamplesPerPixel", 1), ("PhotometricInterpretation", "MONOCHROME2"), ("BitsAllocated", 16), ("BitsStored", 16),
        ("HighBit", 15), ("PixelRepresentation", 1), ("RescaleSlope", 1), ("RescaleIntercept", -1024), ("WindowCenter", 40),
        ("WindowWidth", 400), ("PixelSpacing", [0.7, 0.7]),
        ("ImageOrientationPatient", [1, 0, 0, 0, 1, 0]), ("SliceThickness", 1),
    ):  # fmt: skip
        setattr(dataset, keyword, value)
    block = dataset.private_block(0x0019, "BENCH 1.0", create=True)
    for number in range(80):
        block.add_new(number, "LO", f"a private value of some length {number}")
    for number in range(count):
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = [-180.0, -180.0, float(number)]
        pixels = body + rng.integers(0, 64, (SIDE, SIDE), np.int16) + np.int16(number)
        dataset.PixelData = pixels.astype("<i2").tobytes()
        dataset.save_as(folder / f"{number * 7 % count:04d}.dcm", enforce_file_format=True)


class Driver:
    """The window, waiting by running its event loop."""

    def __init__(self) -> None:
        self.application = QApplication.instance() or QApplication(sys.argv[:1])
        theme.apply(self.application, "dark")  # type: ignore[arg-type]
        self.window = Window(replace(settings.Settings(), theme="dark"))
        self.window.resize(1480, 900)
        self.window.show()

    def wait(self, done: Callable[[], bool], seconds: float = 120.0) -> float:
        """Seconds until `done`, looked at after every event; raises TimeoutError."""
        began = time.perf_counter()
        pulse = QTimer(interval=2)
        pulse.start()
        while not done():
            self.application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)  # type: ignore[union-attr]
            if time.perf_counter() - began > seconds:
                raise TimeoutError
        return time.perf_counter() - began

    @property
    def view(self) -> RadiologyView:
        view = self.window.panes.view
        assert isinstance(view, RadiologyView)
        return view

    def step(self, change: Callable[[], object], there: Callable[[Look], bool]) -> float:
        """Milliseconds from a change until a picture that is as wanted (`there`) has been painted."""
        painted: list[Look | None] = [None]

        def see(_: QPainter) -> None:
            painted[0] = self.view.shown.look if self.view.shown is not None else None

        self.view.washes.append(see)
        began = time.perf_counter()
        change()
        self.wait(lambda: painted[0] is not None and there(painted[0]), 30)
        took = (time.perf_counter() - began) * 1000
        self.view.washes.remove(see)
        return took

    def rest(self) -> None:
        """What is made ready for later is made ready, as while a hand moves on at 30 steps a second."""
        until = time.perf_counter() + 0.033
        self.wait(lambda: time.perf_counter() > until)


def by_pydicom(folder: Path) -> float:
    began = time.perf_counter()
    for path in folder.iterdir():
        _ = pydicom.dcmread(path).pixel_array
    return time.perf_counter() - began


def shares(times: Sequence[float]) -> tuple[float, float]:
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))


def main() -> None:
    sys.setswitchinterval(SWITCH_S)
    readers().start()
    with tempfile.TemporaryDirectory() as name:
        folder, other = Path(name) / "ct", Path(name) / "other"
        slices(folder)
        slices(other, 3)
        peer = by_pydicom(folder)
        driver = Driver()
        driver.wait(lambda: driver.window.isVisible())
        driver.window.shelf.open_paths([other])
        driver.wait(lambda: driver.window.panes.pane.view.source is not None)
        driver.wait(lambda: driver.view.shown is not None)
        driver.window.shelf.open_paths([folder], select=other)
        first = chosen(driver, folder)
        began = time.perf_counter()
        ahead = driver.view._ahead
        assert ahead is not None
        driver.wait(lambda: ahead.pending == 0)
        everything = time.perf_counter() - began + first
        from_folder = unlisted(driver, folder)
        again = chosen(driver, folder)
        ahead = driver.view._ahead
        assert ahead is not None
        driver.wait(lambda: ahead.pending == 0)
        scrolled, windowed = list[float](), list[float]()
        for at in range(1, STEPS):
            scrolled.append(driver.step(partial(driver.view.set_frame, at), lambda look, at=at: look.frame == at))
            driver.rest()
        for wide in range(STEPS):
            wanted = Grey(40 + wide, 400 + wide)
            windowed.append(
                driver.step(partial(driver.view.set_window, wanted), lambda look, wanted=wanted: look.window == wanted)
            )
            driver.rest()
        driver.window.close()
    beside = f"pydicom alone, one after the other: {peer:.2f} s"
    rows = [
        Row("500 CT slices: listed series chosen until its first slice is seen", first * 1000, "ms", "≤ 200", "", first <= 0.2),
        Row("the same, chosen again while another series is read", again * 1000, "ms", "≤ 200", "", again <= 0.2),
        Row("the same from an unlisted folder, headers read", from_folder * 1000, "ms", "", beside),
        Row("all 500 slices decoded and kept", everything, "s", "≤ 3", beside, everything <= 3),
    ]
    for name, times in (("scrolling, one slice", scrolled), ("windowing, one step", windowed)):
        middle, high = shares(times)
        rows.append(Row(f"{name}, p99", high, "ms", "≤ 16", f"median {middle:.1f} ms", high <= 16))
    write("dicom-stack", rows)


def chosen(driver: Driver, folder: Path) -> float:
    """Seconds until the first slice of the series is seen, chosen in the browser once it is described there."""
    driver.wait(lambda: driver.window.shelf.describes(folder) is not None)
    driver.window.panes.clear(driver.window.panes.pane)
    began = time.perf_counter()
    driver.window.shelf.show(folder)
    driver.wait(lambda: driver.window.panes.pane.view.source is not None and driver.view.shown is not None)
    return time.perf_counter() - began


def unlisted(driver: Driver, folder: Path) -> float:
    """Seconds until the first slice is seen of files no one has listed: the same ones under another name."""
    other = folder.with_name("unlisted")
    shutil.copytree(folder, other)
    driver.window.panes.clear(driver.window.panes.pane)
    began = time.perf_counter()
    driver.window.shelf.open_paths([other])
    driver.wait(lambda: driver.window.panes.pane.path == other)
    driver.wait(lambda: driver.window.panes.pane.view.source is not None and driver.view.shown is not None)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
