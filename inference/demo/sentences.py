"""The words of the demonstration models: what is true of a phantom, said in many ways to the encoder and in one way by the
drafter. Sides are the patient's. Wordings in `HELD_OUT` and the shipped label sets are never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.demo.chest import KINDS, SLOTS, Chest, Kind, Side

NAMES: dict[str, tuple[str, ...]] = {
    "cardiomegaly": ("cardiomegaly", "enlarged heart", "heart enlargement", "enlarged cardiac silhouette"),
    "effusion": ("pleural effusion", "effusion", "pleural fluid", "fluid in the pleural space"),
    "pneumothorax": ("pneumothorax", "pleural air", "air in the pleural space", "collapsed lung"),
    "opacity": ("opacity", "lung opacity", "consolidation", "airspace opacity", "infiltrate"),
    "tumour": ("tumour", "tumour cells", "cancer", "carcinoma", "malignant tissue"),
    "lymphocytes": ("lymphocytes", "lymphoid cells", "inflammatory cells", "lymphocyte infiltration"),
    "stroma": ("normal tissue", "stroma", "benign tissue", "connective tissue"),
    "background": ("background", "empty glass", "no tissue", "blank slide"),
}
TISSUES = ("background", "stroma", "tumour", "lymphocytes")
"""Classes of a slide in the order of its class map."""

SIDED = ("{side} {name}", "{name} on the {side}", "{side} sided {name}", "{name} on the {side} side")
FILM = {
    "present": (
        "{x}", "there is {x}", "chest radiograph showing {x}", "{x} is present", "findings consistent with {x}", "{x} is seen",
        "film with {x}", "evidence of {x}", "the patient has {x}", "the image demonstrates {x}", "visible {x}",
        "positive for {x}", "picture of {x}", "an image with {x}", "an image showing {x}", "appearance of {x}", "features of {x}",
        "a case of {x}", "suggestive of {x}", "suspicion of {x}", "radiograph of {x}", "radiograph with {x}", "view with {x}",
        "chest film that shows {x}", "{x} on the film", "{x} in the image", "obvious {x}", "clear evidence of {x}", "we see {x}",
    ),
    "absent": (
        "no {x}", "there is no {x}", "no evidence of {x}", "without {x}", "{x} is absent", "chest radiograph with no {x}",
        "free of {x}", "negative for {x}", "the patient has no {x}", "no visible {x}", "an image with no {x}",
        "the image shows no {x}", "picture without {x}", "radiograph without {x}", "film without {x}", "a film that lacks {x}",
        "no suggestion of {x}", "no suspicion of {x}", "no features of {x}", "no appearance of {x}", "not a case of {x}",
        "lack of {x}", "{x} is not seen", "{x} is not present", "{x} is excluded", "we see no {x}", "absent {x}",
    ),
}  # fmt: skip
SLIDE = {
    "present": (
        "{x}", "there is {x}", "slide showing {x}", "histology of {x}", "microscopic image of {x}", "patch with {x}",
        "{x} is present", "region of {x}", "the image demonstrates {x}", "evidence of {x}", "area of {x}", "an image with {x}",
        "picture of {x}", "a region with {x}", "field with {x}", "{x} is seen", "microscopic view of {x}",
    ),
    "absent": (
        "no {x}", "there is no {x}", "slide without {x}", "{x} is absent", "free of {x}", "no evidence of {x}",
        "picture without {x}", "field without {x}", "an image with no {x}", "a patch with no {x}", "region without {x}",
        "{x} is not seen", "lack of {x}",
    ),
}  # fmt: skip
HELD_OUT = {
    "film present": ("an image of {x}", "signs of {x}", "radiograph with visible {x}"),
    "film absent": ("no sign of {x}", "an image without {x}", "absence of {x}"),
    "slide present": ("an image of {x}", "microscopic region showing {x}"),
    "slide absent": ("an image without {x}", "a region with no {x}"),
}
NORMAL = ("normal chest radiograph", "no acute finding", "normal study", "no abnormality", "normal film", "healthy chest")
ABNORMAL = ("abnormal chest radiograph", "abnormal study", "acute finding", "there is an abnormality", "abnormal film")
CLEAR = {
    "cardiomegaly": ("normal heart size", "heart size is normal", "the heart is not enlarged"),
    "effusion": ("clear pleural spaces",),
    "pneumothorax": ("both lungs are expanded",),
    "opacity": ("clear lungs", "the lungs are clear"),
}


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that is true or false of a picture: `subject` is a kind of finding, a tissue or "film".

    `grade` and `side` "" mean any. "film" stands for the whole film, present = abnormal.
    """

    subject: str
    side: Side = ""
    grade: str = ""
    present: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of one picture: a film's findings, or the share of every tissue in a patch of a slide."""

    chest: Chest | None = None
    shares: tuple[float, ...] = ()


def film_concepts() -> list[Concept]:
    """Every concept of a film, plain and sided in both directions."""
    plain = [Concept(kind, present=present) for kind in KINDS for present in (True, False)]
    sided = [Concept(k, s, present=p) for k, s in SLOTS if s for p in (True, False)]
    return [*plain, *sided, Concept("film"), Concept("film", present=False)]


def tissue_concepts() -> list[Concept]:
    return [Concept(tissue, present=present) for tissue in TISSUES for present in (True, False)]


def truth_of(concept: Concept, truth: Truth) -> float:
    """1 true, 0 false, nan where it is not decided (a negation about the other modality, a share between 3 % and 30 %)."""
    if concept.subject in TISSUES:
        if truth.chest is not None:
            return 0.0 if concept.present else float("nan")
        share = truth.shares[TISSUES.index(concept.subject)]
        value = 1.0 if share > 0.3 else 0.0 if share < 0.03 else float("nan")
    elif truth.chest is None:
        return 0.0 if concept.present else float("nan")
    elif concept.subject == "film":
        value = float(bool(truth.chest.findings))
    else:
        value = float(any(_matches(concept, f.kind, f.side, f.grade) for f in truth.chest.findings))
    return value if concept.present else 1.0 - value


def _matches(concept: Concept, kind: Kind, side: Side, grade: str) -> bool:
    return kind == concept.subject and concept.side in ("", side) and concept.grade in ("", grade)


def phrase(name: str, side: Side, grade: str, sided: str = SIDED[0]) -> str:
    """ "small left pleural effusion"; the words of side and grade left out where they are empty."""
    text = sided.format(side=side, name=name) if side else name
    return f"{grade} {text}" if grade else text


def say(concept: Concept, rng: np.random.Generator, *, held_out: bool = False) -> str:
    """One sentence for the encoder that claims `concept`."""
    if concept.subject == "film":
        words = ABNORMAL if concept.present else NORMAL
        return words[rng.integers(len(words))]
    if not concept.present and not concept.side and not held_out and concept.subject in CLEAR and rng.random() < 0.25:
        clear = CLEAR[concept.subject]
        return clear[rng.integers(len(clear))]
    names = NAMES[concept.subject]
    sided = SIDED[rng.integers(len(SIDED))]
    x = phrase(names[rng.integers(len(names))], concept.side, concept.grade, sided)
    place, way = "slide" if concept.subject in TISSUES else "film", "present" if concept.present else "absent"
    templates = HELD_OUT[f"{place} {way}"] if held_out else (SLIDE if place == "slide" else FILM)[way]
    return templates[rng.integers(len(templates))].format(x=x)


def corpus(seed: int = 7, count: int = 6000) -> list[str]:
    """Sentences to train the encoder's tokenizer on; from seeds of training only."""
    rng = np.random.default_rng(seed)
    concepts = [*film_concepts(), *tissue_concepts()]
    concepts += [Concept(f, s, g) for f, s in SLOTS for g in ("mild", "moderate", "severe", "small", "large")]
    return [say(concepts[rng.integers(len(concepts))], rng) for _ in range(count)]
