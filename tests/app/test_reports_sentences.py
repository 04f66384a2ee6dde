"""A model's text as sentences, and what is remarked about them."""

from __future__ import annotations

import dataclasses

import pytest

from app.reports.checks import remarks
from app.reports.mentions import Mention, mentions
from app.reports.report import Origin, Report, ReportError, Section, State
from app.reports.sentences import from_draft, plain, sections, split
from inference.answers import Box, Draft, Receipt

RECEIPT = Receipt(
    model="demo-drafter", revision="ab" * 32, quantisation="none", dtype="float32", device="cpu", prompt="<b>describe</b>",
    seed=0,
    preprocessing=("padded to a square",), pixels_sha256=("cd" * 32,), versions=(("torch", "2.13.0"),), seconds=1.5, tokens=9,
)  # fmt: skip


def draft(text: str, **other: object) -> Draft:
    return dataclasses.replace(Draft(text, "", "stop", (), RECEIPT), **other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("A 3.5 cm nodule. No effusion.", ["A 3.5 cm nodule.", "No effusion."]),
        ("See image No. 3. Heart enlarged.", ["See image No. 3.", "Heart enlarged."]),
        ("Is there effusion? No. There is none.", ["Is there effusion?", "No.", "There is none."]),
        ("Opacity, e.g. Pneumonia, is possible.", ["Opacity, e.g. Pneumonia, is possible."]),
        ("Seen by Dr. Smith. Stable.", ["Seen by Dr. Smith.", "Stable."]),
        ("A nodule of approx. 5 mm. 3 more are seen.", ["A nodule of approx. 5 mm.", "3 more are seen."]),
        ("A nodule 5 mm. in size", ["A nodule 5 mm. in size"]),
        ("no effusion. left opacity.", ["no effusion.", "left opacity."]),
        ("- first\n- second", ["first", "second"]),
        ("1. Opacity.\n2. Effusion.", ["Opacity.", "Effusion."]),
        ("Really?! (Yes.) End", ["Really?!", "(Yes.)", "End"]),
        ("...\n\n. !", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_sections_by_heading() -> None:
    text = "Findings: Left effusion. Heart normal in size. Impression: Left effusion."
    assert sections(text) == [
        (Section.FINDINGS, "Left effusion."),
        (Section.FINDINGS, "Heart normal in size."),
        (Section.IMPRESSION, "Left effusion."),
    ]


def test_sections_written_as_markdown_and_without_heading() -> None:
    text = "Opacity on the right.\n**TECHNIQUE:** Frontal view.\n## Impression:\n1. Opacity."
    assert sections(text) == [
        (Section.FINDINGS, "Opacity on the right."),
        (Section.TECHNIQUE, "Frontal view."),
        (Section.IMPRESSION, "Opacity."),
    ]


def test_control_characters_are_dropped() -> None:
    assert plain("a\x1b[31mred\x1b[0m\x00\u202eb\u2066c\n") == "aredbc\n"


def test_a_report_from_a_draft() -> None:
    box = Box("left effusion", 10, 20, 30, 40)
    made = from_draft(
        draft("Findings: Left effusion. No opacity. Impression: Left effusion."), "chest", indication="cough", boxes=[box]
    )
    assert [one.section for one in made.sentences] == [Section.INDICATION, Section.FINDINGS, Section.FINDINGS, Section.IMPRESSION]
    own, *proposed = made.sentences
    assert (own.origin, own.state) == (Origin.PERSON, State.ACCEPTED)
    assert {(one.origin, one.state) for one in proposed} == {(Origin.MODEL, State.PROPOSED)}
    assert [len([e for e in one.evidence if e.box == (10, 20, 30, 40)]) for one in proposed] == [1, 0, 1]
    assert made.receipts == (RECEIPT,)


@pytest.mark.parametrize("text", ["", "   ", "...", "Technique: Frontal view."])
def test_a_model_that_wrote_nothing_makes_no_report(text: str) -> None:
    with pytest.raises(ReportError, match="demo-drafter wrote no finding"):
        from_draft(draft(text), "chest", indication="cough")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left pleural effusion.", [("effusion", "left", False)]),
        ("Opacity in the right lower zone and left effusion.", [("opacity", "right", False), ("effusion", "left", False)]),
        ("No effusion or pneumothorax.", [("effusion", "", True), ("pneumothorax", "", True)]),
        ("Right opacity without effusion.", [("opacity", "right", False), ("effusion", "", True)]),
        ("No pneumothorax, but a small left effusion.", [("pneumothorax", "", True), ("effusion", "left", False)]),
        ("Effusions on both sides.", [("effusion", "both", False)]),
        ("Left and right effusions are seen.", [("effusion", "both", False)]),
        ("Pneumothorax is not seen.", [("pneumothorax", "", True)]),
        ("Opacity is seen and effusion is absent.", [("opacity", "", False), ("effusion", "", True)]),
        ("The heart is moderately enlarged.", [("cardiomegaly", "", False)]),
        ("The lungs are clear.", []),
    ],
)
def test_mentions(text: str, expected: list[tuple[str, str, bool]]) -> None:
    assert mentions(text) == [Mention(*one) for one in expected]  # type: ignore[arg-type]


def _remarks(text: str, **other: object) -> list[str]:
    made = from_draft(draft(text), "chest", prior_sent=bool(other.get("prior_sent")))
    return [one.text for one in remarks(made)]


def test_nothing_to_remark() -> None:
    assert _remarks("Findings: Small left effusion. No pneumothorax. Impression: Left effusion.") == []


def test_side_changes_between_findings_and_impression() -> None:
    assert _remarks("Findings: Left effusion. Impression: Right effusion.") == [
        "Effusion changes side between findings and impression."
    ]


def test_both_sides_cover_one() -> None:
    assert _remarks("Findings: Bilateral effusions. Impression: Right effusion.") == []


def test_present_and_absent() -> None:
    assert _remarks("Findings: Left effusion. No pleural effusion.") == ["Effusion is said to be present and absent."]
    assert _remarks("Findings: Left effusion. No right effusion.") == []


def test_impression_beyond_the_findings() -> None:
    assert _remarks("Findings: Left effusion. Impression: Left effusion and pneumonia.") == [
        "The impression names pneumonia, the findings do not."
    ]


def test_an_invented_prior() -> None:
    text = "Findings: Left effusion, unchanged. Impression: Left effusion."
    assert _remarks(text) == ["“unchanged” speaks of an earlier picture, but none was sent to the model."]
    assert _remarks(text, prior_sent=True) == []
    assert _remarks("Findings: No prior picture for comparison. Left effusion.") == []


def test_the_side_of_a_box() -> None:
    on_picture_right = Box("effusion", 700, 10, 900, 90)
    left = from_draft(draft("Findings: Left effusion."), "chest", boxes=[on_picture_right])
    right = from_draft(draft("Findings: Right effusion."), "chest", boxes=[on_picture_right])
    assert remarks(left, width=1000) == []
    assert [one.text for one in remarks(right, width=1000)] == ["The text says right, the box lies on the patient's left."]


def test_a_cut_draft_is_remarked() -> None:
    made = from_draft(draft("Findings: Left effusion.", finish="length"), "chest")
    assert [one.text for one in remarks(made)] == ["The draft is incomplete: the model ended by length."]


def test_refused_sentences_are_not_checked() -> None:
    made: Report = from_draft(draft("Findings: Left effusion. No effusion."), "chest")
    assert remarks(made.refuse(2)) == []
