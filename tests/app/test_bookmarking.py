"""Keeping a place and coming back, in the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.app.conftest import Seat
from tests.viewers import aperio
from viewers.bookmarks import Bookmarks


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return aperio.write_svs(tmp_path / "slide.svs")


def test_a_place_is_kept_named_and_found_again(seat: Seat, slide: Path) -> None:
    kept: list[object] = []
    marking = seat.window.looking.bookmarking
    marking.keep = lambda path, value: kept.append((path, value))
    seat.open(slide)
    view = seat.window.panes.view
    view.zoom_to(0.8)
    view.centre_on(700, 900)
    seat.act("bookmark")
    assert len(kept) == 1, "kept before it has a name"
    assert marking.dialog is not None
    marking.dialog.setTextValue("mitosis")
    marking.dialog.accept()
    assert [one.name for one in marking.of(slide)] == ["mitosis"]
    view.fit()
    seat.act("bookmark")
    marking.dialog.reject()
    assert [one.name for one in marking.of(slide)] == ["mitosis", "Bookmark 1"]

    seat.act("next-bookmark")
    assert (view.camera.x, view.camera.y, view.camera.device_scale) == (700, 900, pytest.approx(0.8))
    assert "mitosis" in seat.window.status.note.text()
    seat.act("previous-bookmark")
    assert view.camera.device_scale < 0.8
    path, value = kept[-1]  # type: ignore[misc]
    assert path == slide
    again = Bookmarks()
    again.take(value)
    assert list(again) == list(marking.of(slide))


def test_the_list_goes_renames_and_removes(seat: Seat, slide: Path) -> None:
    marking = seat.window.looking.bookmarking
    seat.open(slide)
    entry = {"name": "one", "x": 500.0, "y": 600.0, "scale": 1.0, "angle": 90.0}
    marking.put_back(slide, [entry, {**entry, "name": "two", "x": 900.0}])
    seat.act("bookmarks")
    assert marking.list is not None
    rows = marking.list.list
    assert [rows.item(row).text() for row in range(rows.count())] == ["one", "two"]
    assert "20× at 500, 600, turned 90°" in rows.item(0).toolTip()
    rows.item(1).setText("three")
    assert marking.of(slide)[1].name == "three"
    rows.setCurrentRow(0)
    QTest.keyClick(rows, Qt.Key.Key_Delete)
    assert [one.name for one in marking.of(slide)] == ["three"]
    QTest.keyClick(rows, Qt.Key.Key_Return)
    assert (seat.window.panes.view.camera.x, seat.window.panes.view.camera.angle) == (900, 90)


def test_what_was_made_before_the_kept_ones_were_read_stays(seat: Seat, slide: Path) -> None:
    marking = seat.window.looking.bookmarking
    seat.open(slide)
    seat.act("bookmark")
    assert marking.dialog is not None
    marking.dialog.accept()
    kept: list[object] = []
    marking.keep = lambda _path, value: kept.append(value)
    marking.put_back(slide, [{"name": "older", "x": 1.0, "y": 2.0, "scale": 1.0, "angle": 0.0}])
    assert [one.name for one in marking.of(slide)] == ["older", "Bookmark 1"]
    assert [one["name"] for one in kept[-1]] == ["older", "Bookmark 1"]  # type: ignore[attr-defined]


def test_without_a_slide_it_says_so(seat: Seat) -> None:
    seat.act("bookmark")
    assert "open one first" in seat.window.status.note.text()
