"""What a sentence says of a finding: which, on whose side, present or absent. A rule of thumb, used only for remarks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "both", ""]

_FINDINGS = {
    "opacity": r"opacit(?:y|ies)|opacification|airspace disease",
    "consolidation": r"consolidations?",
    "pneumonia": r"pneumonias?",
    "effusion": r"effusions?|hydrothorax",
    "pneumothorax": r"pneumothora(?:x|ces)",
    "cardiomegaly": r"cardiomegaly|enlarged (?:heart|cardiac silhouette)|(?:heart|cardiac silhouette) is (?:\w+ )?enlarged",
    "oedema": r"o?edema|vascular congestion",
    "atelectasis": r"atelecta(?:sis|ses|tic)|collapse",
    "nodule": r"nodules?|nodular",
    "mass": r"mass(?:es)?",
    "fracture": r"fractures?|fractured",
    "tumour": r"tumou?rs?|carcinoma|malignan(?:t|cy)",
    "inflammation": r"inflammation|lymphocyt(?:es|ic)",
}
_FINDING = re.compile("|".join(f"(?P<{name}>\\b(?:{words})\\b)" for name, words in _FINDINGS.items()), re.IGNORECASE)
_SIDE = re.compile(r"\b(left|right|bilateral(?:ly)?|both)\b", re.IGNORECASE)
_ABSENT_BEFORE = re.compile(
    r"\b(?:no|not|without|absent|absence of|free of|clear of|negative for|neither|nor|never)\b", re.IGNORECASE
)
_VERB = r"\b(?:is|are|was|were)\b"
_ABSENT_AFTER = re.compile(
    rf"^(?:(?!{_VERB}).)*{_VERB}\s+(?:absent|excluded|resolved|(?:not|no longer) (?:\w+ )?(?:seen|present|visible|identified))\b"
    r"|^\s*absent\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r";|:|\.\s|\bbut\b|\bhowever\b|\bexcept\b|\bwhile\b|\bwhereas\b|\balthough\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """One finding in one sentence; `side` is the patient's, "" when none is given."""

    finding: str
    side: Side
    absent: bool


def mentions(text: str) -> list[Mention]:
    """The known findings a sentence names, in its order.

    A word of absence reaches to the end of its clause ("no effusion or pneumothorax; right opacity"). A side belongs to the
    finding it stands before, else to the one it follows.
    """
    return [mention for _, hits in placed(text) for mention, _, _ in hits]


def placed(text: str) -> list[tuple[str, list[tuple[Mention, int, int]]]]:
    """The clauses of a sentence, each with its mentions and where their words begin and end in it."""
    return [(clause, _of_clause(clause)) for clause in _CLAUSE.split(text)]


def _of_clause(clause: str) -> list[tuple[Mention, int, int]]:
    found = list(_FINDING.finditer(clause))
    free = list(_SIDE.finditer(clause))
    result = []
    for index, hit in enumerate(found):
        start = found[index - 1].end() if index else 0
        end = found[index + 1].start() if index + 1 < len(found) else len(clause)
        absent = bool(_ABSENT_BEFORE.search(clause[: hit.start()]) or _ABSENT_AFTER.search(clause[hit.end() :]))
        before = [word for word in free if start <= word.start() < hit.start()]
        after = [word for word in free if hit.end() <= word.start() < end]
        own = _joined(clause, before[-2:]) or before[-1:] or _joined(clause, after[:2]) or after[:1]
        free = [word for word in free if word not in own]
        result.append((Mention(str(hit.lastgroup), _side([word[1].lower() for word in own]), absent), hit.start(), hit.end()))
    return result


def _joined(clause: str, words: list[re.Match[str]]) -> list[re.Match[str]]:
    """Both words of "left and right" where they stand together, else none."""
    if len(words) == 2 and clause[words[0].end() : words[1].start()].strip().lower() in {"and", "or", "/", "&"}:
        return words
    return []


def _side(words: list[str]) -> Side:
    if not words:
        return ""
    if len(set(words)) > 1 or words[0] not in ("left", "right"):
        return "both"
    return "left" if words[0] == "left" else "right"
