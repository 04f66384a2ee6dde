"""How fast planes follow the crosshair through a CT of 512 × 512 × 300: `python packaging/dev.py bench mpr`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PySide6.QtWidgets import QApplication

from tests.bench.results_file import Row, write
from tests.viewers.volumes import Phantom, ball
from viewers.dicom_view import RadiologyView
from viewers.grayscale import Grayscale, Window
from viewers.mpr import Crosshair, Plane, cut_of
from viewers.mpr_board import MprBoard
from viewers.sources import open_source
from viewers.sources.gaps import gaps_of
from viewers.sources.slice_plane import SlicePlane
from viewers.sources.stacks import Stack
from viewers.volume import Volume
from viewers.volume_cuts import Cut, Slab, cut_values
from viewers.volume_reading import read_volume

SLICES, ROWS, COLUMNS = 300, 512, 512
SPACING_MM, STEP_MM = 0.7, 1.0
FRAME_MS = 33.0
TURNS = int(os.environ.get("HILUM_BENCH_TURNS", "120"))


def main() -> None:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    volume = phantom()
    rows = [*moving(volume), *sampling(volume), *loading()]
    write("mpr", rows, {"volume": f"{COLUMNS} × {ROWS} × {SLICES} at {SPACING_MM} × {SPACING_MM} × {STEP_MM} mm", "turns": TURNS})
    del application


def phantom() -> Volume:
    """Noise with a body in it: no voxel is like its neighbour, as in a scan."""
    rng = np.random.default_rng(0)
    voxels = np.empty((SLICES, ROWS, COLUMNS), np.int16)
    for number in range(SLICES):
        voxels[number] = rng.integers(-1000, 1000, (ROWS, COLUMNS), np.int16)
    planes = [
        SlicePlane(np.array([-179.0, -179.0, number * STEP_MM]), np.eye(3)[0], np.eye(3)[1], (SPACING_MM, SPACING_MM), "1.2")
        for number in range(SLICES)
    ]
    grayscale, window = Grayscale(windows=(Window(40, 400),), unit="HU"), Window(40, 400)
    stack = Stack(0, SLICES, "", gaps_of(planes))
    return Volume(voxels, grayscale, stack, planes[0], (SPACING_MM, SPACING_MM), (-1000.0, 1000.0), window)


def moving(volume: Volume) -> list[Row]:
    """From a move of the crosshair until both other planes stand in their panes, painted, at 1200 × 900 screen pixels."""
    board = MprBoard(RadiologyView())
    board.resize(1200, 900)
    board.show()
    board.show_volume(volume)
    until(lambda: board.settled)
    rng = np.random.default_rng(1)
    rows = []
    for name, turned in (("orthogonal", 0.0), ("oblique, while the hand moves", 25.0)):
        if turned:
            assert board.crosshair is not None
            board._steer(board.crosshair.turned(Plane.AXIAL, turned).turned(Plane.CORONAL, 10.0))
            until(lambda: board.settled)
        taken, blocked = [], []
        for _ in range(TURNS):
            place = volume.centre + rng.uniform(-60, 60, 3)
            begun, busy = time.perf_counter(), time.thread_time()
            board.aim(place)
            until(lambda: moved(board))
            QApplication.processEvents()
            blocked.append((time.thread_time() - busy) * 1000)
            taken.append((time.perf_counter() - begun) * 1000)
        rows += [
            row(f"crosshair move, {name}: p50", np.percentile(taken, 50)),
            row(f"crosshair move, {name}: p99", np.percentile(taken, 99), FRAME_MS),
            row(f"of it the GUI thread's own work, {name}: p50", np.percentile(blocked, 50), 16.0),
        ]
    begun = time.perf_counter()
    until(lambda: board.settled)
    rows.append(row("oblique planes with all their pixels, after the hand rests 120 ms", (time.perf_counter() - begun) * 1000))
    stack = board.give_back()
    for widget in (stack, board):
        widget.close()
        widget.deleteLater()
    return rows


def moved(board: MprBoard) -> bool:
    """Whether what stands in every pane is what is wanted, be it coarse."""
    return all(view.shown is not None and view.shown.wish.cut == view.cut for view in board.views.values())


def sampling(volume: Volume) -> list[Row]:
    """One plane as values; SciPy's map_coordinates does the same beside it."""
    upright = Crosshair.through(volume)
    rows = []
    for name, crosshair, slab, mm in (
        ("sagittal plane", upright, Slab.THIN, 0.0),
        ("sagittal MIP of 20 mm", upright, Slab.MIP, 20.0),
        ("oblique plane", upright.turned(Plane.AXIAL, 25), Slab.THIN, 0.0),
        ("oblique MIP of 20 mm", upright.turned(Plane.AXIAL, 25), Slab.MIP, 20.0),
    ):
        cut = cut_of(volume, crosshair, Plane.SAGITTAL, slab, mm)
        ours = best(lambda cut=cut: cut_values(volume, cut))
        peer = f"map_coordinates alone {peers(volume, cut):.0f} ms" if name == "oblique plane" else ""
        rows.append(row(f"{name}, {cut.size.width} × {cut.size.height}, beside the window", ours, peer=peer))
    size = volume.voxels.nbytes / 2**20
    return [*rows, Row("memory of the voxels", size, "MiB", "≤ 160", f"as float32 {2 * size:.0f} MiB", size <= 160)]


def peers(volume: Volume, cut: Cut) -> float:
    """The same plane by SciPy alone, coordinates given, ms."""
    from scipy.ndimage import map_coordinates

    columns, lines = np.arange(cut.size.width)[None, :, None], np.arange(cut.size.height)[:, None, None]
    along, down = cut.pixel_mm[0] * np.array(cut.across), cut.pixel_mm[1] * np.array(cut.down)
    index = np.moveaxis(volume.depth_row_column(np.array(cut.corner) + columns * along + lines * down) / [STEP_MM, 1, 1], 2, 0)
    return best(lambda: map_coordinates(volume.voxels, index, order=1))


def loading() -> list[Row]:
    """60 slices of 256 × 256 out of files into voxels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Phantom(rows=256, columns=256, count=60, spacing=(0.7, 0.7), step=2.0).write(Path(folder) / "ct", ball((0, 0, 0)))
        source = open_source(path)
        before, begun = psutil.Process().memory_info().rss, time.perf_counter()
        volume = read_volume(source, 0, lambda *_: None, lambda: False)
        seconds = time.perf_counter() - begun
        grown = (psutil.Process().memory_info().rss - before) / 2**20
        source.close()
    peer = f"voxels {volume.voxels.nbytes / 2**20:.0f} MiB"
    return [Row("slices a second into a volume", 60 / seconds, "1/s"), Row("memory that takes", grown, "MiB", peer=peer)]


def row(name: str, value: float, most: float | None = None, peer: str = "") -> Row:
    return Row(name, float(value), "ms", f"≤ {most:g}" if most else "", peer, bool(value <= most) if most else None)


def best(work: Callable[[], object], turns: int = 5) -> float:
    times = []
    for _ in range(turns):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return min(times)


def until(there: Callable[[], bool], seconds: float = 30) -> None:
    end = time.perf_counter() + seconds
    while not there():
        QApplication.processEvents()
        time.sleep(0.0005)
        if time.perf_counter() > end:
            raise SystemExit("the planes did not come")


if __name__ == "__main__":
    main()
