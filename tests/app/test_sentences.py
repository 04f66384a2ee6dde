"""The widgets of a report are used again: they must show each report as if they had been made for it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from app.panels.report import ReportPanel
from app.panels.sentence_row import SentenceRow
from app.reports.report import Origin, Report, Section, Sentence, State


@pytest.fixture
def panel(qtbot: QtBot) -> ReportPanel:
    made = ReportPanel()
    qtbot.addWidget(made)
    made.resize(360, 700)
    made.show()
    return made


def report(*texts: str) -> Report:
    sections = (Section.FINDINGS, Section.IMPRESSION)
    said = [Sentence(number, sections[number > 1], text, Origin.MODEL, State.PROPOSED, text) for number, text in enumerate(texts)]
    return Report("film.png", tuple(said), (), prior_sent=False)


def seen(panel: ReportPanel) -> list[str]:
    """The words on the screen from the top down, the buttons' and fields' aside."""
    labels = [one for one in panel.sentences.findChildren(QLabel) if one.isVisible()]
    return [one.text() for one in sorted(labels, key=lambda one: one.mapTo(panel, one.rect().topLeft()).y())]


def test_each_report_is_shown_whole_and_in_order(panel: ReportPanel, qtbot: QtBot) -> None:
    for texts in (("One.", "Two.", "Three.", "Four."), ("Five.",), ("Six.", "Seven.", "Eight.")):
        panel.show_live("Findings: one. two. three.")
        qtbot.wait(20)
        assert seen(panel) == ["Findings: one. two. three."]
        panel.show_report(report(*texts))
        qtbot.wait(20)
        words = [word for word in seen(panel) if word.endswith(".")]
        assert words[: len(texts)] == list(texts)
        assert seen(panel)[0] == str(Section.FINDINGS)
        assert [row.sentence for row in panel.sentences.rows.values()] == list(report(*texts).sentences)


def test_a_row_takes_on_and_puts_off_every_state(panel: ReportPanel, qtbot: QtBot) -> None:
    drafted = report("One.", "Two.", "Three.")
    panel.show_report(drafted.refuse(0).accept(1))
    qtbot.wait(20)
    texts = {one.text(): one for one in panel.sentences.findChildren(QLabel) if one.isVisible()}
    assert texts["One."].font().strikeOut()
    assert not texts["Two."].font().strikeOut()
    assert [texts[word].objectName() for word in ("One.", "Two.", "Three.")] == ["", "", "model"]
    panel.show_report(drafted)
    qtbot.wait(20)
    assert not texts["One."].font().strikeOut()
    assert [texts[word].objectName() for word in ("One.", "Two.", "Three.")] == ["model"] * 3


def test_what_is_being_typed_stays_with_its_report_and_goes_to_no_other(panel: ReportPanel) -> None:
    panel.show_report(report("One.", "Two."))
    panel.edit()
    row = panel.findChildren(SentenceRow)[0]
    field = row.findChildren(QLineEdit)[0]
    field.setText("One, almost")
    panel.show_report(report("One.", "Two."))
    assert field.isVisible()
    assert field.text() == "One, almost"
    panel.show_report(report("One.", "Two, of another picture."))
    assert not field.isVisible()
    panel.edit()
    assert field.text() == "One."
