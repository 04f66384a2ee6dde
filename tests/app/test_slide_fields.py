"""A whole slide as fields of tissue: where they lie and what their pixels are, each field of its own colour."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from app import slide_fields
from app.analysis import Request, run
from app.cli import main
from app.slide_blocks import NoTissue
from inference import prompts
from inference.answers import Answer, Embedding
from inference.catalogue import facts
from inference.engine import EngineSpec
from inference.errors import Cancelled, OutsideTraining
from inference.questions import DraftQuestion, EmbedQuestion, FreeQuestion, Picture, Question
from tests.app.fake_engine import FakeEngine
from viewers.sources import open_source

MODEL = "medgemma-1.5-4b-it"
SIDE = 448
"""Of a field at 10× on a slide of 2 µm/px, in pixels of the slide."""


def slide(
    path: Path, tissue: dict[tuple[int, int], tuple[int, int, int]], columns: int = 6, rows: int = 4, mpp: float = 2.0
) -> Path:
    """White but for the fields named, each of one stained colour."""
    pixels = np.full((rows * SIDE + 100, columns * SIDE + 60, 3), 255, np.uint8)
    for (column, row), colour in tissue.items():
        pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = colour
    tifffile.imwrite(
        path, pixels, tile=(256, 256), photometric="rgb", compression="zlib", resolution=(1e4 / mpp, 1e4 / mpp),
        resolutionunit="CENTIMETER",
    )  # fmt: skip
    return path


def stain(number: int) -> tuple[int, int, int]:
    return 150 + number % 40, 40 + number % 60, 140 + number % 50


TISSUE = {(column, row): stain(10 * row + column) for column, row in ((4, 0), (1, 1), (2, 1), (5, 2), (0, 3))}


class Clustering(FakeEngine):
    """Vectors by redness: the fields of one colour lie together."""

    def __init__(self, encoder: str = "demo-encoder") -> None:
        super().__init__(EngineSpec(encoder, MODEL))

    def answer(self, question: Question, pictures: Sequence[Picture], **more: Any) -> Answer:
        if isinstance(question, EmbedQuestion):
            self.asked.append((question, tuple(pictures)))
            means = np.stack([one.pixels.reshape(-1, 3).mean(0) for one in pictures])
            vectors = np.eye(8, dtype=np.float32)[(means[:, 0].round().astype(int) - 150) % 8]
            return Embedding(vectors, self._receipt(question, "0" * 64))
        return super().answer(question, pictures, **more)


def test_fields_with_tissue_row_by_row_at_the_right_size_of_a_pixel(tmp_path: Path) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    engine = Clustering()
    result = run(Request(path, DraftQuestion(), whole=True, power=10), engine)
    ((question, sent),) = engine.asked
    assert isinstance(question, DraftQuestion)
    order = sorted(TISSUE, key=lambda place: (place[1], place[0]))
    assert [tuple(one.pixels[448, 448]) for one in sent] == [TISSUE[place] for place in order]
    assert {one.pixels.shape for one in sent} == {(896, 896, 3)}
    assert {one.mpp for one in sent} == {1.0}
    assert "all 5 fields with tissue, of 896 px at 10×, 1 µm/px, row by row" in sent[0].steps
    assert f"field at {order[2][0] * SIDE}, {order[2][1] * SIDE}" in sent[0].steps
    assert result.pictures == sent
    words = prompts.messages(question, sent, facts(MODEL))[-1][1]
    assert words[0] is not None
    assert "at 10x magnification, in spatial order" in words[0]
    assert words[1:] == (None,) * 5


@pytest.mark.parametrize(("power", "side", "words"), [(5, 896, "5x"), (20, 224, "20x")])
def test_another_power_has_other_fields_and_says_so(tmp_path: Path, power: int, side: int, words: str) -> None:
    path = slide(tmp_path / "slide.tif", {(column, row): stain(3) for column in range(4) for row in range(4)})
    with_tissue = slide_fields.fields(open_source(path), power)
    assert {(one.width, one.height) for one in with_tissue} == {(side, side)}
    assert len(with_tissue) == (4 * SIDE // side) ** 2
    picture = Picture(np.zeros((896, 896, 3), np.uint8), "slide", 10 / power)
    told = prompts.messages(FreeQuestion("Which tissue?"), [picture, picture], facts(MODEL))[-1][1][0]
    assert told is not None
    assert f"at {words} magnification" in told


def test_of_many_fields_those_that_show_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = {(column, row): stain(0) for column in range(6) for row in range(4)} | {(3, 2): stain(4), (5, 0): stain(7)}
    path = slide(tmp_path / "slide.tif", colours)
    entry = replace(facts(MODEL), max_patches=8)
    chosen = slide_fields.choose(open_source(path), entry, Clustering(), 10, lambda _: None)
    sent, where = slide_fields.pictures(open_source(path), chosen, lambda _: None), chosen.places
    assert len(sent) == 8
    places = [(one.x // SIDE, one.y // SIDE) for one in where]
    assert {(3, 2), (5, 0)} <= set(places)
    assert places == sorted(places, key=lambda place: (place[1], place[0]))
    assert any("8 of 24 fields with tissue, medoids and extremes of demo-encoder's vectors" in step for step in sent[0].steps)


def test_an_encoder_that_knows_no_slides_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = slide(tmp_path / "slide.tif", {(column, row): stain(0) for column in range(6) for row in range(4)})
    monkeypatch.setattr(slide_fields, "facts", lambda model: replace(facts(model), modalities=("cxr",)))
    entry = replace(facts(MODEL), max_patches=8)
    chosen = slide_fields.choose(open_source(path), entry, Clustering(), 10, lambda _: None)
    sent, where = slide_fields.pictures(open_source(path), chosen, lambda _: None), chosen.places
    assert any("8 of 24 fields with tissue, evenly spread: demo-encoder embeds no slides" in step for step in sent[0].steps)
    numbers = [one.y // SIDE * 6 + one.x // SIDE for one in where]
    assert numbers == list(range(0, 24, 3))


def test_what_cannot_be_read_as_a_whole_is_one_sentence(tmp_path: Path) -> None:
    source = open_source(slide(tmp_path / "white.tif", {}))
    with pytest.raises(NoTissue, match=r"no field of white\.tif at 10× holds enough tissue"):
        slide_fields.fields(source, 10)
    small = open_source(slide(tmp_path / "small.tif", {}, 1, 1))
    with pytest.raises(ValueError, match="smaller than one field at 5×"):
        slide_fields.fields(small, 5)
    with pytest.raises(ValueError, match=r"frame 3 was asked for; white\.tif has 1"):
        slide_fields.fields(source, 10, 3)
    with pytest.raises(ValueError, match="at 5, 10 or 20 times, not 40"):
        slide_fields.fields(source, 40)
    with pytest.raises(OutsideTraining, match="medgemma-4b-it reads no whole slides"):
        slide_fields.choose(source, facts("medgemma-4b-it"), Clustering(), 10, lambda _: None)


def test_it_can_be_stopped(tmp_path: Path) -> None:
    source, cancel = open_source(slide(tmp_path / "slide.tif", TISSUE)), threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        slide_fields.pictures(
            source, slide_fields.choose(source, facts(MODEL), Clustering(), 10, lambda _: None), lambda _: None, cancel
        )


def test_on_the_command_line_tissue_and_procedure_reach_the_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    made: list[Clustering] = []

    def engine(spec: EngineSpec) -> Clustering:
        made.append(Clustering())
        return made[-1]

    words = ["--whole-slide", "--power", "10", "--drafter", MODEL, "--tissue", "colon", "--procedure", "biopsy"]
    assert main(["ask", str(path), "Is there a tumour?", *words], engine) == 0
    question, sent = made[-1].asked[-1]
    assert isinstance(question, FreeQuestion)
    assert question.text == "Tissue: colon. Procedure: biopsy. Is there a tumour?"
    assert len(sent) == 5
    assert main(["draft", str(path), *words], engine) in (0, 4)
    question, _ = made[-1].asked[-1]
    assert isinstance(question, DraftQuestion)
    assert question.indication == "Tissue: colon. Procedure: biopsy."
    assert main(["ask", str(path), "Is there a tumour?", "--tissue", "colon", "--drafter", MODEL], engine) == 2
    assert "--tissue and --procedure go with --whole-slide" in capsys.readouterr().err
