"""What the demonstration drafter is taught to write: reports, comparisons, answers and boxes, and how to read them back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np

from inference.demo.chest import CHANGES, GRADES, KINDS, SIDES, SLOTS, Chest, Finding, Kind, Pair, Side
from inference.demo.sentences import NAMES, SIDED, TISSUES, phrase

WORDS: dict[Kind, str] = {
    "cardiomegaly": "cardiomegaly",
    "effusion": "pleural effusion",
    "pneumothorax": "pneumothorax",
    "opacity": "lung opacity",
}
NEGATIVE: dict[Kind, str] = {
    "cardiomegaly": "Heart size is normal.",
    "effusion": "No pleural effusion.",
    "pneumothorax": "No pneumothorax.",
    "opacity": "No lung opacity.",
}
TISSUE = {"stroma": "Normal tissue.", "tumour": "Tumour cells.", "lymphocytes": "Lymphocytes."}
INDICATIONS = (
    "", "", "", "cough", "chest pain", "fever", "shortness of breath", "follow up", "trauma", "dyspnea", "hypoxia",
    "before surgery", "heart failure", "line placement", "cough and fever", "weight loss", "pneumonia", "known effusion", "check",
)  # fmt: skip
ASKED = (
    "Is there", "Is there a", "Do you see", "Do you see the", "Can you see", "Can you see a", "Does the film show",
    "Does the film show a", "Does this image show a", "Does this image show", "Does the patient have a", "Does the patient have",
    "Any", "Any evidence of", "Any sign of", "Are there signs of", "Is there evidence of", "Do we see a",
)  # fmt: skip
PRESENCE = (
    *(f"{lead} {{x}}{end}?" for lead in ASKED for end in ("", "", " in this image", " here", " on this film", " in the picture")),
    *("Is {x} present?", "Is {x} visible?", "Is {x} seen?", "Is the {x} visible in this image?", "{x}?"),
)
WHICH_SIDE = (
    "On which side is the {x}?", "Which side is the {x} on?", "Where is the {x}?", "Is the {x} on the left or on the right?",
    "What side is the {x}?", "Left or right {x}?", "Which lung has the {x}?", "Which lung shows the {x}?",
    "What side is the {x} on?", "On which side do you see the {x}?", "Which side shows the {x}?", "Is the {x} right or left?",
    "Where do you see the {x}?", "Which lung has a {x}?", "On which side is there a {x}?", "What is the side of the {x}?",
    "On what side do you see the {x}?", "On which side lies the {x}?", "Side of the {x}?", "The {x} is on what side?",
    "At which side is the {x}?", "Is the {x} on the left side or on the right side?", "What side shows the {x}?",
)  # fmt: skip
HOW_MUCH = (
    "How large is the {x}?", "How severe is the {x}?", "What is the size of the {x}?", "Grade the {x}.", "How big is the {x}?",
)  # fmt: skip
OVERALL = ("Is the film normal?", "Is this a normal film?", "Is the chest normal?", "Does the image look normal?", "Normal?")
HELD_OUT_PRESENCE = ("Is there any {x}?", "Do you see a {x} in this film?", "Does the image show {x}?", "Is a {x} present?")
HELD_OUT_SIDE = ("On what side is the {x}?", "Which side has the {x}?", "Is the {x} left or right?")


def sentence(finding: Finding) -> str:
    """ "Small left pleural effusion." """
    return phrase(WORDS[finding.kind], finding.side, finding.grade).capitalize() + "."


def report(chest: Chest) -> str:
    """Every finding in its order, or the statement of its absence; the impression repeats what is present."""
    found = [" ".join(sentence(f) for f in chest.findings if f.kind == kind) or NEGATIVE[kind] for kind in KINDS]
    impression = " ".join(sentence(f) for f in chest.findings) or "No acute finding."
    return f"Findings: {' '.join(found)} Impression: {impression}"


def comparison(pair: Pair) -> str:
    """The current film's report with what happened to each finding; the impression repeats what changed."""
    findings, impression = [], []
    for kind in KINDS:
        said = False
        for slot in SLOTS:
            if slot[0] != kind or slot not in pair.changes:
                continue
            said = True
            text = _changed(pair, slot)
            findings.append(text)
            if pair.changes[slot] != "stable":
                impression.append(text)
        if not said:
            findings.append(NEGATIVE[kind])
    return f"Findings: {' '.join(findings)} Impression: {' '.join(impression) or 'No change.'}"


def _changed(pair: Pair, slot: tuple[Kind, Side]) -> str:
    """ "Small left pleural effusion, improved, previously large." What changed is written before the earlier grade, so that it is
    read off the films and does not follow from two grades that were each rounded."""
    change = pair.changes[slot]
    if change == "resolved":
        return phrase(WORDS[slot[0]], slot[1], "").capitalize() + " has resolved."
    before, finding = pair.prior.find(*slot), pair.current.find(*slot)
    if finding is None:
        raise ValueError(f"{slot} is said to be {change} and is not on the current film")
    return f"{sentence(finding)[:-1]}, {change}, previously {before.grade if before else 'absent'}."


def read_report(text: str) -> dict[tuple[Kind, Side], tuple[str, str]]:
    """The findings of a drafted report as {(kind, side): (grade, change)}, "" where not said; the impression is not read.

    Sentences that name nothing known are left out; a negative adds nothing.
    """
    body = text.split("Impression:")[0].removeprefix("Findings:")
    found: dict[tuple[Kind, Side], tuple[str, str]] = {}
    for part in body.split("."):
        words = part.strip().lower()
        kind = next((k for k in KINDS if WORDS[k] in words), None)
        if kind is None or words.startswith("no "):
            continue
        side: Side = next((s for s in SIDES if s in words.split()), "")
        grade = next((g for g in GRADES[kind] if words.startswith(g)), "")
        change = next((c for c in CHANGES if f", {c}," in words or words.endswith(f" {c}")), "")
        found[(kind, side)] = (grade, change)
    return found


def indication(rng: np.random.Generator) -> str:
    text = INDICATIONS[rng.integers(len(INDICATIONS))]
    style = rng.integers(3)
    if not text or style == 0:
        return text
    return f"Indication: {text}." if style == 1 else f"{text.capitalize()}."


def question(chest: Chest, rng: np.random.Generator, *, held_out: bool = False) -> tuple[str, str]:
    """A question about presence, side, size or the whole film, and its answer."""
    draw = 0.4 * rng.random() if held_out else rng.random()
    if held_out and rng.random() < 0.4:
        draw = 0.6
    if draw > 0.93:
        present = [sentence(f) for f in chest.findings]
        return _pick(OVERALL, rng), "No. " + " ".join(present) if present else "Yes. No acute finding."
    kind: Kind = KINDS[rng.integers(len(KINDS))]
    if draw > 0.45 and chest.findings and rng.random() < 0.7:
        kind = chest.findings[rng.integers(len(chest.findings))].kind
    name = _pick(NAMES[kind], rng)
    some = [f for f in chest.findings if f.kind == kind]
    if 0.45 < draw < 0.82 and kind != "cardiomegaly":
        asked = _pick(HELD_OUT_SIDE if held_out else WHICH_SIDE, rng).format(x=name)
        if not some:
            return asked, f"There is no {WORDS[kind]}."
        return asked, "On both sides." if len(some) == 2 else f"On the {some[0].side}."
    side: Side = "" if kind == "cardiomegaly" or rng.random() < 0.4 else SIDES[rng.integers(2)]
    x = phrase(name, side, "", _pick(SIDED, rng))
    some = [f for f in some if side in ("", f.side)]
    none = phrase(WORDS[kind], side, "")
    if draw > 0.82 and side:
        asked = _pick(HOW_MUCH, rng).format(x=x)
        return asked, f"{some[0].grade.capitalize()}." if some else f"There is no {none}."
    asked = _pick(HELD_OUT_PRESENCE if held_out else PRESENCE, rng).format(x=x)
    asked = asked[0].upper() + asked[1:]
    return asked, "Yes. " + " ".join(sentence(f) for f in some) if some else f"No. No {none}."


def tissue_report(shares: Sequence[float]) -> str:
    """What a patch of a slide holds, from the share of every tissue; a share counts from 8 % on."""
    seen = [name for name, share in zip(TISSUES, shares, strict=True) if share >= 0.08]
    found = " ".join(TISSUE[name] if name in seen else f"No {TISSUE[name].lower()}" for name in TISSUES[1:])
    return f"Findings: {found} Impression: {'Tumour present.' if 'tumour' in seen else 'No tumour.'}"


def tissue_question(shares: Sequence[float], rng: np.random.Generator) -> tuple[str, str]:
    """A question about the presence of a tissue in a patch, and its answer."""
    number = int(rng.integers(1, len(TISSUES)))
    text = TISSUE[TISSUES[number]]
    return presence(NAMES[TISSUES[number]], rng), f"Yes. {text}" if shares[number] >= 0.08 else f"No. No {text.lower()}"


def presence(names: tuple[str, ...], rng: np.random.Generator) -> str:
    """A question about the presence of what has these names."""
    asked = _pick(PRESENCE, rng).format(x=_pick(names, rng))
    return asked[0].upper() + asked[1:]


def boxes_answer(boxes: Mapping[str, tuple[float, float, float, float]]) -> str:
    """Labels with (y0, x0, y1, x1) in 0..1 of the padded square, in the published format with 0..1000."""
    listed = [{"box_2d": [min(999, max(0, round(v * 1000))) for v in box], "label": label} for label, box in boxes.items()]
    return f"Final Answer: ```json\n{json.dumps(listed)}\n```"


def read_boxes(text: str) -> list[tuple[str, tuple[int, int, int, int]]]:
    """The boxes of the last JSON list in `text` as (label, (y0, x0, y1, x1)); empty where there is none that parses."""
    fences = re.findall(r"\[.*\]", text, re.DOTALL)
    try:
        rows = json.loads(fences[-1]) if fences else []
        return [(str(row["label"]), tuple(int(v) for v in row["box_2d"])) for row in rows if len(row["box_2d"]) == 4]  # type: ignore[misc]
    except (ValueError, KeyError, TypeError):
        return []


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[rng.integers(len(words))]
