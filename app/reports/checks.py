"""What a reader should look at twice. Every check gives remarks; none changes a word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.numbered import Numbered
from app.reports.mentions import Mention, mentions
from app.reports.report import NOT_SENT, Report, Section, Sentence
from app.reports.sentences import split

_PRIOR = re.compile(
    r"\b(?:unchanged|compar(?:ed|ison)|interval|previous(?:ly)?|prior|worsen(?:ed|ing)?|improv(?:ed|ing|ement)|progress(?:ed|ion)"
    r"|increas(?:ed|ing)|decreas(?:ed|ing)|new|newly|stable|persist(?:s|ent|ing)?|resolved|again)\b",
    re.IGNORECASE,
)
_NO_PRIOR = re.compile(r"\bno\s+(?:\w+\s+)?(?:prior|previous|comparison)\b|\bnot? compar", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remark:
    """`text` is one sentence for the reader; `sentences` are the ids it speaks of."""

    text: str
    sentences: tuple[int, ...]


def remarks(report: Report, width: int | None = None) -> list[Remark]:
    """All checks on the sentences that stand. `width` is the level-0 width of a frontal radiograph, for the side of boxes;
    None where sides cannot be read from the picture."""
    findings, impression = report.section(Section.FINDINGS), report.section(Section.IMPRESSION)
    found = [*_contradictions((*findings, *impression)), *_impression(findings, impression)]
    if not report.prior_sent:
        found += _invented_prior((*findings, *impression))
    if width is not None:
        found += _box_sides((*findings, *impression), width)
    found += _pictures_not_sent((*findings, *impression))
    if report.finish not in ("", "stop"):
        found.append(Remark(f"The draft is incomplete: the model ended by {report.finish}.", ()))
    return found


def _contradictions(sentences: Iterable[Sentence]) -> list[Remark]:
    """A finding said to be there and not to be there, on the same side or without a side."""
    seen: list[tuple[Sentence, Mention]] = []
    found = []
    for sentence in sentences:
        for mention in mentions(sentence.text):
            for other, earlier in seen:
                if mention.finding == earlier.finding and mention.absent != earlier.absent and _overlap(mention, earlier):
                    text = f"{mention.finding.capitalize()} is said to be present and absent."
                    found.append(Remark(text, tuple(sorted({other.id, sentence.id}))))
            seen.append((sentence, mention))
    return list(dict.fromkeys(found))


def _overlap(one: Mention, other: Mention) -> bool:
    absent, present = (one, other) if one.absent else (other, one)
    return absent.side in ("", "both") or present.side in ("both", absent.side)


def _impression(findings: Iterable[Sentence], impression: Iterable[Sentence]) -> list[Remark]:
    """The impression against the findings: a finding that is not there, or stands on the other side."""
    described = [(one.id, mention) for one in findings for mention in mentions(one.text) if not mention.absent]
    found = []
    for sentence in impression:
        for mention in (one for one in mentions(sentence.text) if not one.absent):
            same = [(id, one) for id, one in described if one.finding == mention.finding]
            sides = {one.side for _, one in same}
            if not same:
                found.append(Remark(f"The impression names {mention.finding}, the findings do not.", (sentence.id,)))
            elif mention.side in ("left", "right") and not sides & {mention.side, "both", ""}:
                ids = tuple(sorted({sentence.id, *(id for id, _ in same)}))
                found.append(Remark(f"{mention.finding.capitalize()} changes side between findings and impression.", ids))
    return list(dict.fromkeys(found))


def _invented_prior(sentences: Iterable[Sentence]) -> list[Remark]:
    return [Remark(said, (one.id,)) for one in sentences if (said := invented_prior(one.text))]


def invented_prior(sentence: str) -> str:
    """What to say of a sentence by a model that was sent no earlier picture; "" where it speaks of none."""
    hit = _PRIOR.search(sentence)
    if hit is None or _NO_PRIOR.search(sentence):
        return ""
    return f"“{hit[0]}” speaks of an earlier picture, but none was sent to the model."


def _pictures_not_sent(sentences: Iterable[Sentence]) -> list[Remark]:
    """A number that a person took out of the words is no longer named."""
    return [
        Remark(not_sent(evidence.label), (one.id,))
        for one in sentences for evidence in one.evidence
        if evidence.frame == NOT_SENT and evidence.label.split()[-1] in re.findall(r"\d+", one.text)
    ]  # fmt: skip


def not_sent(label: str) -> str:
    """What to say of words that name a picture of which the model got nothing."""
    return f"It names {label}, but no such picture was sent to the model."


def of_answer(text: str, prior_sent: bool, numbered: Numbered | None = None) -> list[str]:
    """What to look at twice in a free answer."""
    priors = [] if prior_sent else [said for one in split(text) if (said := invented_prior(one))]
    named = numbered.named(text) if numbered is not None else ()
    return list(dict.fromkeys([*priors, *(not_sent(label) for label, frame in named if frame is None)]))


def _box_sides(sentences: Iterable[Sentence], width: int) -> list[Remark]:
    """On a frontal film the patient's left is on the picture's right."""
    found = []
    for sentence in sentences:
        sides = {mention.side for mention in mentions(sentence.text)}
        for box in (one.box for one in sentence.evidence if one.box):
            drawn = "left" if box[0] + box[2] > width else "right"
            if len(sides) == 1 and sides <= {"left", "right"} and drawn not in sides:
                found.append(Remark(f"The text says {next(iter(sides))}, the box lies on the patient's {drawn}.", (sentence.id,)))
    return found
