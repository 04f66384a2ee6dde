"""Panes of slides drawn by the processor or by the graphics card, as measured once the window stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from app import painting
from app.lane import Lane
from app.panes import Pane, Panes
from viewers.slide_view import SlideView

NO_SCREEN = ("offscreen", "minimal")
Way = Literal["auto", "raster", "opengl"]


class Viewports(QObject):
    """`way` "auto" measures; the others are the reader's own choice. Slides alone: their panes are full of tiles."""

    decided = Signal(bool, str)
    """Whether the card draws, and a sentence that says why."""
    _measured = Signal(object)

    def __init__(self, panes: Panes, way: Way, measure: Callable[[], Mapping[str, Any]] = painting.measured) -> None:
        super().__init__(panes)
        self._panes, self._way, self._measure = panes, way, measure
        self._lane = Lane("hilum-painting")
        self._card = False
        self._measured.connect(self._take)
        panes.viewMade.connect(self._view_made)

    def decide(self) -> None:
        """Returns at once; `decided` says what came of it."""
        if self._way != "auto":
            self._use(self._way == "opengl", "as chosen in the settings")
        elif QGuiApplication.platformName() not in NO_SCREEN:
            self._lane.submit(self._look)

    def close(self) -> None:
        self._lane.close(0.5)

    def _look(self) -> None:
        found = self._measure()
        with contextlib.suppress(RuntimeError):  # the window was closed meanwhile
            self._measured.emit(found)

    def _take(self, found: Mapping[str, Any]) -> None:
        self._use(painting.card_is_faster(found), painting.sentence(found))

    def _use(self, card: bool, sentence: str) -> None:
        self._card = card
        for pane in self._panes.panes:
            self._view_made(pane)
        self.decided.emit(card, sentence)

    def _view_made(self, pane: Pane) -> None:
        if self._card and isinstance(pane.view, SlideView):
            pane.view.draw_by_card()
            pane.view.update()
