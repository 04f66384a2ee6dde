"""What lies outside of what a model was trained for, in sentences that stand on the result. Nothing is refused here.

The table is resources/guards.toml. What a file does not say stays unknown: it is said so, and never assumed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

import resources
from app.known import CODES, OTHER, Known
from app.modality import KINDS
from app.priors import days_between, same_patient
from inference.questions import (
    BoxQuestion,
    ChangeQuestion,
    ConditionQuestion,
    DraftQuestion,
    FreeQuestion,
    HeatmapQuestion,
    LabelQuestion,
    Modality,
    Picture,
    Question,
    TableQuestion,
)

Ask = Literal["report", "comparison", "box", "question", "labels", "heatmap", "embedding"]
UNKNOWN = "Not stated in the file: "
"""Begins every sentence about what is not known; all others tell of what lies outside."""
_WHAT: dict[Ask, str] = {
    "report": "reports", "comparison": "comparisons", "box": "boxes", "question": "answers", "labels": "labels",
    "heatmap": "heatmaps", "embedding": "vectors",
}  # fmt: skip
_ONE: dict[Modality, str] = {
    "cxr": "film", "ct": "CT slice", "mr": "MR slice", "slide": "section", "photo": "photograph", "document": "page",
}  # fmt: skip
_REMARK = "remark: "
"""Begins a step of a picture that tells of something out of the ordinary."""
_SIDE = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a model was trained on for one kind of picture and what is asked; see resources/guards.toml. Empty: anything."""

    models: tuple[str, ...]
    kind: Modality
    on: str
    source: str
    asks: tuple[Ask, ...] = ()
    codes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    planes: tuple[str, ...] = ()
    right_edge: str = ""
    mpp: tuple[float, ...] = ()
    fields_mpp: tuple[float, ...] = ()
    """Where several fields are sent together; as `mpp` without it."""
    stain: bool = False
    subject: bool = False


def table() -> tuple[Trained, ...]:
    """The rows of resources/guards.toml in their order."""
    names = {one.name for one in fields(Trained)}
    return tuple(_trained({name: row[name] for name in row if name in names}) for row in _read())


def trained(model: str, kind: Modality, ask: Ask) -> Trained | None:
    """The first row that suits; None where nothing is on record."""
    return next((row for row in table() if model in row.models and row.kind == kind and (not row.asks or ask in row.asks)), None)


def warnings(
    question: Question, model: str, side: int, pictures: Sequence[Picture], current: Known, prior: Known | None = None
) -> tuple[str, ...]:
    """Sentences about asking `model`, whose square is `side` pixels wide, for an answer about the last of `pictures`.

    With a `prior` the first of them is the earlier one.
    """
    asked = ask_of(question, prior is not None)
    row = trained(model, current.kind, asked)
    found = list[str]()
    if row is not None:
        found += [*_outside(row, asked, current, len(pictures)), *_unknown(row, asked, current, pictures[-1])]
        found += _scale(row, asked, pictures[-1], side, row.fields_mpp if len(pictures) > 1 and row.fields_mpp else row.mpp)
    elif current.guess:
        found.append(_sentence(current.guess))
    found += [*_sides(question, current), *_form(question)]
    if prior is not None:
        found += _priors(current, prior, pictures)
    found += [_sentence(step.removeprefix(_REMARK)) for one in pictures for step in one.steps if step.startswith(_REMARK)]
    found.sort(key=lambda one: one.startswith(UNKNOWN))
    return tuple(dict.fromkeys(found))


def ask_of(question: Question, prior: bool) -> Ask:
    if isinstance(question, ChangeQuestion):
        return "comparison"
    if isinstance(question, DraftQuestion):
        return "comparison" if prior else "report"
    if isinstance(question, BoxQuestion):
        return "box"
    if isinstance(question, LabelQuestion):
        return "labels"
    if isinstance(question, HeatmapQuestion):
        return "heatmap"
    return "question" if isinstance(question, FreeQuestion | TableQuestion | ConditionQuestion) else "embedding"


def _outside(row: Trained, asked: Ask, one: Known, pictures: int) -> Iterable[str]:
    part = one.part if row.parts and one.part and one.part not in row.parts else ""
    view = one.view if row.views and one.view and one.view not in row.views else ""
    code = one.code if row.codes and one.code and one.code not in row.codes else ""
    plane = one.plane if row.planes and one.plane and one.plane not in row.planes and pictures == 1 else ""
    if part or view or code or plane:
        yield f"{_named(one, view, part, plane)}: {_WHAT[asked]} were trained on {row.on}."
    if one.kind == "slide" and one.channels:
        mixed = "1 channel" if one.channels == 1 else f"{one.channels} channels"
        yield f"A section of {mixed}, mixed into colours of no stain: {_WHAT[asked]} were trained on {row.on}."
    if row.right_edge and one.right_edge and one.right_edge != row.right_edge and not plane:
        yield "The patient's right lies on picture-right, the other way round than in training: check every side."


def _named(one: Known, view: str, part: str, plane: str) -> str:
    """A picture by what is unusual about it: "A lateral film of the knee"."""
    noun = CODES.get(one.code, _ONE[one.kind])
    seen = "" if view in ("", OTHER, "mammographic") else view
    first = " ".join(filter(None, (plane.lower(), seen, noun)))
    of = "" if part in ("", OTHER) or (part == "breast" and noun == "mammogram") else f" of the {part}"
    odd = [word for word, value in (("body part", part), ("view", view)) if value == OTHER]
    rest = f" with a {' and a '.join(odd)} that {'is' if len(odd) == 1 else 'are'} not known here" if odd else ""
    return f"{'An' if first[:1].lower() in 'aeiou' else 'A'} {first}{of}{rest}"


def _unknown(row: Trained, asked: Ask, one: Known, picture: Picture) -> Iterable[str]:
    names = {
        "body part": row.parts and not one.part,
        "view": row.views and not one.view,
        "plane": row.planes and not one.plane,
        "stain": row.stain and not one.channels,
        "what was photographed": row.subject and one.code != "OP",
        "size of a pixel": row.mpp and picture.mpp is None,
    }
    missing = [name for name, gone in names.items() if gone]
    if one.guess:
        yield _sentence(one.guess)
    if missing:
        yield f"{UNKNOWN}{_listed(missing)}; {_WHAT[asked]} were trained on {row.on}."


def _scale(row: Trained, asked: Ask, picture: Picture, side: int, mpp: tuple[float, ...]) -> Iterable[str]:
    """`mpp`: from, to."""
    if not mpp or picture.mpp is None or side <= 0:
        return
    low, high = mpp
    seen = picture.mpp * max(picture.pixels.shape[:2]) / side
    if not low / 1.1 <= seen <= high * 1.1:  # a tenth either way is no other magnification
        way = "choose a smaller region" if seen > high else "choose a larger region"
        yield f"The model sees {seen:.2g} µm per pixel; {_WHAT[asked]} were trained on {row.on}: {way}."


def _sides(question: Question, one: Known) -> Iterable[str]:
    fields = {FreeQuestion: "text", BoxQuestion: "object", HeatmapQuestion: "phrase", ConditionQuestion: "condition"}
    words = fields.get(type(question))
    named = {word.lower() for word in _SIDE.findall(str(getattr(question, words)))} if words else set[str]()
    if one.side and len(named) == 1 and one.side not in named:
        yield f"The question names the {named.pop()}, the file says that the picture is of the {one.side} side."


def _form(question: Question) -> Iterable[str]:
    """What the way of asking does to the answer."""
    if isinstance(question, ChangeQuestion):
        yield "Each change is a choice among improved, stable and worsened: the model could not say that it is unsure."
    carried = question.before if isinstance(question, FreeQuestion) else ()
    if carried:
        count = "1 earlier question" if len(carried) == 1 else f"{len(carried)} earlier questions"
        yield f"A follow-up that carries {count} with the answers: models were not evaluated for dialogue."


def _priors(current: Known, prior: Known, pictures: Sequence[Picture]) -> Iterable[str]:
    """Whether an earlier picture can be one: same patient, kind, part and view, and earlier."""
    if np.array_equal(pictures[0].pixels, pictures[-1].pixels):
        yield "Prior and current are the same picture."
        return
    if prior.kind != current.kind:
        yield f"The prior is one of {KINDS[prior.kind]}, the current picture one of {KINDS[current.kind]}."
    for what, was, now in (("body part", prior.part, current.part), ("view", prior.view, current.view)):
        if was and now and was != now:
            yield f"The prior shows another {what} than the current picture{_both(was, now)}."
    before, after = prior.facts, current.facts
    if before is None or after is None:
        yield f"{UNKNOWN}whose the two pictures are and which came first; the one given as prior was sent first."
        return
    if before.patient_key and after.patient_key and not same_patient(before, after):
        yield "Prior and current are of different patients by the files' own words."
    days = days_between(after.study_date, before.study_date)
    if days < 0 or (after.study_date == before.study_date and "" < after.study_time < before.study_time):
        yield f"The picture sent as prior was taken {_later(-days)} than the current one."
    missing = [word for word, gone in (("whose the two pictures are", not (before.patient_key and after.patient_key)),
                                       ("which came first", not (before.study_date and after.study_date))) if gone]  # fmt: skip
    if missing:
        yield f"{UNKNOWN}{_listed(missing)}."
    if {before.view, after.view} == {"AP", "PA"}:
        yield f"The prior is {before.view}, the current film {after.view}: the heart looks larger on the AP film."


def _both(was: str, now: str) -> str:
    return "" if OTHER in (was, now) else f" ({was} before, {now} now)"


def _later(days: int) -> str:
    return "later on the same day" if days == 0 else "1 day later" if days == 1 else f"{days} days later"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _read() -> list[dict[str, Any]]:
    return list(tomllib.loads(resources.text("guards.toml"))["trained"])


def _trained(row: dict[str, Any]) -> Trained:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Trained(**values)
