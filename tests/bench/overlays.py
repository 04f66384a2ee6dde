"""How fast large maps are shown and read: `python packaging/dev.py bench overlays`."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from tests.bench.results_file import Row, write
from viewers.camera import Camera
from viewers.geometry import Size
from viewers.maps import Ground, ValueMap, open_maps
from viewers.maps.stepped import stepped
from viewers.overlay import HeatmapLayer

TURNS = 30
COLUMNS, ROWS, CELL = 4000, 3000, 16
PATCHES = 1_000_000


def main() -> None:
    application = QGuiApplication.instance() or QGuiApplication(["bench"])
    rows = painting() + loading()
    write("overlays", rows, {})
    del application


def painting() -> list[Row]:
    """A threshold is changed and the pane's heatmap painted again, at several zooms, on 1920 × 1080 device pixels."""
    values = np.random.default_rng(0).random((ROWS, COLUMNS), dtype=np.float32)
    began = time.perf_counter()
    steps = stepped(values, 0.0, 1.0)
    ready = (time.perf_counter() - began) * 1000
    size = Size(COLUMNS * CELL, ROWS * CELL)
    layer = HeatmapLayer()
    layer.lay(ValueMap("bench", values, (0.0, 0.0, float(size.width), float(size.height)), 0.0, 1.0, "probability"), steps)
    layer._fade.stop()
    layer._shown = 1.0
    image = QImage(1920, 1080, QImage.Format.Format_RGB32)
    camera = Camera(size)
    camera.resize(1920, 1080)
    rows = [Row("map of 4000 × 3000 made ready, beside the window", ready, "ms")]
    for name, scale in (("the whole map", camera.fit_scale), ("a cell is one pixel", 1 / CELL), ("a cell is 16 pixels", 1.0)):
        camera.zoom_to(scale)
        for smooth in (False, True):
            layer.smooth = smooth
            taken = _threshold_times(layer, camera, image)
            form = "smooth" if smooth else "cells"
            late = sorted(taken)[int(0.95 * len(taken))]
            peer = f"95 % within {late:.1f} ms"
            rows.append(Row(f"threshold to repaint: {name}, {form}", median(taken), "ms", "≤ 16", peer, median(taken) <= 16))
    return rows


def _threshold_times(layer: HeatmapLayer, camera: Camera, image: QImage) -> list[float]:
    taken = []
    for turn in range(TURNS):
        image.fill(0xFFFFFFFF)
        began = time.perf_counter()
        layer.threshold = turn / TURNS
        painter = QPainter(image)
        layer.paint(painter, camera)
        painter.end()
        taken.append((time.perf_counter() - began) * 1000)
    return taken[2:]


def loading() -> list[Row]:
    """A table of a million patches; Python's csv module reads it beside."""
    ground = Ground(Size(260_000, 260_000), (0.25, 0.25))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.csv"
        values = np.random.default_rng(1).random(PATCHES)
        with path.open("w") as file:
            file.write("minx,miny,width,height,prob_tumor\n")
            file.writelines(f"{i % 1000 * 256},{i // 1000 * 256},256,256,{value!r}\n" for i, value in enumerate(values.tolist()))
        before = psutil.Process().memory_info().rss
        seconds = _seconds(lambda: open_maps(path, ground))
        (the,) = open_maps(path, ground)
        grown = (psutil.Process().memory_info().rss - before) / 2**20
        right = np.array_equal(the.values, values.reshape(1000, 1000).astype(np.float32))
        peer = _seconds(lambda: _read_all(path))
    return [
        Row("1,000,000 rows of CSV as a map", seconds, "s", "≤ 5", f"csv module alone {peer:.1f} s", seconds <= 5),
        Row("memory that takes", grown, "MiB", "≤ 500", "", grown <= 500),
        Row("its cells are the table's", float(right), "", "1", "numpy", right),
    ]


def _read_all(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
