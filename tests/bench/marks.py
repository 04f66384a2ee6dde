"""300,000 outlines over a slide of a gigapixel: frames, hits, edits, the disk and QuPath's GeoJSON.

python packaging/dev.py bench marks

Drawn by software in 1920 × 1080. The control is the same slide without marks, in the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HILUM_HOME"] = tempfile.mkdtemp(prefix="hilum-bench-")

import numpy as np
import psutil
import shapely
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication

from app.demo_workspace import make
from tests.bench.gui import Lateness
from tests.bench.results_file import Row, write
from tests.bench.slide_pan import FRAME, SPEED, wait
from viewers.annotations.annotation import Annotation, Kind
from viewers.annotations.document import Annotations, Change, Edit
from viewers.annotations.files import load, save
from viewers.annotations.index import Index
from viewers.annotations.moving import hit
from viewers.annotations.store import Store
from viewers.geometry import Size
from viewers.gestures import Tool
from viewers.marked_slide import MarkedSlide
from viewers.sources import open_source

COUNT = 300_000
CORNERS = 24
SECONDS = 8.0
SIDE = (32_768, 30_720)


class Watched(MarkedSlide):
    """A pane that notes how long its paintings take."""

    def __init__(self) -> None:
        super().__init__(None, 256 * 2**20)
        self.taken: list[float] = []

    def paintEvent(self, event: QPaintEvent) -> None:
        began = time.perf_counter()
        super().paintEvent(event)
        self.taken.append((time.perf_counter() - began) * 1000)


def nuclei() -> tuple[Annotation, ...]:
    """Outlines of 14 to 34 pixels, crowded in four hundred clusters, of three classes."""
    rng = np.random.default_rng(5)
    clusters = rng.uniform(2000, 28_000, (400, 2))
    centres = clusters[rng.integers(0, 400, COUNT)] + rng.normal(0, 700, (COUNT, 2))
    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    radii = rng.uniform(7, 17, (COUNT, 1)) * (1 + 0.1 * np.sin(3 * turns + rng.uniform(0, 6, (COUNT, 1))))
    rings = centres[:, None, :] + radii[..., None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    names = ("Tumor", "Immune cells", "Stroma")
    return tuple(
        Annotation(shape, Kind.POLYGON, class_name=names[number % 3], object_type="detection")
        for number, shape in enumerate(shapely.polygons(rings))
    )


def main() -> None:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    marks = nuclei()
    with tempfile.TemporaryDirectory() as folder:
        slide = make(Path(folder)).slide
        rows = files(marks, Path(folder))
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        index = Index(marks).prepare()
        rows.append(Row("the index of where they lie, on a worker", time.perf_counter() - began, "s"))
        document = Annotations(marks, index=index)
        rows += hands(document)
        without = dict(moving(application, slide, None))
        for name, value in moving(application, slide, document):
            target = value <= 16
            rows.append(
                Row(f"{name}: frame, p99, {COUNT:,} outlines", value, "ms", "≤ 16", f"none {without[name]:.1f} ms", target)
            )
        rows += fields(application, slide, document)
        rows.append(Row("memory beside the marks themselves", (psutil.Process().memory_info().rss - before) / 2**20, "MiB"))
    write("marks", rows)


def files(marks: tuple[Annotation, ...], folder: Path) -> list[Row]:
    store, rows = Store(folder / "slide.marks"), []
    steps: list[tuple[str, Callable[[], object]]] = [
        ("kept on disk, in one edit", lambda: store.write([Edit("import", tuple(Change(None, one) for one in marks))])),
        ("read from the disk", store.load),
        ("written as GeoJSON", lambda: save(folder / "marks.geojson", marks, Annotations().classes)),
        ("read as GeoJSON, with their index", lambda: load(folder / "marks.geojson", Size(*SIDE))),
    ]
    for name, work in steps:
        began = time.perf_counter()
        work()
        rows.append(Row(f"{COUNT:,} outlines {name}", time.perf_counter() - began, "s"))
    taken = []
    for number in range(200):
        began = time.perf_counter()
        store.write([Edit("draw", (Change(None, Annotation(shapely.box(number, 0, number + 1, 1), Kind.RECTANGLE)),))])
        taken.append((time.perf_counter() - began) * 1000)
    rows.append(Row("one stroke more, synced to the disk, p99 of 200", float(np.percentile(taken, 99)), "ms"))
    store.close()
    return rows


def hands(document: Annotations) -> list[Row]:
    """What the GUI thread does for a click and for an edit."""
    rng, clicks, edits = np.random.default_rng(9), [], []
    for _ in range(300):
        place = tuple(rng.uniform(2000, 28_000, 2).tolist())
        began = time.perf_counter()
        hit(document.snapshot, place, 6.0, lambda _: True)  # type: ignore[arg-type]
        clicks.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        document.add([Annotation(shapely.box(*place, place[0] + 20, place[1] + 20), Kind.RECTANGLE)])
        edits.append((time.perf_counter() - began) * 1000)
    rows = []
    for name, taken in (("finding the mark under a click", clicks), ("one edit of the document", edits)):
        value = float(np.percentile(taken, 99))
        rows.append(Row(f"{name}, p99 of 300", value, "ms", "≤ 16", "", value <= 16))
    return rows


def moving(application: QApplication, slide: Path, document: Annotations | None) -> list[tuple[str, float]]:
    """(what, 99th percentile of its frames in ms) for drags at three powers, for the wheel, and for the GUI thread's timer."""
    view = Watched()
    view.resize(1920, 1080)
    view.show()
    view.set_source(open_source(slide))
    view.show_marks(document)
    wait(application, lambda: view.settled)
    found = []
    with Lateness() as late:
        for scale in (1.0, 0.25, 0.0625):
            view.zoom_to(scale)
            view.centre_on(12_000, 15_000)
            wait(application, lambda: view.settled)

            def drag(frame: int) -> None:
                turn = frame // 150 * 2.1
                view.dragged(Tool.PAN, SPEED * FRAME * np.cos(turn), SPEED * FRAME * np.sin(turn))

            found.append((f"panning at 1,500 px/s, {20 * scale:g}×", _frames(application, view, drag)))

        def wheel(frame: int) -> None:
            view.zoom(2.0 ** (0.5 if frame // 24 % 2 else -0.5) if frame % 3 == 0 else 1.0, 960.0, 540.0)

        found.append(("zooming with the wheel", _frames(application, view, wheel)))
    found.append(("the GUI thread's 5 ms timer meanwhile", late.percentile(99)))
    view.close_source()
    view.close()
    return found


def _frames(application: QApplication, view: Watched, act: Callable[[int], None]) -> float:
    view.taken.clear()
    began = time.perf_counter()
    for frame in range(round(SECONDS / FRAME)):
        act(frame)
        until = began + (frame + 1) * FRAME
        wait(application, lambda until=until: time.perf_counter() >= until)  # type: ignore[misc]
    return float(np.percentile(view.taken, 99))


def fields(application: QApplication, slide: Path, document: Annotations) -> list[Row]:
    """From the moment the view stands still after a jump until its marks, and those around it, are painted."""
    view, rng, taken = Watched(), np.random.default_rng(3), []
    view.resize(1920, 1080)
    view.show()
    view.set_source(open_source(slide))
    view.show_marks(document)
    wait(application, lambda: view.settled)
    for number in range(60):
        view.zoom_to((1.0, 0.25, 0.0625)[number % 3])
        view.centre_on(float(rng.uniform(3000, 27_000)), float(rng.uniform(3000, 27_000)))
        wait(application, lambda: not view.moving)
        view.repaint()
        taken.append(1000 * wait(application, lambda: view.marks.settled))
    view.close_source()
    view.close()
    values = [float(np.percentile(taken, share)) for share in (50, 99)]
    return [
        Row(f"marks of a view never seen, {name}", value, "ms") for name, value in zip(("median", "p99"), values, strict=True)
    ]


if __name__ == "__main__":
    main()
