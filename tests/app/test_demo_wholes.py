"""The demonstration's own drafter in the window, on a whole scan and a whole slide whose findings are known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app import guards
from app.demo_dicom import Study, write_slices
from app.demo_slide import write_slide
from app.known import Known
from app.panels.frame_links import FrameLinks
from inference.answers import Draft
from inference.demo import whole_reports
from inference.demo.slide import CLASSES, SlidePhantom
from inference.demo.torso import SPACING, Case, Slices, draw_slices
from inference.demo.wholes import MOST
from inference.preprocess import ct
from inference.questions import FreeQuestion, Picture
from tests.app.conftest import Seat

SLICES = 40


def scan(folder: Path, seed: int, case: Case) -> Slices:
    drawn = draw_slices(seed, case, (np.arange(SLICES) + 0.5) / SLICES, SLICES)
    write_slices(folder, drawn.values, SPACING, Study("scan", 2, "20240611", description="Phantom"))
    return drawn


@pytest.mark.parametrize(
    ("seed", "case"),
    [(1_310_001, Case(lesion=True)), (1_310_002, Case(lesion=False, fluid=("right",)))],
)
def test_a_whole_scan_is_described(seat: Seat, tmp_path: Path, seed: int, case: Case) -> None:
    """Side by the patient's, and the slice by the masks."""
    drawn = scan(tmp_path / "scan", seed, case)
    seat.open(tmp_path / "scan")
    seat.ask("draft-whole")
    draft = seat.window.asking.session.findings(tmp_path / "scan").draft
    assert draft is not None
    assert isinstance(draft.answer, Draft)
    found = whole_reports.read_scan(draft.answer.text)
    assert set(found) == set(drawn.masks), draft.answer.text
    for name, number in found.items():
        if name[0] != "fluid":  # of which many slices show as much
            areas = drawn.masks[name].sum((1, 2))[ct.choose(SLICES, MOST)]
            assert abs(number - 1 - int(areas.argmax())) <= 1
            report = seat.window.side.report
            line = next(one for one in report.sentences.rows.values() if one.sentence.images)
            ((said, frame),) = line.sentence.images
            assert said == f"slice {number}"
            line.findChild(FrameLinks).wanted.emit(frame)
            assert drawn.masks[name][seat.window.panes.view.frame].any()
    assert len(draft.pictures) == MOST
    assert "SLICE 12" in draft.answer.receipt.prompt
    for words, wanted in (("liver lesion", case.lesion), ("pleural effusion", bool(case.fluid))):
        seat.window.side.ask.question.setText(f"Is there a {words}?")
        seat.ask("question-whole")
        _, result = seat.window.asking.session.findings(tmp_path / "scan").conversation[-1]
        assert isinstance(result.answer, Draft)
        assert result.answer.text.startswith("Yes" if wanted else "No"), result.answer.text


def test_a_whole_slide_is_described(seat: Seat, tmp_path: Path) -> None:
    """Fields chosen by the encoder; what is said to be there is there, by the map that the slide was painted from."""
    phantom = SlidePhantom(1_210_007, 9216, 9216)
    path = tmp_path / "slide.tif"
    write_slide(path, phantom)
    seat.open(path)
    seat.act("fields")
    state = seat.window.fielding.of(path)
    seat.wait(lambda: state.fields is not None)
    assert state.fields is not None
    assert 1 <= len(state.fields.places) <= MOST
    shares = [phantom.share(8, one.x // 8, one.y // 8, one.width // 8, one.height // 8) for one in state.fields.places]
    there = {name for number, name in enumerate(CLASSES) if any(one[number] >= 0.08 for one in shares)}
    seat.ask("draft-whole")
    draft = seat.window.asking.session.findings(path).draft
    assert draft is not None
    assert isinstance(draft.answer, Draft)
    text = draft.answer.text.split("Impression:")[0]
    assert ("No tumour" not in text) == ("tumour" in there), text
    assert ("No lymphocytes" not in text) == ("lymphocytes" in there), text
    assert re.search(r"(few|many|most) fields", text)
    seat.window.side.ask.question.setText("Is there a tumour?")
    seat.ask("question-whole")
    _, result = seat.window.asking.session.findings(path).conversation[-1]
    assert isinstance(result.answer, Draft)
    assert result.answer.text.startswith("Yes" if "tumour" in there else "No")


def test_fields_of_a_whole_slide_are_not_said_to_be_too_coarse() -> None:
    """896 px at 10× on the 120 px of the demonstration are 7.5 µm, as trained; one such field alone is still coarse."""
    question, known = FreeQuestion("Is there a tumour?"), Known("slide")
    field = Picture(np.zeros((896, 896, 3), np.uint8), "slide", 1.0)
    assert not [one for one in guards.warnings(question, "demo-drafter", 120, [field] * 3, known) if "µm" in one]
    alone = guards.warnings(question, "demo-drafter", 120, [field], known)
    assert [one for one in alone if one.startswith("The model sees 7.5 µm per pixel")]
    coarse = Picture(np.zeros((896, 896, 3), np.uint8), "slide", 4.0)
    assert [one for one in guards.warnings(question, "demo-drafter", 120, [coarse] * 3, known) if "sees 30 µm" in one]
