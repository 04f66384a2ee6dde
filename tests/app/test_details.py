"""Details tells what a source says of itself, before anything was asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openslide
from PySide6.QtWidgets import QLabel

from inference.demo.chest import Chest
from tests.app.conftest import Seat

Film = Callable[[int], tuple[Path, Chest]]


def told(seat: Seat) -> list[str]:
    return [one.text() for one in seat.window.side.details.findChildren(QLabel) if one.isVisible()]


def test_the_notes_of_a_real_slide_stand_under_its_facts_before_any_answer(seat: Seat, film: Film, shared: Path) -> None:
    path = shared / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    with openslide.OpenSlide(path) as slide:
        assert "openslide.mpp-x" not in slide.properties
        width, height = slide.dimensions
    seat.open(path)
    seat.window.side.front(seat.window.side.details)
    seat.wait(lambda: "Source" in told(seat), 20)
    lines = told(seat)
    assert lines[lines.index("Size") + 1].replace("\u00a0", "") == f"{width} × {height} px"
    assert lines.index("Notes on this source") > lines.index("Source")
    assert any("states no size of a pixel" in line for line in lines[lines.index("Notes on this source") :])
    assert seat.window.asking.session.findings(path).last is None

    other, _ = film(1_600_000)
    seat.open(other)
    seat.wait(lambda: str(other) in told(seat), 20)
    assert "Notes on this source" not in told(seat), "they are another picture's"


def test_a_file_that_cannot_be_read_shows_no_facts_of_the_one_before(seat: Seat, film: Film, tmp_path: Path) -> None:
    good, _ = film(1_600_000)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    seat.open(good)
    seat.window.side.front(seat.window.side.details)
    seat.wait(lambda: str(good) in told(seat), 20)
    seat.window.open_paths([bad])
    seat.wait(lambda: bool(seat.problem(bad)))
    seat.window.browser.select(bad)
    seat.wait(lambda: seat.window.panes.view.source is None, 20)
    seat.bot.wait(50)
    assert "Source" not in told(seat)
