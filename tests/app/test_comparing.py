"""What may go wrong while a prior lies over a film: it is said, and nothing stands under another picture's name."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pydicom
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.comparing import Comparing
from app.opening import Opener
from tests.app.case_files import chest_pair
from tests.app.conftest import Seat
from tests.app.test_film_marks import drag, laid
from tests.app.test_reading import beside, slices
from viewers.dicom_view import RadiologyView
from viewers.film_marks.film_mark import FilmTool
from viewers.grayscale import Window
from viewers.qimage import to_array


def alone(seat: Seat, current: Path, prior: Path) -> Comparing:
    """The current film in one pane; the prior is open but not seen."""
    seat.act("auto-hang")
    seat.open(current)
    seat.window.open_paths([prior])
    seat.wait(lambda: seat.told(prior))
    seat.window.browser.select(current)
    pane = seat.window.panes.pane
    seat.wait(lambda: pane.path == pane.standing == current and pane.view.settled)
    return seat.window.reading.comparing


def test_a_prior_that_vanished_is_said_and_nothing_waits_for_it(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    comparing = alone(seat, current, prior)
    prior.unlink()
    for what in ("difference", "flicker"):
        seat.act(what)
        seat.wait(lambda: comparing._over is None)
        assert prior.name in seat.window.status.note.text()


def test_the_alignment_switched_while_the_prior_is_on_its_way_does_not_lose_it(seat: Seat, tmp_path: Path) -> None:
    comparing = alone(seat, *chest_pair(tmp_path))
    seat.act("flicker")
    seat.act("align")
    seat.wait(lambda: comparing._over is not None and comparing._over.companion is not None and comparing._over.prior_seen)


def test_the_film_never_bears_the_priors_title(seat: Seat, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    current, prior = chest_pair(tmp_path)
    comparing = alone(seat, current, prior)
    view, gate, source = seat.window.panes.view, threading.Event(), Opener.source

    def slowly(opener: Opener, path: Path) -> object:
        assert gate.wait(60)
        return source(opener, path)

    monkeypatch.setattr(Opener, "source", slowly)
    view.setFocus()
    QTest.keyPress(view, Qt.Key.Key_Z)
    seat.bot.wait(50)
    assert comparing.titles._over is None, "it is the current film that is still seen"
    gate.set()
    seat.wait(lambda: comparing.titles._over is not None)
    assert comparing._over is not None
    assert comparing._over.companion is not None
    assert comparing._over.companion.ready
    QTest.keyRelease(view, Qt.Key.Key_Z)
    assert comparing.titles._over is None


def test_a_difference_lies_over_its_own_slice_alone(seat: Seat, tmp_path: Path) -> None:
    one = slices(tmp_path / "one", 5.0, 8, 17, "1.2.3.4.5")
    left, _ = beside(seat, one, paler(tmp_path / "two"))
    comparing = seat.window.reading.comparing
    left.setFocus()
    seat.act("difference")
    seat.wait(lambda: comparing._over is not None and comparing._over.layer is not None)
    first = to_array(left.grab_view())
    comparing._comparisons.ask = lambda *_, **__: None  # type: ignore[method-assign]  # the next is long on its way
    left.set_frame(left.frame + 1)
    seat.wait(lambda: left.settled)
    later = to_array(left.grab_view())
    middle = np.s_[later.shape[0] // 2 - 20 : later.shape[0] // 2 + 20, later.shape[1] // 2 - 20 : later.shape[1] // 2 + 20]
    assert np.ptp(first[middle].astype(int), axis=-1).max() > 40, "the difference is coloured"
    assert np.ptp(later[middle].astype(int), axis=-1).max() == 0, "the next slice is grey until its own is there"


def test_flicker_works_on_a_stack_that_is_cut_in_other_planes(seat: Seat, tmp_path: Path) -> None:
    one, two = slices(tmp_path / "one", 5.0, 8, 17, "1.2.3.4.5"), slices(tmp_path / "two", 5.0, 8, 3, "1.2.3.4.5")
    left, _ = beside(seat, one, two)
    left.setFocus()
    seat.act("mpr")
    board = seat.window.reformatting.board(seat.window.panes.panes[0])
    assert board is not None
    seat.wait(lambda: board.settled)
    seat.act("flicker")
    comparing = seat.window.reading.comparing
    seat.wait(lambda: comparing._over is not None and comparing._over.prior_seen)
    seat.window.browser.select(one)
    seat.window.close_current()
    assert comparing._over is None


def test_the_prior_is_seen_through_the_window_of_the_film_in_hounsfield_units(seat: Seat, tmp_path: Path) -> None:
    one = slices(tmp_path / "one", 5.0, 8, 17, "1.2.3.4.5", start=100)
    two = slices(tmp_path / "two", 5.0, 8, 3, "1.2.3.4.5", start=100)
    comparing = alone(seat, one, two)
    view = seat.window.panes.view
    assert isinstance(view, RadiologyView)
    view.set_window(Window(120.0, 60.0))
    view.setFocus()
    seat.wait(lambda: view.settled)
    film = to_array(view.grab_view())
    QTest.keyPress(view, Qt.Key.Key_Z)
    seat.wait(lambda: comparing.titles._over is not None)
    seat.bot.wait(200)
    assert comparing._over is not None
    assert comparing._over.companion is not None
    companion = comparing._over.companion
    seat.wait(lambda: companion.ready)
    middle = film.shape[0] // 2, film.shape[1] // 2
    assert (to_array(view.grab_view())[middle] == film[middle]).all(), "the same values, the same grey"
    assert 0 < film[middle][0] < 255


def paler(folder: Path) -> Path:
    """The same slices 150 HU lower."""
    slices(folder, 5.0, 8, 3, "1.2.3.4.5")
    for path in folder.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.RescaleIntercept = -1150
        dataset.save_as(path)
    return folder


def test_marks_and_values_of_the_film_do_not_stand_on_the_prior(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    comparing = alone(seat, current, prior)
    view = laid(seat, current)
    view.set_marking(FilmTool.LENGTH)
    drag(view, (100, 100), (300, 100))
    assert view.drawing.document is not None
    seat.wait(lambda: bool(view.grab_view() and view.marks.labels))
    QTest.keyPress(view, Qt.Key.Key_Z)
    seat.wait(lambda: comparing.titles._over is not None)
    view.marks.labels = ()
    view.grab_view()
    assert view.marks.labels == (), "no millimetres of the current film on the prior"
    assert view.value_at(200, 200) == (None, "")
    view.set_marking(FilmTool.LENGTH)
    drag(view, (100, 200), (300, 200))
    assert len(view.drawing.document.marks) == 1, "nobody measures the film while the prior is seen"
    QTest.keyRelease(view, Qt.Key.Key_Z)
    view.grab_view()
    assert view.marks.labels
    assert view.value_at(200, 200)[0] is not None


def test_inverting_one_linked_stack_leaves_the_window_of_the_other(seat: Seat, tmp_path: Path) -> None:
    one, two = slices(tmp_path / "one", 5.0, 6, 17, "1.2.3.4.5"), slices(tmp_path / "two", 5.0, 6, 3, "1.2.3.4.5")
    left, right = beside(seat, one, two)
    right.set_window(Window(-600.0, 1500.0))
    left.setFocus()
    seat.act("link")
    left.invert()
    assert right.window_shown == Window(-600.0, 1500.0)
    left.set_window(Window(40.0, 80.0))
    assert right.window_shown == Window(40.0, 80.0), "windows go together as before"
