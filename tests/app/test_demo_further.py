"""The demonstration's own drafter in the window, on a photograph, a laboratory page and an ultrasound film of known truth."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import ready
from app.demo_dicom import Study, write_cine
from inference.answers import Draft
from inference.demo import pages, photos
from inference.demo.further_reports import MARKED
from inference.demo.heart import Heart, draw_film
from tests.app.conftest import Seat


def asked(seat: Seat, path: Path, text: str, *, whole: bool = False) -> str:
    """What is answered in the window."""
    if whole:
        seat.window.side.ask.question.setText(text)
        seat.ask("question-whole")
    else:
        seat.window.asking.question(text)
        seat.wait(seat.idle)
    _, result = seat.window.asking.session.findings(path).conversation[-1]
    assert isinstance(result.answer, Draft)
    return result.answer.text


def drafted(seat: Seat, path: Path, action: str = "draft") -> str:
    seat.ask(action)
    draft = seat.window.asking.session.findings(path).draft
    assert draft is not None
    assert isinstance(draft.answer, Draft)
    return draft.answer.text


@pytest.mark.parametrize(("mark", "words"), [("uneven spot", "Pigmented spot, uneven"), ("red patch", "Red patch")])
def test_a_photograph_of_skin_is_described(seat: Seat, tmp_path: Path, mark: photos.Mark, words: str) -> None:
    path = tmp_path / "skin.png"
    Image.fromarray(photos.draw_photo(photos.Skin(mark), 1_410_002, 960)).save(path)
    seat.open(path)
    assert words in drafted(seat, path)
    offered = next(one.text for one in ready.for_kind("photo") if one.id == "skin")
    likely = "eczema" if mark == "red patch" else "melanoma"
    assert asked(seat, path, offered) == f"{MARKED[mark]} The most likely diagnosis is: {likely}"
    assert asked(seat, path, "Is there a rash?").startswith("Yes" if mark == "red patch" else "No")


def test_a_page_is_read_into_a_table(seat: Seat, tmp_path: Path) -> None:
    """Every cell as it was printed; where a value lies is found by our own arithmetic."""
    rows = (
        ("Hb", "9.4", "g/dL", "12.0-16.0", "L"), ("Na", "141", "mmol/L", "135-145", ""), ("K", "5.8", "mmol/L", "3.5-5.1", "H"),
    )  # fmt: skip
    path = tmp_path / "slip.png"
    Image.fromarray(pages.draw_slip(rows, 1_410_003).pixels).save(path)
    seat.open(path)
    seat.act("table")
    panel = seat.window.side.table
    seat.wait(lambda: panel.table.rowCount() > 0)
    assert [astuple(line.row) for line in panel.sheet.lines] == list(rows)
    assert panel.summary.text() == "3 rows: 1 below, 1 above, 1 within"


@pytest.mark.parametrize("heart", [Heart(0.62), Heart(0.24, fluid=True)])
def test_a_film_of_a_heart_is_described(seat: Seat, tmp_path: Path, heart: Heart) -> None:
    path = tmp_path / "heart.dcm"
    film = draw_film(heart, 1_410_004, np.linspace(0, 1, 48), 480, 640)
    write_cine(path, film.frames, 33.3, Study("heart", 4, "20240702", description="Heart, phantom"))
    seat.open(path)
    text = drafted(seat, path, "draft-whole")
    assert f"contracts {'weakly' if heart.weak else 'normally'}" in text, text
    assert ("No pericardial effusion" in text) == (not heart.fluid), text
    draft = seat.window.asking.session.findings(path).draft
    assert draft is not None
    assert [one.caption for one in draft.pictures][-1] == "FRAME 48, 1.57 s"
    said = asked(seat, path, "Is there a pericardial effusion?", whole=True)
    assert said.startswith("Yes" if heart.fluid else "No")
