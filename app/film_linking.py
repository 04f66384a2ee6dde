"""Panes with films and stacks that scroll, zoom, pan and change their window together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QInputEvent, QPainter
from shiboken6 import isValid

from app.chain import paint_chain
from app.panes import Pane, Panes
from viewers import film_linking, windows
from viewers.dicom_view import RadiologyView
from viewers.film_linking import Film
from viewers.grayscale import Lut, Window
from viewers.sources import Source, StackedSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS: Mapping[str, str] = {"scroll": "slices", "zoom": "zoom", "pan": "place", "window": "window"}
"""What is linked, each by itself, and its word for the reader."""


class FilmLinking(QObject):
    """While it is on, every film in a pane that is seen belongs to it, also one that is opened later. Holding Shift moves one
    pane alone, and the others keep that distance from then on."""

    noted = Signal(str)

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes
        self.on = False
        self.parts = dict.fromkeys(PARTS, True)
        self._films: dict[int, tuple[Path, Film]] = {}
        self._frames: dict[int, int] = {}
        self._looks: dict[int, tuple[bool, Window | Lut | None]] = {}
        """Whether a pane was inverted and its window, as it last said."""
        self._leading = False
        self._alone = False
        """Shift is held."""
        panes.viewMade.connect(self._view_made)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {f"link-{part}": partial(self.toggle, part) for part in PARTS}

    def offer(self, actions: Mapping[str, QAction]) -> None:
        """Show in menus what is linked."""
        for part, on in self.parts.items():
            actions[f"link-{part}"].setCheckable(True)
            actions[f"link-{part}"].setChecked(on)

    def toggle(self, part: str) -> None:
        self.parts[part] = not self.parts[part]
        self.noted.emit(self.words())

    def link(self) -> bool:
        """All films that are seen; the active one leads. Whether there are two."""
        members = self.members()
        if len(members) < 2:
            return False
        self.on = True
        for pane in members:
            self._sign(pane, True)
        self.lead()
        self.noted.emit(self.words())
        return True

    def unlink(self) -> bool:
        """Let each go its own way, and forget what the reader moved one by itself; whether any was linked."""
        there, self.on = self.on, False
        self._films.clear()
        for pane in self._panes.panes:
            self._sign(pane, False)
        return there

    def lead(self) -> None:
        """The others follow the active pane, or the first where that shows no film."""
        members = self.members()
        leader = next((pane for pane in members if pane.number == self._panes.active), members[0] if members else None)
        if leader is not None:
            self._moved(leader)

    def members(self) -> list[Pane]:
        return [pane for pane in self._panes.seen if _film_in(pane) is not None]

    def film(self, pane: Pane) -> Film | None:
        """What a pane shows, with the offsets the reader gave it; None where it shows no film."""
        view = _film_in(pane)
        if view is None or view.source is None or pane.standing is None:
            return None
        known = self._films.get(pane.number)
        if known is None or known[0] != pane.standing:
            self._films[pane.number] = known = pane.standing, film_of(view.source)
            self._frames[pane.number] = view.frame
        return known[1]

    def align(self, one: Pane, other: Pane, matrix: NDArray[np.float64] | None, back: NDArray[np.float64] | None) -> None:
        """From now on places of these two go by affine maps (2, 3) there and back; None: as before."""
        for pane, to, the in ((one, other, matrix), (other, one, back)):
            film = self.film(pane)
            if film is not None and the is not None:
                film.aligned[to.number] = the
            elif film is not None:
                film.aligned.pop(to.number, None)

    def words(self) -> str:
        """What is linked and how, in one line."""
        members = self.members()
        films = [film for pane in members if (film := self.film(pane)) is not None]
        stacked = max((film.frames for film in films), default=1) > 1
        linked = [word for part, word in PARTS.items() if self.parts[part] and (stacked or part != "scroll")]
        if not self.on or len(members) < 2 or not linked:
            return "the panes are not linked" if not self.on else "nothing is linked: switch on slices, zoom, place or window"
        how = {film_linking.relation(films[0], film) for film in films[1:]}
        by = "mm from the middle" if all(film.spacing is not None for film in films) else "share of the picture"
        by = "place in the patient" if how == {"position"} else by
        shared = ", slices by share; hold Shift to shift one" if stacked and how != {"position"} else ""
        return f"{len(members)} panes linked: {', '.join(linked)}, by {by}{shared}"

    def _view_made(self, pane: Pane) -> None:
        view = pane.view
        self._films.pop(pane.number, None)
        self._looks.pop(pane.number, None)
        for _, film in self._films.values():
            film.aligned.pop(pane.number, None)
        if not isinstance(view, RadiologyView):
            return
        view.installEventFilter(self)
        view.viewChanged.connect(partial(self._moved, pane))
        view.windowChanged.connect(partial(self._window_set, pane))
        if self.on:
            self._sign(pane, True)
            others = [one for one in self.members() if one is not pane]
            if others:
                self._moved(others[0])

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QInputEvent):
            self._alone = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return False

    def _moved(self, pane: Pane) -> None:
        """The others follow; what they then say of themselves leads nobody."""
        view, film = _film_in(pane), self.film(pane)
        if not self.on or self._leading or view is None or film is None or pane not in self.members():
            return
        self._leading = True
        try:
            scrolled, self._frames[pane.number] = self._frames.get(pane.number, 0) != view.frame, view.frame
            others = [one for one in self.members() if one is not pane]
            if self._alone and others:
                self._keep(others[0], pane, scrolled)
                return
            for other in others:
                self._follow(view, film, other)
        finally:
            self._leading = False

    def _follow(self, view: RadiologyView, film: Film, other: Pane) -> None:
        theirs, own = _film_in(other), self.film(other)
        if theirs is None or own is None:
            return
        if self.parts["scroll"]:
            frame = film_linking.matching_frame(film, view.frame, own)
            if frame is not None:
                theirs.set_frame(frame)
                self._frames[other.number] = theirs.frame
        pan, zoom = self.parts["pan"], self.parts["zoom"]
        if (pan or zoom) and film_linking.follow(
            film, view.frame, view.camera, own, theirs.frame, theirs.camera, pan=pan, zoom=zoom, number=other.number
        ):
            theirs.moved_along()

    def _keep(self, reference: Pane, pane: Pane, scrolled: bool) -> None:
        """`pane` was moved alone: what it and `reference` show now belongs together."""
        view, other, film, theirs = _film_in(pane), _film_in(reference), self.film(pane), self.film(reference)
        if view is None or other is None or film is None or theirs is None:
            return
        if scrolled:
            film_linking.keep_depth(theirs, other.frame, film, view.frame)
        film_linking.keep_place(theirs, other.frame, other.camera, film, view.frame, view.camera, pane.number)

    def _window_set(self, pane: Pane, window: Window | Lut | None) -> None:
        view = _film_in(pane)
        if view is None:
            return
        before, now = self._looks.get(pane.number, (False, None)), (view.inverted, window)
        self._looks[pane.number] = now
        inverted_alone = before[0] != now[0] and before[1] == now[1]
        if not self.on or self._leading or not self.parts["window"] or isinstance(window, Lut) or inverted_alone:
            return
        self._leading = True
        try:
            for other in self.members():
                theirs = _film_in(other)
                if other is not pane and theirs is not None and (fits := _matched(view, theirs, window)) is not None:
                    theirs.set_window(fits[0])
        finally:
            self._leading = False

    def _sign(self, pane: Pane, on: bool) -> None:
        view = pane.view
        view.signs = [sign for sign in view.signs if not isinstance(sign, _Sign)]
        if on and isinstance(view, RadiologyView):
            view.signs.append(_Sign(self, pane))
        view.update()


class _Sign:
    """The chain, while the pane is linked."""

    def __init__(self, linking: FilmLinking, pane: Pane) -> None:
        self._linking, self._pane = linking, pane

    def __call__(self, painter: QPainter) -> None:
        if self._linking.on and len(self._linking.members()) > 1:
            paint_chain(self._pane.view, painter)


def film_of(source: Source) -> Film:
    facts = source.facts
    planes = (
        [source.plane(frame) for frame in range(source.frames)] if isinstance(source, StackedSource) else [None] * source.frames
    )
    edges = (facts.right_edge, facts.bottom_edge) if facts is not None else ("", "")
    side = facts.laterality if facts is not None and facts.laterality in ("L", "R") else ""
    return Film(source.size, source.spacing, planes, edges, side)


def _film_in(pane: Pane) -> RadiologyView | None:
    view = pane.view
    return view if isinstance(view, RadiologyView) and isValid(view) and view.source is not None else None


def _matched(view: RadiologyView, other: RadiologyView, window: Window | None) -> tuple[Window | None] | None:
    """The window for `other`, in a tuple; None where the two have no grey in common."""
    one, two = view.shown, other.shown
    if view.source is None or other.source is None or view.source.modality != other.source.modality:
        return None
    if one is None or two is None or one.grayscale is None or two.grayscale is None:
        return None
    units = windows.unit(one.grayscale), windows.unit(two.grayscale)
    usual = [windows.as_window(None, shown.grayscale, shown.bounds) for shown in (one, two) if shown.grayscale is not None]
    return (film_linking.matching_window(window, usual[0], usual[1], bool(units[0]) and units[0] == units[1]),)
