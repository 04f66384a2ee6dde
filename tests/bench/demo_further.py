"""What the demonstration drafter can do on photographs, laboratory slips, films of a heart and records never seen."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from inference.answers import Draft
from inference.demo import further_reports as words
from inference.demo import notes, photos
from inference.demo.further import Beat, Photo, Slip
from inference.engine import Engine
from inference.questions import DraftQuestion, FreeQuestion, Picture, Question, TableQuestion
from tests.bench.results_file import Row, share


def photographs(engine: Engine, drawn: Sequence[Photo]) -> list[Row]:
    """Every sentence of the findings of a draft, and the questions that the window offers."""
    skin: list[bool] = []
    fundus: dict[str, list[bool]] = {"eye": [], "haemorrhages": [], "exudates": [], "preretinal haemorrhage": []}
    asked: dict[str, list[bool]] = {"fundus": [], "skin": []}
    offered = words.ready()
    for one in drawn:
        pictures = [Picture(one.pixels[0], "photo")]
        said, true = (findings(text) for text in (_told(engine, DraftQuestion(""), pictures), words.photo_report(one.case)))
        kind = "skin" if isinstance(one.case, photos.Skin) else "fundus"
        if kind == "skin":
            skin.append(said == true)
        else:
            for name, mine, sentence in zip(fundus, [*said, *[""] * len(true)], true, strict=False):
                fundus[name].append(mine == sentence)
        answer = _told(engine, FreeQuestion(offered[kind]), pictures)
        asked[kind].append(answer.rsplit(": ", 1)[-1] == words.likely(one.case))
    return [
        share("photographs of skin: the mark, or none", skin, 0.95),
        *(share(f"photographs of the fundus: {name}", right, 0.95) for name, right in fundus.items()),
        share("photographs: the offered question, skin", asked["skin"], 0.9),
        share("photographs: the offered question, fundus", asked["fundus"], 0.9),
    ]


def slips(engine: Engine, drawn: Sequence[Slip]) -> list[Row]:
    """Every cell of the table as printed, whole rows, and the number of rows."""
    cells: dict[str, list[bool]] = {column: [] for column in words.COLUMNS}
    rows, counted, asked = [], [], []
    for number, one in enumerate(drawn):
        pictures = [Picture(one.pixels[0], "document")]
        read = json.loads(_told(engine, TableQuestion(), pictures))["rows"]
        question, answer = words.slip_question(one.rows, np.random.default_rng([number, 89]))
        asked.append(_told(engine, FreeQuestion(question), pictures) == answer)
        counted.append(len(read) == len(one.rows))
        for at, true in enumerate(one.rows):
            mine = tuple(read[at][column] for column in words.COLUMNS) if at < len(read) else ("",) * len(true)
            rows.append(mine == true)
            for column, cell, printed in zip(words.COLUMNS, mine, true, strict=True):
                cells[column].append(cell == printed)
    return [
        *(share(f"laboratory slips: {column} as printed", right, 0.9) for column, right in cells.items()),
        share("laboratory slips: whole rows as printed", rows),
        share("laboratory slips: number of rows", counted, 0.95),
        share("laboratory slips: questions about one value", asked, 0.9),
    ]


def beats(engine: Engine, drawn: Sequence[Beat]) -> list[Row]:
    """How the left ventricle contracts, and fluid around the heart."""
    contraction, fluid = [], []
    for one in drawn:
        pictures = [Picture(pixels, "photo", caption=caption) for pixels, caption in zip(one.pixels, one.captions, strict=True)]
        said = _told(engine, DraftQuestion(""), pictures)
        contraction.append(f"contracts {'weakly' if one.heart.weak else 'normally'}" in said)
        there = "Pericardial effusion." in said.split("Impression:")[0]
        fluid.append(there == one.heart.fluid)
    return [share("films of a heart: contraction", contraction, 0.9), share("films of a heart: fluid", fluid, 0.9)]


def records(engine: Engine, count: int, first: int) -> list[Row]:
    """Whole answers, those that the record holds and those that it does not."""
    said, unsaid = [], []
    for seed in range(first, first + count):
        rng = np.random.default_rng([seed, 83])
        patient = notes.draw_patient(rng)
        asked, answer = notes.question(patient, rng)
        right = _told(engine, FreeQuestion(asked, record=notes.record(patient, rng)), ()).strip() == answer
        (unsaid if answer == notes.UNSAID else said).append(right)
    return [share("records: the whole answer right", said, 0.9), share("records: what is not said is not made up", unsaid, 0.9)]


def _told(engine: Engine, question: Question, pictures: Sequence[Picture]) -> str:
    answer = engine.answer(question, pictures)
    assert isinstance(answer, Draft)
    return answer.text


def findings(text: str) -> list[str]:
    """The sentences before the impression."""
    return text.removeprefix("Findings: ").split(" Impression:")[0].split(". ")
