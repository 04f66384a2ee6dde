"""Follows where the reader looks, slide by slide, and shows and exports it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.choosing import chosen_file
from app.errands import answered
from app.lane import Lane
from app.panes import Pane, Panes
from app.spacings import open_source
from app.storage import atomic_write
from viewers.coverage import Attention, Coverage, screen_outline
from viewers.coverage_files import FORMS, WRITERS
from viewers.coverage_paint import CoveragePaint
from viewers.slide_view import SlideView
from viewers.sources import Source
from viewers.tissue_cells import tissue_cells

TICK_MS = 250
PATIENCE_S = 2.0
Tissue = Callable[[Source], shapely.MultiPolygon]
"""Where a slide holds tissue, in level-0 pixels. Runs on a thread of its own; raises SourceError."""


class Covering(QObject):
    """Counts for the slide in the active pane, while the window is in front. Tissue is looked for when it is first needed."""

    noted = Signal(str)
    tissueFound = Signal(object)
    """Path of a slide whose tissue is known now, or cannot be."""
    _found = Signal(object, object, str)

    def __init__(self, window: QWidget, panes: Panes, find_tissue: Tissue | None = None) -> None:
        super().__init__(window)
        self._window, self._panes, self._find = window, panes, find_tissue or _tissue
        self._of: dict[Path, Coverage] = {}
        self._asked: set[Path] = set()
        self._troubled: set[Path] = set()
        self._attention = Attention()
        self._watched: tuple[int, Path | None] = (0, None)
        self._paints: dict[int, CoveragePaint] = defaultdict(CoveragePaint)
        self._lane = Lane("hilum-coverage")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="hilum-coverage-files")
        self._closed = threading.Event()
        self.shown = False
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._found.connect(self._take_tissue)
        panes.viewMade.connect(self._view_made)
        panes.activated.connect(lambda _: self._attend())

    def of(self, path: Path) -> Coverage | None:
        """Of a slide that was shown; None before."""
        return self._of.get(path)

    def here(self) -> tuple[SlideView, Path, Coverage] | None:
        """The slide in the active pane."""
        view, path = self._panes.view, self._panes.pane.standing
        source = view.source
        if not isinstance(view, SlideView) or source is None or path is None:
            return None
        if path not in self._of:
            self._of[path] = Coverage(source.size)
        coverage = self._of[path]
        coverage.objective = None if source.spacing is None else source.spacing.magnification
        return view, path, coverage

    def look(self, now: float) -> None:
        """Count what the active pane shows at `now`, in seconds of any clock."""
        found = self.here()
        watched = self._panes.active, None if found is None else found[1]
        if self._watched != watched:
            self._watched = watched
            self._attention.forget()
        if found is None:
            return
        view, _, coverage = found
        seconds = self._attention.seconds(now, view.camera)
        if seconds and coverage.tell(screen_outline(view.camera), view.camera.device_scale, seconds) and self.shown:
            for pane in self._panes.holding(found[1]):
                pane.view.update()

    def toggle(self) -> None:
        """Show or hide what has been looked at, in all panes."""
        found = self.here()
        if found is None:
            self.noted.emit("coverage is for slides: open one first")
            return
        self.shown = not self.shown
        if self.shown:
            self.want_tissue(found[1])
        self.noted.emit(found[2].summary() if self.shown else "")
        self._update()

    def want_tissue(self, path: Path) -> bool:
        """Find out where tissue is, beside the window; whether it is known already, or cannot be."""
        coverage = self._of.get(path)
        if coverage is None or coverage.tissue is not None or path in self._troubled:
            return True
        if path not in self._asked:
            self._asked.add(path)
            self._lane.submit(partial(self._look_for_tissue, path, coverage.copy()))
        return False

    def choose_export(self) -> None:
        found = self.here()
        if found is None:
            self.noted.emit("coverage is for slides: open one first")
            return
        forms = {words: ending for ending, words in FORMS.items()}
        chosen = chosen_file(self._window, "Export what has been looked at", f"{found[1].stem}-coverage", forms)
        if chosen is not None:
            self.export(found[1], chosen[0])

    def export(self, path: Path, file: Path) -> None:
        """As it is now, in the form the file's name ends in (.csv, .geojson or .png); beside the window."""
        coverage = self._of.get(path)
        if coverage is not None:
            self.noted.emit(f"writing {file.name} …")
            self._disk.submit(self._write, coverage.copy(), file)

    def forget(self, path: Path) -> None:
        """The slide was closed."""
        self._of.pop(path, None)
        self._asked.discard(path)
        self._troubled.discard(path)

    def close(self) -> None:
        """Returns when what is exported is written; a search for tissue that takes longer is left behind."""
        self._timer.stop()
        self._closed.set()
        self._disk.shutdown(wait=True)
        self._lane.close(PATIENCE_S)

    def _tick(self) -> None:
        if self._window.isActiveWindow():
            self.look(time.monotonic())
        else:
            self._attention.forget()

    def _view_made(self, pane: Pane) -> None:
        pane.view.washes.append(partial(self._paint, pane))
        pane.view.signs.append(partial(self._paint_legend, pane))
        if pane.number == self._panes.active:
            self._attend()

    def _attend(self) -> None:
        """Another slide is in the active pane."""
        if self.shown and (found := self.here()):
            self.want_tissue(found[1])
        self._update()

    def _paint(self, pane: Pane, painter: QPainter) -> None:
        coverage = self._of.get(pane.standing) if self.shown and pane.standing is not None else None
        if coverage is not None:
            self._paints[pane.number].paint(painter, pane.view.camera, coverage)

    def _paint_legend(self, pane: Pane, painter: QPainter) -> None:
        coverage = self._of.get(pane.standing) if self.shown and pane.standing is not None else None
        if coverage is not None:
            self._paints[pane.number].paint_legend(painter, pane.view.font(), pane.view.camera, coverage)

    def _update(self) -> None:
        for pane in self._panes.panes:
            pane.view.update()

    def _look_for_tissue(self, path: Path, coverage: Coverage) -> None:
        def look() -> NDArray[np.bool_]:
            with closing(open_source(path)) as source:
                return tissue_cells(self._find(source), coverage.size, coverage.cell)

        cells, sentence = answered(look, f"Tissue could not be found on {path.name}")
        if not self._closed.is_set():
            self._found.emit(path, cells, sentence)

    def _take_tissue(self, path: Path, cells: object, sentence: str) -> None:
        coverage = self._of.get(path)
        if coverage is None:
            return
        if sentence:
            self._troubled.add(path)
            self.noted.emit(sentence)
        else:
            coverage.tissue = cells  # type: ignore[assignment]
            coverage.version += 1
            self.noted.emit(coverage.summary() if self.shown else "")
        self._update()
        self.tissueFound.emit(path)

    def _write(self, coverage: Coverage, file: Path) -> None:
        said = f"saved {file.name}"
        try:
            atomic_write(file, WRITERS[file.suffix.lower()](coverage))
        except OSError as error:
            said = f"{file.name} could not be written ({error.strerror or error}); choose another place"
        if not self._closed.is_set():
            self.noted.emit(said)


def _tissue(source: Source) -> shapely.MultiPolygon:
    from viewers.tissue import tissue

    return tissue(source).shape
