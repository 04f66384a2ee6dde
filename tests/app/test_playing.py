"""Films in the window with a clock that the test holds: true times, dropped frames, the bar, volumes of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.playing import CHOSEN_MS, LATEST_MS, Film, played
from tests.viewers.volumes import Phantom, slope, write_ct
from viewers.sources import open_source


class Clock:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


def cine_file(path: Path, count: int = 8, **more: object) -> Path:
    frames = np.arange(count, dtype=np.uint16)[:, None, None] * np.ones((1, 32, 32), np.uint16)
    return write_ct(path, frames[0], Modality="US", NumberOfFrames=count, PixelData=frames.tobytes(), **more)


def film_of(seat) -> tuple[Film, Clock]:  # type: ignore[no-untyped-def]
    film, clock = seat.window.playing.films[seat.window.panes.active], Clock()
    film._clock = clock
    return film, clock


def at(seat, film: Film, clock: Clock, now: float) -> int:  # type: ignore[no-untyped-def]
    """The frame on the screen after a tick at that time, once it could be read."""
    clock.now = now
    film.tick()
    seat.wait(lambda: film.view.frame_stands)
    return int(film.view.frame)


def test_c_plays_at_the_times_of_the_file_and_stops(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    seat.open(cine_file(tmp_path / "us.dcm", FrameTimeVector=[0, 40, 40, 80, 40, 40, 40, 40]))
    film, clock = film_of(seat)
    QTest.keyClick(film.view, Qt.Key.Key_C)
    film._timer.stop()
    assert film.playing
    shown = [at(seat, film, clock, 5000.0 + step) for step in (0, 39, 41, 81, 159, 161, 201)]
    assert shown == [0, 0, 1, 2, 2, 3, 4]
    assert "frame time vector" in film.bar.rate.text()
    assert film.bar.place.text() == "5 / 8"
    QTest.keyClick(film.view, Qt.Key.Key_C)
    assert not film.playing
    assert at(seat, film, clock, 6000.0) == 4


def test_a_slow_reader_leaves_frames_out(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    seat.open(cine_file(tmp_path / "us.dcm", FrameTime=40))
    film, clock = film_of(seat)
    seat.act("cine")
    film._timer.stop()
    assert at(seat, film, clock, 5041.0) == 1
    stands = {"now": False}
    view = film.view
    film.view = _Late(view, stands)  # type: ignore[assignment]
    clock.now = 5121.0
    film.tick()
    assert view.frame == 1, "it waits for the frame that is being read"
    clock.now = 5041.0 + LATEST_MS - 1
    film.tick()
    assert view.frame == 1
    stands["now"] = True
    clock.now = 5041.0 + 200
    film.tick()
    film._timer.stop()
    assert view.frame == 6, "then it goes on to what is due by the clock"
    film.view = view


class _Late:
    """A pane that has not shown its frame yet."""

    def __init__(self, view: object, stands: dict[str, bool]) -> None:
        self._view, self._stands = view, stands

    @property
    def frame_stands(self) -> bool:
        return self._stands["now"]

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)


def test_the_real_rate_is_told_beside_the_one_that_is_meant(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    seat.open(cine_file(tmp_path / "us.dcm", RecommendedDisplayFrameRate=10))
    film, clock = film_of(seat)
    seat.act("cine")
    film._timer.stop()
    for step in range(8):
        at(seat, film, clock, 5000.0 + 200 * step + 1)
        film.view.repaint()
    clock.now += 500
    film.tick()
    assert film.bar.rate.text().startswith("5 of 10 frames/s, recommended rate")
    film.stop()


def test_the_bar_goes_anywhere_and_a_film_goes_on_from_there(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    seat.open(cine_file(tmp_path / "us.dcm", FrameTime=40))
    film, clock = film_of(seat)
    film.bar.slider.setValue(6)
    assert film.view.frame == 6
    film.view.set_frame(2)
    assert film.bar.slider.value() == 2
    seat.act("cine")
    film._timer.stop()
    film.bar.slider.setValue(5)
    assert at(seat, film, clock, clock.now + 41) == 6
    film.bar.bounce.setChecked(True)
    assert [at(seat, film, clock, clock.now + 40) for _ in range(3)] == [7, 6, 5]
    film.stop()


def test_what_is_played_of_a_series(tmp_path: Path) -> None:
    stack = open_source(Phantom(count=5).write(tmp_path / "one", slope((0, 0, 1))))
    assert played(stack, 2)[:3] == (tuple(range(5)), (CHOSEN_MS,) * 5, "chosen, the file states none")
    for turn in (1, 2, 3):
        folder = Phantom(count=4).write(tmp_path / "ct", slope((0, 0, 1)), seed=turn, TemporalPositionIdentifier=turn)
        for path in folder.glob("0*.dcm"):
            path.rename(folder / f"{turn}-{path.name[1:]}")
    assert played(open_source(tmp_path / "ct"), 6)[0] == (2, 6, 10)


def test_brackets_step_through_the_volumes_at_one_place(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for turn in (1, 2):
        folder = Phantom(count=4).write(tmp_path / "ct", slope((0, 0, 1)), seed=turn, EchoNumbers=turn)
        for path in folder.glob("0*.dcm"):
            path.rename(folder / f"{turn}-{path.name[1:]}")
    seat.open(tmp_path / "ct")
    view = seat.window.panes.view
    view.set_frame(2)
    seat.act("z-up")
    assert view.frame == 6
    seat.act("z-up")
    assert view.frame == 2
    seat.act("z-down")
    assert view.frame == 6


def test_one_frame_has_no_bar_and_no_film(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    told: list[str] = []
    seat.window.playing.noted.connect(told.append)
    seat.open(write_ct(tmp_path / "one.dcm", np.zeros((16, 16), np.uint16)))
    seat.act("cine")
    assert told == ["only pictures of several frames can be played"]
    assert seat.window.playing.films == {}


@pytest.mark.parametrize("count", [1, 2])
def test_another_source_takes_bar_and_film_away(seat, tmp_path: Path, count: int) -> None:  # type: ignore[no-untyped-def]
    one, two = cine_file(tmp_path / "one.dcm", FrameTime=40), cine_file(tmp_path / "two.dcm", count, FrameTime=40)
    seat.open(one, two)
    seat.act("cine")
    film = seat.window.playing.films[0]
    seat.show(two)
    seat.wait(lambda: seat.window.panes.view.source.frames == count)
    assert not film.playing
    assert (0 in seat.window.playing.films) == (count > 1)
