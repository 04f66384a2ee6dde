"""Current and prior in the panes: which is which, the prior beside, in its place, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from app import comparison
from app.comparison import Laid
from app.comparisons import Comparisons
from app.film_linking import FilmLinking, film_of
from app.grid import TWO
from app.panes import Pane, Panes
from app.priors import Prior
from app.shelf import Shelf
from app.titles import Titles
from viewers import windows
from viewers.companion import Companion
from viewers.dicom_view import RadiologyView
from viewers.difference import Difference
from viewers.difference_layer import DifferenceLayer
from viewers.errors import SourceError
from viewers.film_linking import Film, matching_frame
from viewers.grayscale import Window
from viewers.sources import Source

RATES_MS = (250, 400, 600, 900, 1400, 2200)
"""How long each of the two is seen while they alternate."""


@dataclass(slots=True)
class _Over:
    """What lies over the film of a pane: the prior itself, its difference, or both in readiness."""

    view: RadiologyView
    prior: Prior
    companion: Companion | None = None
    differing: bool = False
    """The difference is wanted, be it there or on its way."""
    layer: DifferenceLayer | None = None
    layer_frame: int = 0
    """The frame that `layer` was made of: it lies over no other."""
    how: Laid | None = None
    films: tuple[Film, Film] | None = None
    """Its own and the prior's, without what the reader moved in linked panes."""
    alternating: bool = False
    prior_seen: bool = False
    held: bool = False


class Comparing(QObject):
    noted = Signal(str)

    def __init__(self, window: QWidget, panes: Panes, shelf: Shelf, linking: FilmLinking) -> None:
        super().__init__(window)
        self._panes, self._shelf, self._linking = panes, shelf, linking
        self.titles = Titles(panes, shelf)
        self.aligns = True
        self._comparisons = Comparisons(shelf.opener, self)
        self._comparisons.ready.connect(self._take)
        self._comparisons.refused.connect(self._refused)
        self._over: _Over | None = None
        self._asked: tuple[Path, Path, int] | None = None
        """Of which two films, and of which frame of the first, an answer is awaited."""
        self._rate = 2
        self._beat = QTimer(self)
        self._beat.timeout.connect(self._swap)
        panes.viewMade.connect(self._view_made)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "prior": self.hang_prior,
            "flicker": self.flicker,
            "flicker-faster": partial(self.change_rate, -1),
            "flicker-slower": partial(self.change_rate, 1),
            "difference": self.difference,
            "align": self.toggle_aligning,
        }

    def offer(self, actions: Mapping[str, QAction]) -> None:
        actions["align"].setCheckable(True)
        actions["align"].setChecked(self.aligns)

    def hang_prior(self) -> None:
        """The latest prior beside the film of the active pane; asked again, the one before that."""
        pane = self._panes.pane
        found = self._shelf.priors(pane.path) if pane.path is not None else []
        if not found or pane.path is None:
            self.noted.emit(self._why_no_prior(pane))
            return
        if self._panes.count == 1:
            self._panes.arrange(TWO)
        beside = self._panes.seen[(pane.number + 1) % self._panes.count]
        at = next((number for number, prior in enumerate(found) if prior.path == beside.path), -1)
        prior = found[(at + 1) % len(found)]
        self._shelf.show_in(prior.path, beside.number)
        self.noted.emit(f"prior {(at + 1) % len(found) + 1} of {len(found)}: {prior.words}")
        self.pair_up()

    def pair_up(self, patience: int = 200) -> None:
        """Link the panes that are seen once all of them stand, and align two films of one patient. `patience`: looks, each
        50 ms after the one before."""
        if patience and any(pane.path is not None and not self._shelf.stands(pane) for pane in self._panes.seen):
            QTimer.singleShot(50, self, partial(self.pair_up, patience - 1))
            return
        if not self._linking.on:
            self._linking.link()
        pair = self.titles.pair()
        if pair is not None and self.aligns and pair[2].known.modality != "MG":
            self._ask(pair[0], pair[2])

    def flicker(self) -> None:
        """The prior in the place of the current film, in turn with it; again: no more."""
        over = self._over
        if over is not None and over.alternating:
            self.stop()
        elif (over := self._begun()) is not None:
            over.alternating = True
            self._beat.start(RATES_MS[self._rate])
            self.noted.emit(
                f"flicker with the prior of {over.prior.words}; Alt+[ and Alt+] change the rate, hold Z to see it longer"
            )

    def change_rate(self, by: int) -> None:
        self._rate = min(max(self._rate + by, 0), len(RATES_MS) - 1)
        if self._beat.isActive():
            self._beat.start(RATES_MS[self._rate])
        self.noted.emit(f"flicker: each {RATES_MS[self._rate] / 1000:g} s")

    def difference(self) -> None:
        """Current minus prior over the current film; again: no more."""
        over = self._over
        if over is not None and over.differing:
            self.stop()
            return
        if over is None and (over := self._target()) is None:
            return
        self._beat.stop()
        over.alternating = over.held = False
        self._over, over.differing = over, True
        self._install(over)
        self._show_prior(over, False)
        self._ask(over.view, over.prior)
        self.noted.emit(f"comparing with the film of {over.prior.words} …")

    def toggle_aligning(self) -> None:
        self.aligns = not self.aligns
        self._comparisons.anew()
        self.noted.emit(f"films are {'aligned' if self.aligns else 'not aligned: they lie by mm from their middles'}")
        over = self._over
        if over is not None:
            self._ask(over.view, over.prior)
        elif (pair := self.titles.pair()) is not None:
            self._ask(pair[0], pair[2])

    def stop(self) -> bool:
        """Show the film alone; whether anything lay over it."""
        over, self._over = self._over, None
        self._beat.stop()
        self._comparisons.drop()
        if over is None:
            return False
        if over.companion is not None:
            over.companion.close()
        if isValid(over.view):
            over.view.covered = False
            over.view.washes = [wash for wash in over.view.washes if wash != self._paint]
            over.view.signs = [sign for sign in over.view.signs if sign != self._paint_sign]
            over.view.frameChanged.disconnect(self._frame_changed)
            over.view.update()
        self.titles.say_over(None, "")
        return True

    def forget(self, path: Path) -> None:
        if self._over is not None and path in (self._over.prior.path, _path(self._over.view)):
            self.stop()
        self._comparisons.forget(path)

    def close(self) -> None:
        self.stop()
        self._comparisons.close()

    # what is compared

    def _target(self) -> _Over | None:
        """The film of the active pane and its prior; where the active one is a prior that stands beside, the film it is of."""
        pair = self.titles.pair()
        pane = self._panes.pane
        if pair is not None and pane.view in pair[:2]:
            return _Over(pair[0], pair[2])
        view = pane.view
        found = self._shelf.priors(pane.path) if pane.path is not None else []
        if not isinstance(view, RadiologyView) or view.source is None or not found:
            self.noted.emit(self._why_no_prior(pane))
            return None
        return _Over(view, found[0])

    def _begun(self) -> _Over | None:
        """With the prior at hand, or on its way."""
        over = self._over
        if over is None or not (over.alternating or over.held or self._panes.view is over.view):
            over = self._target()
            if over is not None and self._over is not None and over.view is not self._over.view:
                self.stop()
            over = self._over or over
        if over is None:
            return None
        over.differing, over.layer, self._over = False, None, over
        self._install(over)
        if over.companion is None:
            self._ask(over.view, over.prior)
        return over

    def _why_no_prior(self, pane: Pane) -> str:
        if not isinstance(pane.view, RadiologyView) or pane.path is None:
            return "open a film first"
        known = self._shelf.describes(pane.path)
        if known is None or known.facts is None or not known.facts.patient_key:
            return "no prior: this file does not say whose it is"
        return "no earlier picture of this patient and body part is open: open it too (Ctrl+O)"

    def _ask(self, view: RadiologyView, prior: Prior) -> None:
        """How the two lie, and what is still missing of what is to lie over the film."""
        path, over = _path(view), self._over
        if path is None:
            return
        if over is not None and (path, prior.path) != (_path(over.view), over.prior.path):
            over = None
        source = over is not None and not over.differing and over.companion is None
        self._asked = path, prior.path, view.frame
        self._comparisons.ask(
            path, view.frame, prior.path, self.aligns, source=source, difference=over is not None and over.differing
        )

    def _take(self, how: Laid, source: Source | None, found: Difference | None) -> None:
        over = self._over
        self._lead_by(how)
        if over is None or not isValid(over.view) or not self._answers(over):
            if source is not None:
                source.close()
            self.noted.emit(how.refused or how.how)
            self._ask_again()
            return
        over.how = how
        if source is not None:
            over.companion, over.films = Companion(source, self), None
            over.companion.changed.connect(self._companion_changed)
        self._place(over)
        if found is not None and over.differing:
            over.layer = DifferenceLayer(found, [note for note in (how.how, how.refused) if note])
            over.layer_frame = self._asked[2] if self._asked is not None else over.view.frame
        over.view.update()
        if how.refused or found is not None:
            self.noted.emit(how.refused or f"difference: {how.how}")

    def _answers(self, over: _Over) -> bool:
        """Whether what was asked last is of the two films of `over`."""
        return self._asked is not None and self._asked[:2] == (_path(over.view), over.prior.path)

    def _ask_again(self) -> None:
        """Two other films were asked for meanwhile: what lies over the film is still to come."""
        over = self._over
        if over is not None and isValid(over.view) and (over.layer if over.differing else over.companion) is None:
            self._ask(over.view, over.prior)

    def _lead_by(self, how: Laid) -> None:
        """Linked panes with the two films follow each other by their alignment."""
        pair = self.titles.pair_of_panes()
        if pair is None:
            return
        back = _inverse(how.matrix) if how.alignment is not None and not how.refused else None
        self._linking.align(*pair, how.matrix if back is not None else None, back)
        if back is not None and self._linking.on:
            self._linking.lead()

    def _place(self, over: _Over) -> None:
        """Which slice of the prior, and where it lies."""
        companion, source, how = over.companion, over.view.source, over.how
        if companion is None or source is None or how is None:
            return
        over.films = over.films or (film_of(source), film_of(companion.source))
        film, theirs = over.films
        if film.frames == theirs.frames == 1:
            companion.matrix = how.matrix
        else:
            companion.frame = matching_frame(film, over.view.frame, theirs) or 0
            try:
                companion.matrix = comparison.unaligned(film, over.view.frame, theirs, companion.frame)
            except SourceError as error:
                self._refused(str(error))
                return
        companion.prepare(over.view.camera)

    # over the film

    def _install(self, over: _Over) -> None:
        if self._paint not in over.view.washes:
            over.view.washes.append(self._paint)
            over.view.signs.append(self._paint_sign)
            over.view.frameChanged.connect(self._frame_changed)

    def _swap(self) -> None:
        over = self._over
        if over is None or not isValid(over.view):
            self.stop()
        elif over.companion is not None and over.companion.ready and not over.held:
            self._show_prior(over, not over.prior_seen)

    def _show_prior(self, over: _Over, seen: bool) -> None:
        over.prior_seen = seen
        there = over.companion is not None and over.companion.there
        over.view.covered = seen and there
        self.titles.say_over(over.view if seen and there else None, f"PRIOR  {over.prior.words}")
        over.view.update()

    def _companion_changed(self) -> None:
        """The prior's own title stands over it and nothing else: not before it is there."""
        over = self._over
        if over is None or over.companion is None or not isValid(over.view):
            return
        if over.companion.failed:
            self._refused(f"the prior of {over.prior.words} cannot be shown: {over.companion.failed}")
        else:
            self._show_prior(over, over.prior_seen)

    def _frame_changed(self) -> None:
        over = self._over
        if over is None:
            return
        self._place(over)
        if over.differing:
            self._ask(over.view, over.prior)

    def _paint(self, painter: QPainter) -> None:
        over = self._over
        if over is None:
            return
        if over.layer is not None:
            if over.layer_frame == over.view.frame:
                over.layer.paint(painter, over.view.camera)
        elif over.companion is not None:
            self._dress(over, over.companion)
            over.companion.prepare(over.view.camera)
            if over.prior_seen:
                over.companion.paint(painter, over.view.camera)

    def _dress(self, over: _Over, companion: Companion) -> None:
        """The prior's grey as in the pane beside, where it stands in one, else through the film's window where both are in one
        unit; inverted as the film is."""
        shown = over.view.shown
        views = [pane.view for pane in self._panes.seen if pane.standing == over.prior.path]
        beside = [view for view in views if isinstance(view, RadiologyView)]
        companion.window = beside[0].window_shown if beside else None
        companion.inverted = shown is not None and shown.look.inverted
        if not beside and shown is not None and shown.grayscale is not None and companion.unit:
            window = over.view.window_shown or shown.through
            if windows.unit(shown.grayscale) == companion.unit and isinstance(window, Window):
                companion.window = window

    def _paint_sign(self, painter: QPainter) -> None:
        over = self._over
        if over is not None and over.layer is not None and over.layer_frame == over.view.frame:
            over.layer.paint_legend(painter, over.view.font(), over.view.camera)

    def _view_made(self, pane: Pane) -> None:
        if self._over is not None and not (isValid(self._over.view) and self._over.view.source is not None):
            self.stop()
        if isinstance(pane.view, RadiologyView):
            pane.view.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Z held: the prior is seen; let go: the film again."""
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) or not isinstance(event, QKeyEvent):
            return False
        if event.key() != Qt.Key.Key_Z or event.modifiers() != Qt.KeyboardModifier.NoModifier or event.isAutoRepeat():
            return False
        over = self._begun() if kind == QEvent.Type.KeyPress else self._over
        if over is not None:
            over.held = kind == QEvent.Type.KeyPress
            self._show_prior(over, over.held)
        return True

    def _refused(self, sentence: str) -> None:
        if self._over is not None and self._answers(self._over):
            self.stop()
        self._ask_again()
        self.noted.emit(sentence)


def _path(view: RadiologyView) -> Path | None:
    """What the pane of a view shows; the source's own path is the first file's where a series is several."""
    pane = view.parent()
    while pane is not None and not isinstance(pane, Pane):  # cut in other planes, it stands deeper
        pane = pane.parent()
    return pane.standing if isinstance(pane, Pane) else None


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])
