"""What a comparison says became of each finding since the prior, with the sentence that says it. A rule of thumb over the words.

A finding that is named without a word of change stands as "not stated": nothing is made up, and nothing counts as stable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.reports.mentions import Mention, Side, placed
from app.reports.report import Report, Section, Sentence

Change = Literal["new", "worsened", "stable", "improved", "resolved", "not stated", "contradictory"]

_STABLE = r"unchanged|stable|persist(?:s|ed|ent|ing)?|similar|not (?:\w+ )?changed"
_WORDS = {
    "stable": _STABLE,
    "resolved": r"resolved|resolution|cleared|disappeared|no longer (?:seen|present|visible)",
    "improved": r"improv(?:ed|ing|ement)|decreas(?:ed|ing|e)|smaller|regress(?:ed|ion)|less (?:extensive|pronounced)|resolving",
    "worsened": r"worsen(?:ed|ing)|increas(?:ed|ing|e)|larger|progress(?:ed|ion|ive)|more (?:extensive|pronounced)|enlarging",
    "new": r"new|newly|developed|interval development",
}
_CHANGE = re.compile("|".join(f"(?P<{name}>\\b(?:{words})\\b)" for name, words in _WORDS.items()), re.IGNORECASE)
_NO_CHANGE = re.compile(r"\bno (?:\w+ ){0,2}change\b(?: (?:in|of))?", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|no|without|never)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_JOINS = re.compile(
    r"(?:[\s,/&]|\b(?:and|or|the|an?|left|right|both|bilateral|small|mild|moderate|severe|large|pleural|lung)\b)*", re.IGNORECASE
)
"""What may stand between two findings that share one word of change."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding on the patient's `side` ("" where none is named), and the ids of the sentences that speak of it."""

    finding: str
    side: Side
    change: Change
    sentences: tuple[int, ...]

    @property
    def name(self) -> str:
        """In words: "left effusion"."""
        return " ".join(filter(None, ("bilateral" if self.side == "both" else self.side, self.finding)))


def rows(report: Report) -> tuple[Row, ...]:
    """Of a report that was drafted with a prior, in the order of its findings; empty for any other. Findings that are only said
    to be absent are left out. Two sentences that differ make the change contradictory."""
    if not report.prior_sent:
        return ()
    found: dict[tuple[str, Side], list[tuple[Change, int]]] = {}
    for sentence in (*report.section(Section.FINDINGS), *report.section(Section.IMPRESSION)):
        for mention, change in said(sentence.text):
            if change != "not stated" or not mention.absent:
                found.setdefault((mention.finding, mention.side), []).append((change, sentence.id))
    return tuple(Row(finding, side, *_one(heard)) for (finding, side), heard in found.items())


def evidence(report: Report, row: Row) -> str:
    """The first sentence of a row that says what the row says."""
    sentences: Sequence[Sentence] = [report.sentence(id) for id in row.sentences]
    return next((one.text for one in sentences if any(change == row.change for _, change in said(one.text))), sentences[0].text)


def said(text: str) -> list[tuple[Mention, Change]]:
    """Each finding that a sentence names, with the word of change that stands nearest in its clause: before it, else behind it;
    findings that are listed together share theirs. A negated word of change ("has not improved") says nothing. Of what is absent
    only that it resolved is a change."""
    told = [pair for clause, hits in placed(_NO_CHANGE.sub("unchanged", text)) for pair in _of_clause(clause, hits)]
    return [(mention, "not stated" if mention.absent and change != "resolved" else change) for mention, change in told]


def _of_clause(clause: str, hits: Sequence[tuple[Mention, int, int]]) -> list[tuple[Mention, Change]]:
    words = [(hit.start(), hit.end(), _meant(clause, hit)) for hit in _CHANGE.finditer(clause)]
    changes: list[Change] = []
    behind: list[bool] = []
    for at, (_, start, end) in enumerate(hits):
        low = hits[at - 1][2] if at else 0
        high = hits[at + 1][1] if at + 1 < len(hits) else len(clause)
        before = [word for begin, stop, word in words if low <= begin and stop <= start]
        after = [word for begin, stop, word in words if end <= begin and stop <= high]
        if at and behind[at - 1]:
            before = []  # it belongs to the finding it stands behind
        own = before[-1:] or after[:1]
        changes.append(own[0] if own else "not stated")
        behind.append(bool(own) and not before)
    for at in range(len(hits) - 2, -1, -1):  # "effusion and opacity are unchanged"
        if changes[at] == "not stated" and behind[at + 1] and _listed(clause, hits, at):
            changes[at], behind[at] = changes[at + 1], True
    for at in range(1, len(hits)):  # "increased effusion and opacity"
        if changes[at] == "not stated" and not behind[at - 1] and _listed(clause, hits, at - 1):
            changes[at] = changes[at - 1]
    return [(mention, change) for (mention, _, _), change in zip(hits, changes, strict=True)]


def _meant(clause: str, hit: re.Match[str]) -> Change:
    if hit.lastgroup != "stable" and _NOT.search(clause[: hit.start()]):
        return "not stated"
    named: dict[str, Change] = {"stable": "stable", "resolved": "resolved", "improved": "improved", "worsened": "worsened"}
    return named.get(str(hit.lastgroup), "new")


def _listed(clause: str, hits: Sequence[tuple[Mention, int, int]], at: int) -> bool:
    """Whether nothing but a list stands between a finding and the next."""
    return _JOINS.fullmatch(clause[hits[at][2] : hits[at + 1][1]]) is not None


def _one(heard: Iterable[tuple[Change, int]]) -> tuple[Change, tuple[int, ...]]:
    told = list(heard)
    stated = list(dict.fromkeys(change for change, _ in told if change != "not stated"))
    change: Change = "not stated" if not stated else stated[0] if len(stated) == 1 else "contradictory"
    return change, tuple(dict.fromkeys(id for _, id in told))
