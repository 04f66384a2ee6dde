"""Which images the words of a model name."""

from __future__ import annotations

import pytest

from app.numbered import Numbered
from app.reports import record
from app.reports.checks import of_answer, remarks
from app.reports.report import NOT_SENT
from app.reports.sentences import from_draft
from inference.answers import Draft
from tests.app.test_reports import RECEIPT

EVERY_THIRD = Numbered.slices(range(10, 70, 3))
"""Slices 1 to 20 are the frames 10, 13, … 67."""


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("A lesion on slice 3.", [3]),
        ("SLICE 3 and slice 5", [3, 5]),
        ("Seen on slices 3, 4 and 7.", [3, 4, 7]),
        ("Seen on slices 3, 4, and 7.", [3, 4, 7]),
        ("From slices 3–7 down", [3, 7]),
        ("from slices 3 to 7", [3, 7]),
        ("slice 3-4", [3, 4]),
        ("Slice #12, slice no. 13, Slice12", [12, 13]),
        ("slice 3 again on slice 3", [3]),
        ("On slice 3, 12 mm across", [3]),
        ("On slices 3 and 4, 12 mm across", [3, 4]),
        ("On slice 3 2 cm lesion", [3]),
        ("slice thickness 3 mm, slice 2.5 mm, slices of 5 mm", []),
        ("3 slices, frame 4, the third slice", []),
        ("slice 3 of 20", [3]),
        ("slices 3,4,7", [3, 4, 7]),
        ("slice 2,5 mm, slice 12.5", []),
        ("slice 3 shows, slice 4.", [3, 4]),
        ("a sliced 3", []),
        ("", []),
    ],
)
def test_numbers_that_words_name(text: str, want: list[int]) -> None:
    assert EVERY_THIRD.named(text) == tuple((f"slice {number}", 10 + 3 * (number - 1)) for number in want)


def test_of_a_film_the_numbers_are_those_of_the_film() -> None:
    moments = Numbered.moments([0, 5, 19])
    assert moments.named("Frame 6 and FRAME 20; frame 2; slice 1") == (("frame 6", 5), ("frame 20", 19), ("frame 2", None))


def test_a_picture_that_was_not_sent_is_to_be_looked_at_twice() -> None:
    words = "Findings: A lesion on slice 4 and slice 21. Impression: Lesion, slice 0."
    said = [f"It names slice {number}, but no such picture was sent to the model." for number in (21, 0)]
    assert of_answer(words, True, EVERY_THIRD) == said
    report = from_draft(Draft(words, "", "stop", (), RECEIPT), "series", numbered=EVERY_THIRD)
    assert [(one.text, one.sentences) for one in remarks(report) if "names slice" in one.text] == [
        (said[0], (1,)),
        (said[1], (2,)),
    ]
    assert report.sentence(1).images == (("slice 4", 19),)
    assert [one.frame for one in report.sentence(2).evidence] == [None, NOT_SENT]
    mended = report.edit(1, "A lesion on slice 4.")
    assert [one.sentences for one in remarks(mended) if "names slice" in one.text] == [(2,)]
    assert record.from_json(record.to_json(report)) == report
