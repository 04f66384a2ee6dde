"""Stored values to grey: how fast, beside pydicom's own in the same run, and how far from dcmtk on every file at hand.

    python packaging/dev.py bench grey

The drag is a real pane: from `set_window` to the painted picture of a 12-megapixel film, as while a hand drags.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from tests.bench.results_file import Row, write
from viewers.dicom_view import RadiologyView
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.grayscale import Grayscale, Window
from viewers.region_values import bars, sampled
from viewers.sources import GrayscaleSource, open_source

ROUNDS, DRAG = 7, 40
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "dicom"
EXPLAINED = {
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", "rtdose_expb.dcm", "rtdose_expb_1frame.dcm",
}  # fmt: skip
"""Where dcmtk is known to differ; `test_sources_dicom` says why."""


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def windowing() -> Iterator[Row]:
    """The whole chain of one frame at full size."""
    rng = np.random.default_rng(0)
    for name, height, width in (
        ("CT 512 × 512", 512, 512),
        ("film 2140 × 1760", 2140, 1760),
        ("mammogram 4664 × 3064", 4664, 3064),
    ):
        stored = rng.integers(0, 4096, (height, width)).astype(np.uint16)
        chain = Grayscale(slope=1.0, intercept=-1024.0, windows=(Window(40, 400),), bits=12)
        dataset = Dataset()
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.WindowCenter, dataset.WindowWidth = 1, -1024, 40, 400
        dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
        ours = median_ms(lambda stored=stored, chain=chain: chain.render(stored, Window(50, 350)))  # type: ignore[misc]

        def peer(stored=stored, dataset=dataset) -> object:  # type: ignore[no-untyped-def]
            return apply_windowing(apply_modality_lut(stored, dataset), dataset)

        other = median_ms(peer)
        yield Row(f"windowing, {name}", ours, "ms", "< pydicom", f"pydicom {other:.1f} ms", ours < other)
        values = median_ms(lambda stored=stored, chain=chain: bars(sampled(chain, stored), -1024.0, 3071.0))  # type: ignore[misc]
        yield Row(f"histogram on the GUI thread, {name}", values, "ms", "<= 8 ms", "", values <= 8)


def dragging(folder: Path) -> Iterator[Row]:
    """Of a film of 12 megapixels in a pane of 900 × 1200; what is painted while the hand moves may be halved once more."""
    from tests.viewers.conftest import write_dicom

    write_film = write_dicom._get_wrapped_function()(folder)  # type: ignore[attr-defined]
    pixels = np.random.default_rng(1).integers(0, 4096, (4000, 3000)).astype(np.uint16)
    path = write_film(pixels, "film.dcm", BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    view = RadiologyView()
    view.resize(900, 1200)
    view.set_source(open_source(path))
    view.show()
    wait = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
    while not view.settled:
        application.processEvents(wait)
    times = []
    for step in range(DRAG):
        window, began = Window(2048 + 5 * step, 3000), time.perf_counter()
        view.set_window(window)
        while view.shown is None or view.shown.look.window != window:
            application.processEvents(wait)
        view.grab_view()
        times.append((time.perf_counter() - began) * 1000)
    view.close()
    yield Row(
        "window to picture while dragging, median", statistics.median(times), "ms", "<= 33 ms", "", statistics.median(times) <= 33
    )
    high = float(np.percentile(times, 95))
    yield Row("window to picture while dragging, 95th percentile", high, "ms", "<= 50 ms", "", high <= 50)


def against_dcmtk(folder: Path) -> Iterator[Row]:
    """The first frame of every file that both can show, each through its own default."""
    if shutil.which("dcm2pnm") is None:
        return
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    compared, worst, name = 0, 0, ""
    for path in sorted(one for root in (bundled, SHARED) if root.is_dir() for one in root.rglob("*") if one.is_file()):
        difference = None if path.name in EXPLAINED else differing(path, folder / "peer.pnm")
        if difference is not None:
            compared += 1
            if difference > worst:
                worst, name = difference, path.name
    yield Row("files shown by dcmtk too", compared, "files", ">= 90", "", compared >= 90)
    yield Row("largest difference from dcmtk", worst, "levels", "<= 1", name, worst <= 1)


def differing(path: Path, out: Path) -> int | None:
    """Grey levels at most; None where one of the two does not show it."""
    try:
        source = open_source(path)
        ours = source.read(Region.whole(source.size))
    except SourceError:
        return None
    if source.facts is None:
        return None
    options: list[str] = []
    if isinstance(source, GrayscaleSource):
        chain = source.grayscale
        if chain.default is None:
            ours = np.repeat(source.render(0, Window.spanning(*chain.bounds(source.stored())))[:, :, None], 3, axis=2)
        options = ["+Wl", "1"] if chain.voi_luts else ["+Wi", "1"] if chain.windows else ["+Wm"]
        options += ["+Wfs"] if chain.windows and chain.windows[0].function == "SIGMOID" else []
    for program in ("dcm2pnm", "dcmj2pnm", "dcml2pnm"):
        out.unlink(missing_ok=True)
        done = subprocess.run([program, "-O", *options, "--write-raw-pnm", str(path), str(out)], capture_output=True, check=False)
        if done.returncode == 0 and out.exists():
            return int(np.abs(ours.astype(int) - np.asarray(Image.open(out).convert("RGB"))).max())
    return None


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write("grey", [*windowing(), *dragging(Path(folder)), *against_dcmtk(Path(folder))])


if __name__ == "__main__":
    main()
