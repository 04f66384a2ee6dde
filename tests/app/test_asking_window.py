"""In the window: what stands on a result, a question followed up and cleared, a verdict, what changed since the prior."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFrame, QLabel

import resources
from app import follow_ups
from app.panels.warned import Warned
from app.reports.report import Section
from inference.answers import Draft
from inference.demo.chest import Chest, draw_pair
from inference.questions import ConditionQuestion, FreeQuestion
from tests.app.case_files import chest_film, chest_pair
from tests.app.conftest import Seat
from tests.app.test_window import with_finding

Film = Callable[[int], tuple[Path, Chest]]
HAND = "A lateral film of the hand: {} were trained on frontal chest phantoms."


def ask(seat: Seat, text: str) -> Draft:
    panel = seat.window.side.ask
    before = len(seat.window.asking.session.findings(seat.window.panes.pane.path).conversation)  # type: ignore[arg-type]
    seat.window.side.front(panel)
    panel.question.setText(text)
    panel._send()
    path = seat.window.panes.pane.path
    assert path is not None
    found = seat.window.asking.session.findings(path)
    seat.wait(lambda: len(found.conversation) == before + 1)
    answer = found.conversation[-1][1].answer
    assert isinstance(answer, Draft)
    return answer


def cards(seat: Seat) -> list[list[str]]:
    """The words of each answer's card that stands there, in their order."""
    seat.bot.wait(50)
    found = [one for one in seat.window.side.ask.findChildren(QFrame, "row") if one.isVisible()]
    return [[part.text() for part in one.findChildren(QLabel) if part.isVisible()] for one in found]


def test_a_lateral_film_of_a_hand_is_answered_and_every_panel_says_what_it_is(seat: Seat, tmp_path: Path) -> None:
    film = chest_film(
        tmp_path / "film.dcm", draw_pair(1_000_009).current, 7, "20240101", view="LL", BodyPartExamined="HAND"
    )  # fmt: skip
    seat.open(film)
    seat.ask("draft")
    report = seat.window.side.report
    said = report.sentences.findChildren(Warned)
    assert [one.warnings() for one in said if one.isVisible()] == [(HAND.format("reports"),)]
    assert report.report is not None
    assert report.report.section(Section.FINDINGS), "it is drafted all the same"
    first = min(one.mapTo(report, one.rect().topLeft()).y() for one in report.sentences.rows.values())
    assert said[0].mapTo(report, said[0].rect().bottomLeft()).y() < first, "before the words"
    seat.ask("labels")
    seat.window.side.labels.table.selectRow(0)
    seat.ask("heatmap")
    labels = seat.window.side.labels
    assert labels.warned.warnings() == (HAND.format("labels"),)
    assert labels.heatmap_warned.warnings() == (), "said once beside the labels"
    ask(seat, "Is there a pleural effusion?")
    assert cards(seat)[0][0] == HAND.format("answers")


def test_each_question_stands_alone_until_it_is_followed_up_and_then_says_what_it_carries(seat: Seat, film: Film) -> None:
    path, chest = with_finding(film, "effusion")
    seat.open(path)
    bar = seat.window.side.ask.bar
    assert not bar.follow.isEnabled(), "there is nothing to follow up"
    first = ask(seat, "Is there a pleural effusion?")
    conversation = seat.window.asking.session.findings(path).conversation
    ask(seat, "Is there a pneumothorax?")
    assert [one.request.question.before for _, one in conversation] == [(), ()]  # type: ignore[union-attr]
    seat.act("follow-up")
    assert bar.following
    assert "Carries 1 earlier question with the answers" in bar.context.text()
    seat.window.panes.view.zoom(3.0)
    ask(seat, "On which side is the pleural effusion?")
    second, third = conversation[1][1], conversation[2][1]
    question = third.request.question
    assert isinstance(question, FreeQuestion)
    assert question.before == (("Is there a pneumothorax?", second.answer.text),)  # type: ignore[union-attr]
    assert third.region == second.region, "of the same place, whatever is on the screen"
    assert third.answer.receipt.pixels_sha256 == second.answer.receipt.pixels_sha256
    assert "Is there a pneumothorax?" in third.answer.receipt.prompt
    assert any(one.startswith("A follow-up that carries 1 earlier question with the answers") for one in cards(seat)[-1])
    assert "Carries 2 earlier questions" in bar.context.text()
    assert "2 remarks on the picture as above" in cards(seat)[-1], "said in full once"
    assert any(one.startswith("Taken for a chest film") for one in cards(seat)[0])
    scroll = seat.window.side.ask._lines.verticalScrollBar()
    seat.wait(lambda: scroll.value() == scroll.maximum())
    seat.act("clear-context")
    assert not bar.following
    alone = ask(seat, "Is there a pleural effusion?")
    assert conversation[-1][1].request.question.before == ()  # type: ignore[union-attr]
    assert "pneumothorax" not in alone.receipt.prompt
    assert first.text.startswith("Yes")
    seat.act("follow-up")
    other, _ = film(1_600_100 if path.name != "film-1600100.png" else 1_600_101)
    seat.open(other)
    assert not bar.following, "another picture carries nothing on"
    assert len(chest.findings) == 1


def test_is_there_is_answered_by_its_verdict_on_top(seat: Seat, film: Film) -> None:
    path, _ = with_finding(film, "effusion")
    seat.open(path)
    seat.act("condition")
    assert ask(seat, "Is there a pleural effusion?").verdict == "yes"
    question = seat.window.asking.session.findings(path).conversation[-1][1].request.question
    assert question == ConditionQuestion("a pleural effusion", question.decoding)  # type: ignore[union-attr]
    assert cards(seat)[-1][-3] == "Yes"
    assert not seat.window.side.ask.bar.condition.isChecked(), "for one question"
    assert ask(seat, "Is there a pneumothorax?").verdict == ""


def test_what_became_of_each_finding_stands_above_the_report(seat: Seat, tmp_path: Path) -> None:
    seed = 1_000_008
    current, prior = chest_pair(tmp_path, seed)
    seat.act("auto-hang")
    seat.open(current)
    seat.act("changes")
    assert "no earlier picture to compare with" in seat.window.side.ask._word.text()
    seat.window.open_paths([prior])
    seat.wait(lambda: seat.told(prior))
    seat.show(current)
    seat.wait(lambda: seat.window.side.report.prior_path() == prior)
    seat.act("draft")
    seat.wait(lambda: seat.window.side.report.report is not None)
    table = seat.window.side.report.sentences._changes
    truth = {" ".join(filter(None, (side, kind))): change for (kind, side), change in draw_pair(seed).changes.items()}
    assert {name.lower(): change for name, change, _ in table.told()} == truth
    assert all(change in sentence for _, change, sentence in table.told())
    chosen = table._ids[1]
    table.chosen.emit(chosen)
    assert seat.window.side.report._chosen == chosen
    seat.act("changes")
    seat.wait(lambda: "is not asked for changes" in seat.window.side.ask._word.text())


def test_the_trace_is_counted_as_it_grows_and_shown_on_request(seat: Seat, film: Film) -> None:
    from dataclasses import replace

    path, _ = film(1_600_000)
    seat.open(path)
    ask(seat, "Is there a pleural effusion?")
    panel, found = seat.window.side.ask, seat.window.asking.session.findings(path)
    text, result = found.conversation[-1]
    assert isinstance(result.answer, Draft)
    receipt = replace(result.answer.receipt, thinking_tokens=1412)
    found.conversation[-1] = (text, replace(result, answer=replace(result.answer, thought="It is blunted.", receipt=receipt)))
    seat.window.answering._show_side(found)
    from app.panels.thought import Thought

    seat.bot.wait(50)
    (thought,) = (one for one in panel.findChildren(Thought) if one.isVisible())
    assert thought.button.text() == "Thinking trace, 1,412 tokens"
    assert not thought.words.isVisible()
    thought.button.click()
    assert thought.words.isVisible()
    assert thought.words.text() == "It is blunted."
    panel.show_live("Why?", "", "Thinking … 120 of 2,000 tokens.")
    assert panel._live.text() == "Thinking … 120 of 2,000 tokens."
    assert panel.bar.think.isHidden(), "the demonstration does not think"
    panel.bar.offer_thinking(2000)
    assert not panel.bar.think.isHidden()


def test_what_can_be_followed_up() -> None:
    assert follow_ups.condition(" Is there a left effusion? ") == "a left effusion"
    assert follow_ups.condition("pneumothorax") == "pneumothorax"
    assert follow_ups.carried([]) == ()


@pytest.fixture
def thinker(home: Path) -> Path:
    """The demonstration's drafter as a model that may be asked to think, in the published words."""
    folder = home / "models" / "demo-drafter"
    shutil.copytree(resources.path("demo/drafter"), folder)
    own = json.loads((folder / "hilum.json").read_text())
    (folder / "hilum.json").write_text(json.dumps(own | {"thinking": True, "thinking_tokens": 77, "prompts": "medgemma-1.5"}))
    return folder


def test_thinking_is_asked_for_by_its_switch_and_not_without(thinker: Path, request: pytest.FixtureRequest, film: Film) -> None:
    assert thinker.is_dir()
    seat: Seat = request.getfixturevalue("seat")
    path, _ = film(1_600_000)
    seat.open(path)
    seat.wait(lambda: not seat.window.side.ask.bar.think.isHidden())
    published = "SYSTEM INSTRUCTION: think silently if needed."
    assert published not in ask(seat, "Is there a pleural effusion?").receipt.prompt
    seat.act("think")
    assert published in ask(seat, "Is there a pleural effusion?").receipt.prompt
    question = seat.window.asking.session.findings(path).conversation[-1][1].request.question
    assert question.decoding.thinking_tokens == 77  # type: ignore[union-attr]
    seat.window.side.report.think.setChecked(True)
    seat.act("draft")
    seat.wait(lambda: seat.window.asking.session.findings(path).draft is not None)
    drafted = seat.window.asking.session.findings(path).draft
    assert drafted is not None
    assert published in drafted.answer.receipt.prompt
