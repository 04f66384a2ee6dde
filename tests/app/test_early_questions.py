"""Questions that come before their picture, or do not fit it: each picture is asked about what it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app import label_sets
from app.analysis import Request, run
from app.cli import main
from app.label_sets import LabelSetError
from app.modality import modality_of
from app.panels.labels import LabelsPanel
from inference.demo.chest import Chest
from inference.questions import LabelQuestion
from tests.app.conftest import Seat
from tests.app.fake_engine import FakeEngine
from viewers.geometry import Region
from viewers.sources import open_source

Film = Callable[[int], tuple[Path, Chest]]
SEED = 1_600_000


@pytest.fixture
def section(tmp_path: Path) -> Path:
    """A picture as pink as a stained section, with a blank strip at its left."""
    pixels = np.full((300, 400, 3), (200, 120, 190), np.uint8)
    pixels[:, :60] = 244
    path = tmp_path / "section.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def ct() -> Path:
    return Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Until it is set nothing is described: the disk is slow, or a thousand files are before."""
    from app.opening import Opener

    gate, describe = threading.Event(), Opener._describe

    def late(self: Opener, path: Path) -> None:
        gate.wait(60)
        describe(self, path)

    monkeypatch.setattr(Opener, "_describe", late)
    yield gate
    gate.set()


def words(seat: Seat) -> str:
    return "\n".join(one.text() for one in seat.window.side.findChildren(QLabel) if one.isVisible())


def stands(seat: Seat, path: Path) -> None:
    seat.wait(lambda: seat.window.panes.pane.path == path and seat.window.shelf.stands(seat.window.panes.pane))


def test_labels_asked_before_the_description_are_those_of_the_new_picture(
    seat: Seat, film: Film, section: Path, held: threading.Event
) -> None:
    path, _ = film(SEED)
    held.set()
    seat.open(path)
    seat.wait(lambda: seat.window.side.labels.chosen_set() == "demo-cxr")
    held.clear()
    seat.window.open_paths([section])
    stands(seat, section)
    assert seat.window.side.labels.chosen_set() == "", "not the film's"
    seat.act("labels")
    assert seat.window.status.work.text(), "it is said that something waits"
    assert seat.idle(), "nothing is sent before it is known what the picture is"
    held.set()
    seat.wait(lambda: seat.window.asking.session.findings(section).labels is not None)
    found = seat.window.asking.session.findings(section).labels
    assert found is not None
    assert found.answer.label_set == "demo-slide"
    assert seat.window.asking.session.findings(path).labels is None


def test_escape_lets_go_of_what_waits(seat: Seat, film: Film, section: Path, held: threading.Event) -> None:
    seat.window.open_paths([section])
    stands(seat, section)
    seat.act("labels")
    seat.act("cancel")
    assert seat.window.status.work.text() == ""
    held.set()
    seat.wait(lambda: seat.window.shelf.describes(section) is not None)
    seat.bot.wait(100)
    assert seat.idle()
    assert seat.window.asking.session.findings(section).labels is None


def test_what_waits_for_a_bad_file_is_answered_with_the_reason(seat: Seat, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    seat.window.open_paths([bad])
    assert seat.window.panes.pane.path == bad
    seat.act("labels")
    seat.wait(lambda: bool(seat.problem(bad)))
    seat.wait(lambda: "bad.png" in words(seat), 20)
    assert seat.window.status.work.text() == ""


def test_without_a_picture_every_question_says_to_open_one(seat: Seat) -> None:
    for action in ("labels", "draft", "heatmap", "locate"):
        seat.act(action)
        assert "Open a picture first" in words(seat), action
    assert "Published AUC" not in words(seat)
    assert not seat.window.side.labels.table.isVisible()


def test_a_kind_no_model_knows_is_not_asked_about(seat: Seat, ct: Path) -> None:
    seat.open(ct)
    seat.wait(lambda: seat.window.shelf.describes(ct) is not None)
    seat.window.side.labels.phrase.setCurrentText("lesion")
    for action in ("labels", "heatmap"):
        seat.act(action)
        assert "demo-encoder was made for chest films and stained sections, not for CT images" in words(seat), action
        assert "press H instead" not in words(seat)
        assert seat.idle()


def test_a_phrase_and_a_set_belong_to_their_kind_of_picture(seat: Seat, film: Film, section: Path) -> None:
    path, other = film(SEED)[0], film(SEED + 1)[0]
    seat.open(path, other, section)
    phrase = seat.window.side.labels.phrase

    def show(which: Path) -> None:
        seat.show(which)
        stands(seat, which)

    show(section)
    phrase.setFocus()
    QTest.keyClicks(phrase.lineEdit(), "tumour")
    show(path)
    assert phrase.currentText() == ""
    QTest.keyClicks(phrase.lineEdit(), "left pleural effusion")
    show(other)
    assert phrase.currentText() == "left pleural effusion", "the next film of the pile"
    show(section)
    assert phrase.currentText() == "tumour"
    assert seat.window.side.labels.chosen_set() == "demo-slide"


def test_a_phrase_typed_before_the_kind_is_known_is_kept(qtbot: object) -> None:
    panel = LabelsPanel()
    panel.offer("slide", ["a", "b"], ["tumour"])
    panel.set_choice.setCurrentText("b")
    panel.set_choice.textActivated.emit("b")
    panel.phrase.setCurrentText("tumour")
    panel.leave()
    QTest.keyClicks(panel.phrase.lineEdit(), " x")
    panel.offer("cxr", ["c"], ["effusion"])
    assert panel.wanted_phrase() == "tumour x"
    panel.leave()
    assert panel.chosen_set() == ""
    panel.offer("slide", ["a", "b"], ["tumour"])
    assert panel.wanted_phrase() == "tumour"
    assert panel.chosen_set() == "b"
    panel.deleteLater()


def test_an_indication_is_of_one_picture(seat: Seat, film: Film) -> None:
    first, second = film(SEED)[0], film(SEED + 1)[0]
    seat.open(first, second)
    seat.show(first)
    seat.window.side.report.indication.setText("cough")
    seat.show(second)
    assert seat.window.side.report.indication.text() == ""
    seat.show(first)
    assert seat.window.side.report.indication.text() == "cough"


def test_the_walk_refuses_labels_of_another_kind_before_the_model_is_asked(film: Film, section: Path, ct: Path) -> None:
    cxr, slide = LabelQuestion(label_sets.load("demo-cxr")), LabelQuestion(label_sets.load("demo-slide"))
    engine = FakeEngine()
    for path, question in ((film(SEED)[0], slide), (section, cxr), (ct, cxr)):
        with pytest.raises(LabelSetError, match=question.label_set.name):
            run(Request(path, question), engine)
    assert not engine.asked
    run(Request(film(SEED)[0], cxr), engine)
    run(Request(section, slide), engine)
    assert len(engine.asked) == 2


def test_the_command_line_refuses_them_as_a_wrong_call(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", str(film(SEED)[0]), "--set", "demo-slide"], FakeEngine) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "demo-slide was made for stained sections, and this picture is one of chest films" in said.err


def test_the_walk_refuses_chest_labels_on_a_real_slide(shared: Path) -> None:
    slide = shared / "slides" / "CMU-1-Small-Region.svs"
    engine = FakeEngine()
    with pytest.raises(LabelSetError, match="chest films"):
        run(Request(slide, LabelQuestion(label_sets.load("demo-cxr"))), engine)
    assert not engine.asked


def test_a_blank_part_of_a_section_is_still_of_a_section(section: Path) -> None:
    """What a picture is does not depend on where the reader points."""
    question = LabelQuestion(label_sets.load("demo-slide"))
    engine = FakeEngine()
    run(Request(section, question, Region(0, 0, 50, 300)), engine)
    assert engine.asked[0][1][0].modality == "slide"
    with closing(open_source(section)) as source:
        assert modality_of(source)[0] == "slide"
