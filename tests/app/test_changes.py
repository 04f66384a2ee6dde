"""What became of each finding, read off the words: held against phantoms of which it is known, and sentences read by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from app.reports import html, record
from app.reports.changes import Row, evidence, rows, said
from app.reports.sentences import from_draft
from inference.answers import Draft, Receipt
from inference.demo.chest import draw_pair
from inference.demo.reports import comparison

RECEIPT = Receipt("m", "r", "none", "float32", "cpu", "p", 0, (), (), (), 0.1)


def drafted(text: str, prior: bool = True) -> list[tuple[str, str]]:
    return [(row.name, row.change) for row in rows(from_draft(Draft(text, "", "stop", (), RECEIPT), "film", prior_sent=prior))]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Left effusion, unchanged.", {"left effusion": "stable"}),
        ("Increased right effusion.", {"right effusion": "worsened"}),
        ("The left pleural effusion has decreased in size.", {"left effusion": "improved"}),
        ("New small left pneumothorax.", {"left pneumothorax": "new"}),
        ("Interval resolution of the right pneumothorax.", {"right pneumothorax": "resolved"}),
        ("Pneumothorax is no longer seen.", {"pneumothorax": "resolved"}),
        ("No significant interval change in the left effusion.", {"left effusion": "stable"}),
        ("Left effusion and right opacity are unchanged.", {"left effusion": "stable", "right opacity": "stable"}),
        ("Increased effusion and atelectasis.", {"effusion": "worsened", "atelectasis": "worsened"}),
        ("Improved oedema but new left consolidation.", {"oedema": "improved", "left consolidation": "new"}),
        ("Improving pneumonia, worsening effusion.", {"pneumonia": "improved", "effusion": "worsened"}),
        ("Right opacity has improved; left opacity is stable.", {"right opacity": "improved", "left opacity": "stable"}),
        ("The effusion has not improved.", {"effusion": "not stated"}),
        ("Small left effusion.", {"left effusion": "not stated"}),
        ("No pneumothorax.", {}),
        ("No new consolidation.", {}),
        ("Stable appearance without pneumothorax.", {}),
        ("The lungs are clear, unchanged.", {}),
    ],
)
def test_sentences_read_by_hand(sentence: str, expected: dict[str, str]) -> None:
    assert dict(drafted(f"Findings: {sentence}")) == expected


def test_without_a_prior_there_is_no_table() -> None:
    assert drafted("Findings: Left effusion, unchanged.", prior=False) == []


def test_findings_and_impression_that_differ_are_contradictory() -> None:
    assert drafted("Findings: Left effusion, improved. Impression: Worsened left effusion.") == [
        ("left effusion", "contradictory")
    ]
    assert drafted("Findings: Small left effusion. Impression: Worsened left effusion.") == [("left effusion", "worsened")]


@pytest.mark.parametrize("first", [2_000_000, 2_100_000])
def test_every_change_of_a_phantom_is_read_out_of_its_comparison(first: int) -> None:
    counted = 0
    for seed in range(first, first + 60):
        pair = draw_pair(seed)
        truth = {" ".join(filter(None, (side, kind))): change for (kind, side), change in pair.changes.items()}
        assert dict(drafted(comparison(pair))) == truth, seed
        counted += len(truth)
    assert counted > 60


def test_the_sentence_that_says_it_stands_beside_it_in_every_form() -> None:
    text = "Findings: Small left effusion. Impression: Worsened left effusion."
    report = from_draft(Draft(text, "", "stop", (), RECEIPT), "film", prior_sent=True)
    (row,) = rows(report)
    assert row == Row("effusion", "left", "worsened", (1, 2))
    assert evidence(report, row) == "Worsened left effusion."
    assert "<td>left effusion</td><td>worsened</td><td>Worsened left effusion.</td>" in html.body(report)
    body = json.loads(record.to_json(report))
    assert body["changes"] == [
        {"finding": "left effusion", "change": "worsened", "sentence": "Worsened left effusion.", "sentences": [1, 2]}
    ]
    assert record.from_json(record.to_json(report)) == report
    refused = report.refuse(2)
    assert [one.change for one in rows(refused)] == ["not stated"], "what the reader refused counts no more"
    assert "changes" not in json.loads(record.to_json(dataclasses.replace(report, prior_sent=False)))


def test_the_drafter_itself_on_pairs_of_films_with_known_changes(tmp_path: Path) -> None:
    """The demonstration drafter writes; its changes are read out of its words and held against the phantoms'."""
    from PIL import Image

    from app.analysis import Request, run
    from inference.demo.film import draw_film
    from inference.engine import Engine, EngineSpec
    from inference.questions import DraftQuestion

    engine, right, of = Engine(EngineSpec()), 0, 0
    for seed in range(2_200_000, 2_200_012):
        pair = draw_pair(seed)
        for name, chest in (("then", pair.prior), ("now", pair.current)):
            Image.fromarray(draw_film(chest, 512, 512).pixels).save(tmp_path / f"{name}.png")
        result = run(Request(tmp_path / "now.png", DraftQuestion(), prior=tmp_path / "then.png"), engine)
        assert isinstance(result.answer, Draft)
        report = from_draft(result.answer, "film", prior_sent=True)
        read = {row.name: row.change for row in rows(report)}
        for (kind, side), change in pair.changes.items():
            of += 1
            right += read.get(" ".join(filter(None, (side, kind)))) == change
    engine.close()
    assert right / of > 0.8, f"{right} of {of}"


def test_a_word_of_change_belongs_to_the_finding_it_stands_beside() -> None:
    assert [(mention.finding, change) for mention, change in said("Worsened effusion, pneumonia resolved, mass stable.")] == [
        ("effusion", "worsened"), ("pneumonia", "resolved"), ("mass", "stable"),
    ]  # fmt: skip
