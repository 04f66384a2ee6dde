"""Screening with one key, in the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.app.conftest import Seat
from tests.viewers import aperio


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return aperio.write_svs(tmp_path / "slide.svs")


def test_n_leads_over_all_tissue_and_then_says_so(seat: Seat, slide: Path) -> None:
    seat.open(slide)
    covering, view = seat.window.looking.covering, seat.window.panes.view
    covering._timer.stop()
    view.setFocus()
    view.zoom_to(1.0)
    view.centre_on(0, 0)
    QTest.keyClick(view, Qt.Key.Key_N)
    seat.wait(lambda: view.settled and (view.camera.x, view.camera.y) != (0, 0))
    coverage, now = covering.of(slide), 0.0
    assert coverage is not None
    assert coverage.tissue is not None
    visited = 0
    while "All tissue was seen at 20×" not in seat.window.status.note.text():
        covering.look(now)
        covering.look(now + 0.3)
        now, visited = now + 10, visited + 1
        seat.act("next-field")
        seat.wait(lambda: view.settled)
        assert visited < 20
    assert coverage.seen(1.0)[coverage.tissue].all()
    assert visited >= 2
    place = view.camera.x, view.camera.y
    seat.act("previous-field")
    assert (view.camera.x, view.camera.y) == place


def test_a_picture_has_no_fields(seat: Seat) -> None:
    seat.act("next-field")
    assert "open one first" in seat.window.status.note.text()
