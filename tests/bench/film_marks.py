"""Measuring on films: how soon a value follows the hand, what many marks cost a painting, and statistics of a whole film.

python packaging/dev.py bench film_marks

The peer of the statistics is the same mean and standard deviation by plain NumPy over a mask made by shapely, in the same run.
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
import shapely
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.start import SWITCH_S
from tests.app.dicom_files import write as write_film
from tests.bench.results_file import Row, write
from viewers.annotations import annotation as draw
from viewers.annotations.document import Annotations
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import FilmTool, film_mark
from viewers.film_marks.measuring import measured
from viewers.marked_film import MarkedFilm
from viewers.sources import open_source

HIGH, WIDE = 3520, 4280
MANY = 40
STEPS = 60


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def settle(application: QApplication, view: MarkedFilm) -> None:
    while not view.settled:
        application.processEvents()
        time.sleep(0.001)


def main() -> None:
    sys.setswitchinterval(SWITCH_S)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    folder = Path(tempfile.mkdtemp(prefix="hilum-bench-film-"))
    pixels = np.random.default_rng(1).integers(0, 4096, (HIGH, WIDE)).astype("<u2")
    path = write_film(folder / "film.dcm", pixels, ImagerPixelSpacing=[0.1, 0.1])
    view = MarkedFilm()
    view.resize(1400, 1000)
    view.set_source(open_source(path))
    view.show()
    settle(application, view)
    assert view.source is not None
    film = Film(view.source)
    view.show_marks(Annotations(), film)
    write("film_marks", [*following(application, view), *painting(application, view, film), *whole(film)])
    view.close()


def following(application: QApplication, view: MarkedFilm) -> list[Row]:
    """A drag of an ellipse over the film: the GUI thread's share of each step, and when its last value stands there."""
    view.set_marking(FilmTool.ELLIPSE)
    start = QPoint(300, 200)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    steps = []
    for number in range(1, STEPS + 1):
        place = start + QPoint(10 * number, 8 * number)
        steps.append(timed(lambda place=place: (QTest.mouseMove(view, place), view.repaint())))
        application.processEvents()
    began = time.perf_counter()
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=start + QPoint(10 * STEPS, 8 * STEPS))
    view.repaint()
    settle(application, view)
    late = (time.perf_counter() - began) * 1000
    p95 = float(np.percentile(steps, 95))
    return [
        Row("one step of drawing an ellipse, GUI thread, p95", p95, "ms", "≤ 16", ok=p95 <= 16),
        Row("from letting go to mean, SD, min, max of ~3 Mpx", late, "ms", "≤ 300", ok=late <= 300),
    ]


def painting(application: QApplication, view: MarkedFilm, film: Film) -> list[Row]:
    """A painting with 40 marks against one with none."""
    none = np.median([timed(view.repaint) for _ in range(20)])
    random = np.random.default_rng(2)
    document = Annotations()
    for number in range(MANY):
        x, y = random.uniform(100, WIDE - 600), random.uniform(100, HIGH - 600)
        tool = (FilmTool.LENGTH, FilmTool.ELLIPSE)[number % 2]
        shape = draw.line([(x, y), (x + 400, y + 100)]) if number % 2 == 0 else draw.ellipse((x, y), (x + 300, y + 200))
        document.add([film_mark(tool, shape, film.keys[0])])
    view.show_marks(document, film)
    for _ in range(3):  # values come, then what rests is kept as an image
        view.repaint()
        settle(application, view)
    many = float(np.percentile([timed(view.repaint) for _ in range(20)], 95))
    moved = []
    for number in range(20):
        view.centre_on(WIDE / 2 + 10 * number, HIGH / 2)
        moved.append(timed(view.repaint))
        settle(application, view)
    panned = float(np.percentile(moved, 95))
    return [
        Row(f"a painting with {MANY} marks, p95", many, "ms", "≤ 33", f"none {none:.1f} ms", many <= 33),
        Row("the same while the picture moves, p95", panned, "ms", "≤ 33", ok=panned <= 33),
    ]


def whole(film: Film) -> list[Row]:
    """Statistics of a freehand area of nearly all of 15 Mpx."""
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    places = [(WIDE / 2 * (1 + 0.98 * np.cos(turn)), HIGH / 2 * (1 + 0.98 * np.sin(turn))) for turn in turns]
    mark = film_mark(FilmTool.FREEHAND, draw.polygon(places), film.keys[0])
    found = None

    def ours() -> None:
        nonlocal found
        found = measured(mark, film, 0)

    mine = timed(ours)

    def theirs() -> None:
        y, x = np.mgrid[:HIGH, :WIDE] + 0.5
        shapely.prepare(mark.geometry)
        inside = film.source.stored(0)[shapely.contains_xy(mark.geometry, x, y)].astype(np.float64)  # type: ignore[attr-defined]
        truth = inside.mean(), inside.std()
        assert found is not None
        mean, sd = found.named("Mean"), found.named("SD")
        assert mean is not None
        assert sd is not None
        assert np.allclose((mean.value, sd.value), truth, rtol=1e-5)

    other = timed(theirs)
    return [
        Row(
            "statistics of a freehand area of 12 Mpx, worker thread",
            mine,
            "ms",
            "",
            f"shapely, NumPy {other:.0f} ms",
            mine <= other,
        )
    ]


if __name__ == "__main__":
    main()
