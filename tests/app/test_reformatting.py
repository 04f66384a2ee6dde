"""A series cut in other planes in the window: V and back, progress and stop, refusals, and nothing left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.viewers.volumes import Phantom, ball, slope, write_ct
from viewers.mpr import Plane
from viewers.sources import GrayscaleSource

AT = np.array([14.0, -27.0, 58.0])


def names() -> list[str]:
    return [one.name for one in threading.enumerate()]


def test_v_cuts_the_series_and_brings_the_stack_back(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = Phantom().write(tmp_path / "ct", ball(AT))
    seat.open(path)
    pane, view = seat.window.panes.pane, seat.window.panes.view
    signs = list(view.signs)
    QTest.keyClick(view, Qt.Key.Key_V)
    board = seat.window.reformatting.board(pane)
    assert board.stack is view
    seat.wait(lambda: board.settled)
    assert view.isVisible()
    assert pane.view is view
    board.aim(AT)
    seat.wait(lambda: board.settled)
    there = view.frame
    coronal = board.views[Plane.CORONAL]
    QTest.mouseMove(coronal, coronal.rect().center())
    QTest.mouseMove(coronal, coronal.rect().center() + (coronal.rect().bottomRight() - coronal.rect().center()) / 8)
    assert "mm" in seat.window.status.pointer.text()
    scale = coronal.camera.scale
    coronal.setFocus()
    seat.act("zoom-in")
    assert coronal.camera.scale > scale
    seat.act("slab")
    seat.act("slab-thicker")
    assert (str(board.slab), board.thickness_mm) == ("MIP", 15.0)
    seat.act("mpr")
    assert seat.window.reformatting.board(pane) is None
    assert (pane.view, view.frame) == (view, there)
    seat.wait(lambda: view.settled and "hilum-planes-0" not in names())
    assert view.signs == signs


def test_reading_can_be_stopped_and_the_stack_stays_usable(seat, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    seat.open(Phantom(count=12).write(tmp_path / "ct", slope((0, 0, 1))))
    pane, view = seat.window.panes.pane, seat.window.panes.view
    source = view.source
    assert isinstance(source, GrayscaleSource)
    gate, stored = threading.Event(), source.stored

    def slowly(frame: int = 0) -> object:
        if threading.current_thread().name.startswith("hilum-volume"):
            gate.wait(0.3)
        return stored(frame)

    source.stored = slowly  # type: ignore[method-assign, assignment]
    seat.act("mpr")
    strip = seat.window.reformatting._cuts[pane].strip
    seat.wait(lambda: "of 12 slices" in strip.word.text())
    view.set_frame(5)
    seat.wait(lambda: view.settled)
    assert view.frame == 5
    seat.act("cancel")
    assert seat.window.reformatting.board(pane) is None
    gate.set()
    seat.wait(lambda: "hilum-volume-0" not in names())
    assert pane.view is view


def test_what_makes_no_volume_is_refused_with_the_reason(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    told: list[str] = []
    seat.window.reformatting.noted.connect(told.append)
    pair = Phantom(count=2).write(tmp_path / "pair", slope((0, 0, 1)))
    seat.open(pair)
    seat.act("mpr")
    assert "at least 3" in told[-1]
    frames = np.arange(5, dtype=np.uint16)[:, None, None] * np.ones((1, 16, 16), np.uint16)
    cine = write_ct(tmp_path / "us.dcm", frames[0], Modality="US", NumberOfFrames=5, PixelData=frames.tobytes())
    seat.open(cine)
    seat.act("mpr")
    assert "state no position" in told[-1]
    assert seat.window.reformatting.board(seat.window.panes.pane) is None


def test_another_source_in_the_pane_ends_the_planes(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = Phantom().write(tmp_path / "one", ball(AT))
    two = Phantom(count=6).write(tmp_path / "two", ball(AT), series="1.2.3.7.2")
    seat.open(one, two)
    seat.act("mpr")
    board = seat.window.reformatting.board(seat.window.panes.pane)
    seat.wait(lambda: board.settled)
    seat.show(two)
    seat.wait(lambda: seat.window.panes.view.source.frames == 6)
    assert seat.window.reformatting.board(seat.window.panes.pane) is None
    seat.act("mpr")
    seat.window.close_current()
    assert seat.window.reformatting.board(seat.window.panes.pane) is None


def test_scrolling_into_another_volume_of_the_series_cuts_that_one(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for turn in (1, 2):
        folder = Phantom(count=5).write(
            tmp_path / "ct", slope((0, 0, 0), 100.0 * turn), seed=turn, TemporalPositionIdentifier=turn
        )
        for path in folder.glob("0*.dcm"):
            path.rename(folder / f"{turn}-{path.name[1:]}")
    seat.open(tmp_path / "ct")
    seat.act("mpr")
    board = seat.window.reformatting.board(seat.window.panes.pane)
    seat.wait(lambda: board.settled)
    assert board.volume.stack.label == "temporal position 1"
    board.stack.set_frame(7)
    seat.wait(lambda: board.volume is not None and board.volume.stack.label == "temporal position 2" and board.settled)
    assert board.volume.value_at(board.crosshair.place) == (200.0, "HU")
    assert board.stack.frame == 7
