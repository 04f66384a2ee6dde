"""A slide of a gigapixel under the reader's hand, drawn by software, while the engine works.

python packaging/dev.py bench slide-pan

The slide is the demonstration's own, 32,768 × 30,720, in a pane of 1920 × 1080. Frames are what a drag of 1,500 px/s and a
turning wheel ask for, 60 a second; beside them stands the same slide with the engine at rest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HILUM_HOME"] = tempfile.mkdtemp(prefix="hilum-bench-")

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QApplication

from app.analysis import AnyEngine
from app.demo_workspace import make
from inference.engine import EngineSpec
from inference.questions import DraftQuestion, Picture
from inference.worker import Worker
from tests.bench.gui import Lateness
from tests.bench.results_file import Row, write
from viewers.geometry import Size
from viewers.gestures import Tool
from viewers.slide_view import SlideView
from viewers.sources import open_source

SPEED = 1500.0
"""Device pixels a second of the drag."""
FRAME = 1 / 60
SECONDS = 20.0
CACHE = 256 * 2**20
WALK = 20 * 60
"""Steps of the random walk: one a second of twenty minutes."""
NOTHING = "#ff00ff"
"""What shows through where nothing is painted; the slide has no such colour."""


class Watched(SlideView):
    """A pane that notes how long its paintings take."""

    background = NOTHING

    def __init__(self, cache_bytes: int | None = None) -> None:
        super().__init__(cache_bytes=cache_bytes)
        self.taken: list[float] = []

    def paintEvent(self, event: QPaintEvent) -> None:
        began = time.perf_counter()
        super().paintEvent(event)
        self.taken.append((time.perf_counter() - began) * 1000)

    @property
    def blank(self) -> int:
        """Pixels on the slide that nothing was painted on."""
        picture = self.grab().toImage()
        pixels = np.frombuffer(picture.constBits(), np.uint32).reshape(picture.height(), -1)
        size = self.source.size if self.source else Size(1, 1)
        x0, y0, x1, y1 = (round(edge) for edge in self.camera.to_device((0, 0, size.width, size.height)))
        return int((pixels[max(0, y0 + 2) : max(0, y1 - 2), max(0, x0 + 2) : max(0, x1 - 2)] == QColor(NOTHING).rgb()).sum())


def main() -> None:
    application = QApplication.instance() or QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as folder:
        slide = make(Path(folder)).slide
        rows = [opening(application, slide)]  # type: ignore[arg-type]
        resting = moving(application, slide)  # type: ignore[arg-type]
        with engine_at_work():
            working = moving(application, slide)  # type: ignore[arg-type]
            rows += fields(application, slide)  # type: ignore[arg-type]
        for (name, value, blank), (_, control, _) in zip(working, resting, strict=True):
            rows.append(Row(f"{name}: frame, p99, engine at work", value, "ms", "≤ 16", f"at rest {control:.1f} ms", value <= 16))
            if blank is not None:
                rows.append(Row(f"{name}: looks that showed a blank area", float(blank), "", "0", "20 looks", blank == 0))
        rows += memory(application, slide)  # type: ignore[arg-type]
    write("slide-pan", rows, {})


def wait(application: QApplication, done: Callable[[], bool], seconds: float = 60.0) -> float:
    """Seconds until `done`, the event loop running."""
    began = time.perf_counter()
    pulse = QTimer(interval=2)
    pulse.start()
    while not done():
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        if time.perf_counter() - began > seconds:
            raise TimeoutError
    return time.perf_counter() - began


@contextmanager
def shown(application: QApplication, slide: Path, cache: int | None = None) -> Iterator[Watched]:
    """The slide in its pane, sharp at fit."""
    view = Watched(cache)
    view.resize(1920, 1080)
    view.show()
    view.set_source(open_source(slide))
    wait(application, lambda: view.settled)
    yield view
    view.close_source()
    view.close()
    wait(application, lambda: not any(thread.name.startswith("hilum-tiles") for thread in threading.enumerate()))


@contextmanager
def engine_at_work() -> Iterator[None]:
    """Drafts without end in the engine's own process."""
    worker, films = Worker(EngineSpec()), [Picture(np.full((512, 512, 3), 90, np.uint8), "cxr")]
    begun = threading.Event()

    def job(engine: AnyEngine, _: object, cancel: threading.Event) -> object:
        while not cancel.is_set():
            engine.answer(DraftQuestion(""), films, cancel=cancel)
            begun.set()
        return None

    worker.submit(1, job)  # type: ignore[arg-type]
    begun.wait(120)
    yield
    worker.cancel(1)
    worker.close()


def opening(application: QApplication, slide: Path) -> Row:
    """From the path to a picture of the whole slide, opened on this thread here; the median of seven."""
    taken = []
    for _ in range(7):
        view = Watched()
        view.resize(1920, 1080)
        view.show()
        application.processEvents()
        began = time.perf_counter()
        view.set_source(open_source(slide))
        wait(application, lambda view=view: view.tiles is not None and view.tiles.overview_ready)  # type: ignore[misc]
        view.repaint()
        taken.append((time.perf_counter() - began) * 1000)
        view.close_source()
        view.close()
    value = float(np.median(taken))
    return Row("opening to the first whole picture, median", value, "ms", "≤ 300", f"longest {max(taken):.0f} ms", value <= 300)


def moving(application: QApplication, slide: Path) -> list[tuple[str, float, int | None]]:
    """(what, 99th percentile of its frames in ms, blank looks) for a drag and for the wheel, and the timer's lateness."""
    with shown(application, slide) as view:
        view.one_to_one()
        view.centre_on(9000, 15000)
        wait(application, lambda: view.settled)
        found: list[tuple[str, float, int | None]] = []
        with Lateness() as late:
            heading = [0.0]

            def drag(frame: int) -> None:
                if frame % 150 == 0:
                    heading[0] += 2.1
                step = SPEED * FRAME
                view.dragged(Tool.PAN, step * np.cos(heading[0]), step * np.sin(heading[0]))

            found.append(("panning at 1,500 px/s", *_frames(application, view, drag)))

            def turn(frame: int) -> None:
                view.zoom(2.0 ** (0.5 if frame // 24 % 2 else -0.5) if frame % 3 == 0 else 1.0, 960.0, 540.0)

            found.append(("zooming with the wheel", *_frames(application, view, turn)))
        found.append(("the GUI thread's 5 ms timer meanwhile", late.percentile(99), None))
    return found


def _frames(application: QApplication, view: Watched, act: Callable[[int], None]) -> tuple[float, int]:
    """99th percentile of the frames that 60 acts a second ask for, and how many of 20 looks showed a blank area."""
    view.taken.clear()
    total, blank, spent = round(SECONDS / FRAME), 0, []
    began = time.perf_counter()
    for frame in range(total):
        act(frame)
        application.processEvents()
        if frame % (total // 20) == total // 40:
            spent += view.taken
            blank += view.blank > 0
            view.taken.clear()
        until = began + (frame + 1) * FRAME
        wait(application, lambda until=until: time.perf_counter() >= until)  # type: ignore[misc]
    spent += view.taken
    return float(np.percentile(spent, 99)), blank


def fields(application: QApplication, slide: Path) -> list[Row]:
    """From a jump to a place never seen until every tile in view is sharp."""
    rng, taken = np.random.default_rng(4), []
    with shown(application, slide) as view:
        for number in range(120):
            scale = (1.0, 0.5, 0.25)[number % 3]
            view.zoom_to(scale)
            view.centre_on(float(rng.uniform(2000, 30000)), float(rng.uniform(2000, 28000)))
            tiles, step = view.tiles, view.tiles.pyramid.step_for(scale) if view.tiles else 0
            assert tiles is not None
            box = view.camera.visible()
            taken.append(1000 * wait(application, lambda: tiles.complete(box, step)))  # noqa: B023 - called before the next round
    median, high = (float(np.percentile(taken, share)) for share in (50, 99))
    return [
        Row(
            "a field never seen, sharp, engine at work, median",
            median,
            "ms",
            "≤ 150",
            "120 jumps at 20×, 10× and 5×",
            median <= 150,
        ),
        Row("the same, p99", high, "ms", "≤ 250", "", high <= 250),
    ]


def memory(application: QApplication, slide: Path) -> list[Row]:
    """A random walk with a small cache: what the tiles hold, and what the process holds."""
    rng, own = np.random.default_rng(8), psutil.Process()
    with shown(application, slide, CACHE) as view:
        assert view.tiles is not None
        before, most, held = own.memory_info().rss, 0, 0
        place = np.array([16000.0, 15000.0])
        for _ in range(WALK):
            place = (place + rng.normal(0, 1200, 2)).clip(1000, 29000)
            view.zoom_to(float(rng.choice([1.0, 0.5, 0.25])))
            view.centre_on(*place)
            began = time.perf_counter()
            wait(application, lambda: time.perf_counter() - began > 0.03)  # noqa: B023
            most, held = max(most, own.memory_info().rss - before), max(held, view.tiles.used_bytes)
    limit = 1.2 * CACHE / 2**20
    return [
        Row(
            "random walk of 1,200 steps: decoded tiles held",
            held / 2**20,
            "MiB",
            f"≤ {limit:.0f}",
            "cache of 256 MiB",
            held / 2**20 <= limit,
        ),
        Row("the same: growth of the process", most / 2**20, "MiB", f"≤ {limit:.0f}", "", most / 2**20 <= limit),
    ]


if __name__ == "__main__":
    main()
