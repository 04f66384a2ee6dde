"""Frames as a film: play and stop in every pane with more than one, the bar to go anywhere, and the volumes of a series."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QPainter

from app.panels.frame_bar import SPEEDS, FrameBar
from app.panes import Pane, Panes
from viewers.cine import Cine, RateSeen
from viewers.dicom_view import RadiologyView
from viewers.sources import Source, StackedSource
from viewers.sources.stacks import same_place, stack_of

CHOSEN_MS = 100.0
"""A frame of a file that states no time."""
LATEST_MS = 250.0
"""So long a film waits for a frame that is being read before it goes on to what is due."""
_SOON_MS = 5.0
_TELL_MS = 400.0


def milliseconds() -> float:
    return time.monotonic() * 1000.0


class Film(QObject):
    """One pane's frames and its bar; plays with a clock that may be another in tests."""

    def __init__(self, view: RadiologyView, source: Source, clock: Callable[[], float] = milliseconds) -> None:
        super().__init__(view)
        self.view, self.bar = view, FrameBar(source.frames)
        self.cine: Cine | None = None
        self._source, self._clock = source, clock
        self._stated_by = ""
        self._seen, self._last_seen = RateSeen(), -1
        self._asked_ms = self._told_ms = 0.0
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self.bar.frameWanted.connect(self._pulled)
        self.bar.playWanted.connect(self.toggle)
        self.bar.bounceWanted.connect(self._bounce)
        self.bar.speedWanted.connect(self._speed)
        view.frameChanged.connect(self.bar.show_frame)
        view.signs.append(self._see)

    @property
    def playing(self) -> bool:
        return self.cine is not None

    def toggle(self) -> None:
        if self.playing:
            self.stop()
            return
        frames, shown_ms, self._stated_by, sweeping = played(self._source, self.view.frame)
        self.cine = Cine(frames, shown_ms, sweeping)
        self._seen, self._last_seen = RateSeen(), -1
        self.bar.bounce.setChecked(sweeping)
        self._speed(SPEEDS[self.bar.speed.currentText()])
        now = self._clock()
        self.cine.start(self.view.frame, now)
        self._asked_ms = self._told_ms = now
        self._tell()
        self._timer.start(round(self.cine.wait_ms(now)))

    def stop(self) -> None:
        self._timer.stop()
        self.cine = None
        self.bar.show_playing(False)

    def tick(self) -> None:
        """Show what is due; a frame that was asked for may come first, so that a slow reader leaves frames out and shows some."""
        if self.cine is None:
            return
        now = self._clock()
        if not self.view.frame_stands and now - self._asked_ms < LATEST_MS:
            self._timer.start(round(_SOON_MS))
            return
        due = self.cine.due(now)
        if due != self.view.frame:
            self._asked_ms = now
            self.view.set_frame(due)
        if now - self._told_ms > _TELL_MS:
            self._told_ms = now
            self._tell()
        self._timer.start(max(1, round(self.cine.wait_ms(now))))

    def _pulled(self, frame: int) -> None:
        """The bar leads: a film that plays goes on from there."""
        self.view.set_frame(frame)
        if self.cine is not None:
            if frame not in self.cine.frames:
                self.stop()
                self.toggle()
            else:
                self.cine.start(frame, self._clock())

    def _bounce(self, wanted: bool) -> None:
        if self.cine is not None:
            self.cine.set_bounce(wanted, self._clock())

    def _speed(self, speed: float) -> None:
        if self.cine is not None:
            self.cine.set_speed(speed, self._clock())
            self._tell()

    def _see(self, _: QPainter) -> None:
        """Called when the pane is painted: whether another frame came onto the screen."""
        if self.cine is not None and self.view.frame_stands and self.view.frame != self._last_seen:
            self._last_seen = self.view.frame
            self._seen.saw(self._clock())

    def _tell(self) -> None:
        if self.cine is None:
            return
        seen = self._seen.rate()
        meant = f"{self.cine.rate:.3g} frames/s, {self._stated_by}"
        self.bar.show_playing(True, f"{seen:.3g} of {meant}" if seen is not None else meant)


def played(source: Source, frame: int) -> tuple[tuple[int, ...], tuple[float, ...], str, bool]:
    """Which frames a film from `frame` on shows, for how long each, who says so, and whether back and forth.

    All frames of a file that states their times; else those at the same place in the volumes of the series, where there are
    several; else the stack.
    """
    times = source.frame_times if isinstance(source, StackedSource) else None
    if times is not None:
        return tuple(range(source.frames)), times.shown_ms, times.stated_by, times.sweeping
    frames = tuple(range(source.frames))
    if isinstance(source, StackedSource):
        stack = stack_of(source.stacks, frame)
        same = same_place(source.stacks, frame)
        frames = same if len(same) > 1 else tuple(stack.frames) if stack.count > 1 else frames
    return frames, (CHOSEN_MS,) * len(frames), "chosen, the file states none", False


class Playing(QObject):
    noted = Signal(str)

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes
        self.films: dict[int, Film] = {}
        """By the number of the pane."""
        panes.viewMade.connect(self._view_made)
        panes.viewLeaving.connect(self._leaving)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"cine": self.toggle, "cine-all": self.toggle_all}

    def over(self, work: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
        """Where a slide has planes in z, a series has volumes at the same place."""
        return work | {id: partial(self._step, by, work[id]) for id, by in (("z-up", 1), ("z-down", -1))}

    def toggle(self) -> None:
        film = self.films.get(self._panes.active)
        if film is None:
            self.noted.emit("only pictures of several frames can be played")
        else:
            film.toggle()

    def toggle_all(self) -> None:
        """Every pane that is seen: all play, or all stop where one plays."""
        films = [film for number, film in self.films.items() if number < self._panes.count]
        playing = any(film.playing for film in films)
        for film in films:
            if film.playing == playing:
                film.toggle()

    def close(self) -> None:
        for film in self.films.values():
            film.stop()

    def _step(self, by: int, otherwise: Callable[[], object]) -> None:
        view = self._panes.view
        source = view.source
        if not isinstance(view, RadiologyView) or not isinstance(source, StackedSource) or len(source.stacks) < 2:
            otherwise()
            return
        same = same_place(source.stacks, view.frame)
        view.set_frame(same[(same.index(view.frame) + by) % len(same)])

    def _view_made(self, pane: Pane) -> None:
        view = pane.view
        if not isinstance(view, RadiologyView) or view.source is None or view.source.frames < 2:
            return
        film = Film(view, view.source)
        self.films[pane.number] = film
        pane.set_foot(film.bar)

    def _leaving(self, pane: Pane) -> None:
        film = self.films.pop(pane.number, None)
        if film is not None:
            film.stop()
            pane.set_foot(None)
