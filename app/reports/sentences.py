"""From a model's plain text to sentences of a report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.numbered import Numbered
from app.reports.report import NOT_SENT, Evidence, Origin, Report, ReportError, Section, Sentence, State
from inference.answers import Box, Draft

_HEADING = re.compile(
    r"(?:^|(?<=[\s.;]))[#*_\s]*\b(indication|technique|comparison|findings|impression)\b[*_]*\s*:[*_]*", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)")
_NOT_AN_END = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|approx|ca|fig|figs|dr|prof|st|resp|incl|max|min|et al|a\.p|p\.a)|(?:^|[\s(])[A-Za-z])\.$",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text without terminal sequences, control characters and signs that turn the writing direction."""
    return _CONTROL.sub("", text)


def split(text: str) -> list[str]:
    """Sentences in their order, trimmed, never empty.

    A line break ends a sentence; so does . ! or ? before white space and a capital, digit or opening bracket (before any
    letter where the whole text is lower case). Decimals, "No. 3", "e.g." and single initials do not.
    """
    found: list[str] = []
    any_letter = text == text.lower()
    for line in text.splitlines():
        rest = _BULLET.sub("", line).replace("**", "").strip()
        start = 0
        for end in _END.finditer(rest):
            before, after = rest[start : end.end()], rest[end.end() :].lstrip()
            if _ends_sentence(before, after, any_letter):
                found.append(before.strip())
                start = end.end()
        found.append(rest[start:].strip())
    return [sentence for sentence in found if any(sign.isalnum() for sign in sentence)]


def _ends_sentence(before: str, after: str, any_letter: bool) -> bool:
    first = after[:1]
    if not (first.isupper() or first.isdigit() or first in "([\"'“‘" or (any_letter and first.isalpha())):
        return False
    if before[-1:] == "." and _NOT_AN_END.search(before):
        return False
    number_follows = first.isdigit() and re.search(r"\b(?:no|nos)\.$", before, re.IGNORECASE)
    return not number_follows


def sections(text: str) -> list[tuple[Section, str]]:
    """(section, sentence) pairs of a text headed "Findings: … Impression: …"; what has no heading is findings."""
    clean = plain(text)
    found: list[tuple[Section, str]] = []
    section, start = Section.FINDINGS, 0
    for heading in [*_HEADING.finditer(clean), None]:
        end = heading.start() if heading else len(clean)
        found += [(section, sentence) for sentence in split(clean[start:end])]
        if heading:
            section, start = Section(heading[1].capitalize()), heading.end()
    return found


def from_draft(
    draft: Draft, subject: str, *, indication: str = "", prior_sent: bool = False, boxes: Sequence[Box] = (),
    numbered: Numbered | None = None,
) -> Report:  # fmt: skip
    """The report a person starts from: every sentence of the model proposed, the person's indication as their own.

    `boxes` are the draft's boxes in level-0 pixels; a box is evidence of the sentences that name its label. Of a whole series or
    film, so is each image for the sentences that name its number, by `numbered`. Raises ReportError when the model wrote no
    sentence: a failed model never becomes an empty report.
    """
    said = sections(draft.text)
    if not any(section in (Section.FINDINGS, Section.IMPRESSION) for section, _ in said):
        raise ReportError(
            f"the model {draft.receipt.model} wrote no finding and no impression; ask again or write the report yourself"
        )
    own = (
        [Sentence(1, Section.INDICATION, plain(indication), Origin.PERSON, State.ACCEPTED, plain(indication))]
        if indication.strip()
        else []
    )
    proposed = [
        Sentence(number, section, text, Origin.MODEL, State.PROPOSED, text, _grounds(text, boxes, numbered))
        for number, (section, text) in enumerate(said, start=1 + len(own))
    ]
    return Report(subject, tuple(own + proposed), (draft.receipt,), prior_sent, draft.finish)


def _grounds(text: str, boxes: Sequence[Box], numbered: Numbered | None) -> tuple[Evidence, ...]:
    return (Evidence(receipt=0), *_boxes_of(text, boxes), *_frames_of(text, numbered))


def _boxes_of(text: str, boxes: Sequence[Box]) -> list[Evidence]:
    words = set(re.findall(r"\w+", text.lower()))
    return [
        Evidence(receipt=0, label=box.label, box=(box.x0, box.y0, box.x1, box.y1))
        for box in boxes
        if (named := set(re.findall(r"\w+", box.label.lower()))) and named <= words
    ]


def _frames_of(text: str, numbered: Numbered | None) -> list[Evidence]:
    named = numbered.named(text) if numbered is not None else ()
    return [Evidence(receipt=0, label=label, frame=NOT_SENT if frame is None else frame) for label, frame in named]
