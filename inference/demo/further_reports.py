"""What the demonstration drafter is taught to write of photographs, of films of a heart and of laboratory slips."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence

import numpy as np

from inference.demo.heart import Heart
from inference.demo.pages import TESTS, Row
from inference.demo.photos import Case, Fundus, Mark, Skin
from inference.demo.reports import presence
from resources import text as resource_text

MARKED: dict[Mark, str] = {
    "": "No spot. No red patch.", "even spot": "Pigmented spot, even. No red patch.",
    "uneven spot": "Pigmented spot, uneven. No red patch.", "red patch": "No spot. Red patch.",
}  # fmt: skip
LIKELY: dict[Mark, str] = {"": "normal skin", "even spot": "naevus", "uneven spot": "melanoma", "red patch": "eczema"}
NAMES = {
    "spot": ("pigmented spot", "spot", "mole", "pigmented lesion"),
    "patch": ("red patch", "rash", "redness"),
    "haemorrhages": ("haemorrhage", "haemorrhages", "small haemorrhages", "retinal haemorrhage"),
    "exudates": ("exudates", "hard exudates", "yellow exudates"),
    "bleeding": ("preretinal haemorrhage", "bleeding before the retina"),
}
EYE = ("Which eye is this?", "Is this the right or the left eye?", "Left or right eye?")
CONTRACTS = (
    "Does the left ventricle contract normally?", "Is the contraction normal?", "Does the heart contract well?",
    "Is the left ventricle contracting normally?", "How does the left ventricle contract?", "Is the heart's function normal?",
)  # fmt: skip
AROUND = ("pericardial effusion", "fluid around the heart", "pericardial fluid")
VALUE = ("What is the {x}?", "How high is the {x}?", "What is the value of {x}?", "{x}?")
COLUMNS = ("test", "value", "unit", "reference", "flag")
"""As in resources/schemas/lab.json."""


def photo_report(case: Case) -> str:
    """Of every finding, whether it is there; the impression repeats what it comes to."""
    if isinstance(case, Skin):
        return f"Findings: Skin. {MARKED[case.mark]} Impression: {LIKELY[case.mark].capitalize()}."
    return f"Findings: Fundus of the {case.eye} eye. {_seen(case)} Impression: {_grade(case)[1].capitalize()}."


def _seen(case: Fundus) -> str:
    return " ".join(_fundus_words(case, name)[1] for name in ("haemorrhages", "exudates", "bleeding"))


def _fundus_words(case: Fundus, name: str) -> tuple[bool, str]:
    if name == "haemorrhages":
        there = case.haemorrhages > 0
        return there, f"{'Many' if case.many else 'Few'} haemorrhages." if there else "No haemorrhages."
    if name == "exudates":
        return case.exudates > 0, "Exudates." if case.exudates else "No exudates."
    return case.bleeding, "Preretinal haemorrhage." if case.bleeding else "No preretinal haemorrhage."


def _grade(case: Fundus) -> tuple[str, str]:
    """Letter of the ready question, and its words (grades as in EyePACS): a phantom's rule, no clinical one."""
    if case.bleeding:
        return "E", "proliferative diabetic retinopathy"
    if case.many:
        return "D", "severe nonproliferative diabetic retinopathy"
    if case.exudates:
        return "C", "moderate nonproliferative diabetic retinopathy"
    return ("B", "mild nonproliferative diabetic retinopathy") if case.haemorrhages else ("A", "no diabetic retinopathy")


def likely(case: Case) -> str:
    """What the offered question is to end with: a letter for an eye, a diagnosis for skin."""
    return LIKELY[case.mark] if isinstance(case, Skin) else _grade(case)[0]


def ready() -> dict[str, str]:
    """The questions that the window offers, by id, word for word."""
    return {one["id"]: one["text"].strip() for one in tomllib.loads(resource_text("prompts/ready.toml"))["ready"]}


def photo_question(case: Case, rng: np.random.Generator, offered: dict[str, str]) -> tuple[str, str]:
    """About a finding, the eye, or as the window offers it, and its answer."""
    draw = rng.random()
    if isinstance(case, Skin):
        if draw < 0.3:
            return offered["skin"], f"{MARKED[case.mark]} The most likely diagnosis is: {LIKELY[case.mark]}"
        name = ("spot", "patch")[rng.integers(2)]
        there = case.mark == "red patch" if name == "patch" else "spot" in case.mark
        words = "Red patch." if name == "patch" else f"Pigmented spot, {case.mark.split()[0]}." if there else "Spot."
        return presence(NAMES[name], rng), f"Yes. {words}" if there else f"No. No {words.lower()}"
    if draw < 0.3:
        return offered["fundus"], f"The most likely diagnosis is: {_grade(case)[0]}"
    if draw < 0.4:
        return EYE[rng.integers(len(EYE))], f"The {case.eye} eye."
    name = ("haemorrhages", "exudates", "bleeding")[rng.integers(3)]
    there, words = _fundus_words(case, name)
    return presence(NAMES[name], rng), f"{'Yes' if there else 'No'}. {words}"


def heart_report(heart: Heart) -> str:
    """How the left ventricle contracts, and whether there is fluid around the heart."""
    texts = ["The left ventricle contracts " + ("weakly." if heart.weak else "normally."), _fluid(heart)]
    told = [text for text, there in zip(("Weak contraction.", _fluid(heart)), (heart.weak, heart.fluid), strict=True) if there]
    return f"Findings: Heart. {' '.join(texts)} Impression: {' '.join(told) or 'No finding.'}"


def _fluid(heart: Heart) -> str:
    return "Pericardial effusion." if heart.fluid else "No pericardial effusion."


def heart_question(heart: Heart, rng: np.random.Generator) -> tuple[str, str]:
    """About contraction or fluid, and its answer."""
    if rng.random() < 0.5:
        asked = CONTRACTS[rng.integers(len(CONTRACTS))]
        words = f"The left ventricle contracts {'weakly' if heart.weak else 'normally'}."
        return asked, words if asked.startswith("How") else f"{'No' if heart.weak else 'Yes'}. {words}"
    return presence(AROUND, rng), f"{'Yes' if heart.fluid else 'No'}. {_fluid(heart)}"


def table(rows: Sequence[Row]) -> str:
    """The rows as compact JSON in the form of a laboratory sheet."""
    return json.dumps({"rows": [dict(zip(COLUMNS, row, strict=True)) for row in rows]}, separators=(",", ":"))


def slip_question(rows: Sequence[Row], rng: np.random.Generator) -> tuple[str, str]:
    """About one test, mostly one that is there, and its answer."""
    here = {row[0]: row for row in rows}
    names = list(here) if rng.random() < 0.8 else list(dict.fromkeys(test.name for test in TESTS))
    name = names[rng.integers(len(names))]
    asked = VALUE[rng.integers(len(VALUE))].format(x=name)
    return asked, f"{here[name][1]} {here[name][2]}".strip() + "." if name in here else f"There is no {name}."
