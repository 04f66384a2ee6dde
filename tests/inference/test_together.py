"""Several texts written together: the tokens that `transformers` writes of each alone; one that fails costs no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference import catalogue
from inference.answers import Draft
from inference.decoder import Decoder
from inference.decoding import Prompt, Row, generate_together, read
from inference.engine import Engine, EngineSpec
from inference.errors import Cancelled, ModelFailed, QuestionTooLong
from inference.host import EngineProcess
from inference.medgemma import Drafter
from inference.questions import Decoding, DraftQuestion, FreeQuestion, Picture, Question
from inference.writing import Limits, Writing
from tests.inference import tiny
from tests.inference.test_decoding import ONE, TWO, Message, batch_of, reference
from tests.inference.tiny import DRAFTER

LONG: tuple[Message, ...] = (("user", ("word " * 90 + "left?",)),)
"""Longer than the window of the layers that have one."""
NONE: tuple[Message, ...] = (("user", ("Größe?",)),)
ASKED: tuple[tuple[tuple[Message, ...], int], ...] = ((ONE, 1), (LONG, 0), (TWO, 2), (NONE, 0))


def picture(seed: int) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 255, (96, 96, 3), np.uint8), "cxr")


def rows(
    drafter: Drafter, asked: Sequence[tuple[tuple[Message, ...], int]], counts: Sequence[int]
) -> tuple[list[Row], list[list[int]]]:
    """Begun, and the lists that their tokens go to."""
    made, lists = [], list[list[int]]()
    for (messages, pictures), count in zip(asked, counts, strict=True):
        prompt = Prompt.of(drafter.prompt(messages, pictures), drafter.model.config.image_token_id)
        shown = [drafter.pixels(picture(seed).pixels) for seed in range(pictures)]
        cache, output = drafter._begun(prompt, shown, count, lambda _: None, threading.Event())
        limits, tokens = Limits(drafter.limits.stop, drafter.limits.never, watch=False), list[int]()
        lists.append(tokens)
        writing = Writing(Decoding(count), count, limits, lambda token, tokens=tokens: tokens.append(token) or True)  # type: ignore[misc]
        made.append(Row(prompt, cache, writing, output))
    return made, lists


def test_each_equals_generate_alone(published: Any, drafter: Drafter) -> None:
    """Prompts of different lengths, with one, no and two pictures; texts that end at different times."""
    counts = [70, 12, 40, 80]
    made, lists = rows(drafter, ASKED, counts)
    assert generate_together(drafter.decoder, made, threading.Event()) == [None] * 4
    for (messages, pictures), count, tokens in zip(ASKED, counts, lists, strict=True):
        shown = [picture(seed).pixels for seed in range(pictures)]
        assert tokens == reference(published, drafter, batch_of(drafter, messages, shown), count)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_quantised_texts_too(gemma_folder: Path, kind: str) -> None:
    quantised = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", kind)
    made, lists = rows(quantised, ASKED, [20] * 4)
    generate_together(quantised.decoder, made, threading.Event())
    for at, asked in enumerate(ASKED):
        alone, tokens = rows(quantised, [asked], [20])
        generate_together(quantised.decoder, alone, threading.Event())
        assert lists[at] == tokens[0]


def test_bfloat16_logits_stay_as_near_to_exact_ones(gemma_folder: Path) -> None:
    """Rounding differs with the number of rows; neither way is further from float32 than its own rounding."""
    exact = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", dtype="float32")
    rough = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", dtype="bfloat16")
    text = [40, 77, 120, 200, 31]
    never = threading.Event()

    def logits(of: Drafter, texts: int) -> torch.Tensor:
        prompt = Prompt.of(of.prompt(LONG, 0), of.model.config.image_token_id)
        with torch.inference_mode():
            caches = [of.decoder.cache(len(prompt) + len(text)) for _ in range(texts)]
            for cache in caches:
                read(of.decoder, prompt, lambda _: torch.empty(0), cache, never)
            return torch.stack(
                [of.decoder.logits_together(of.decoder.step_together([token] * texts, caches, never))[-1] for token in text]
            )

    truth = logits(exact, 1)
    alone, together = (float((logits(rough, texts) - truth).square().mean().sqrt()) for texts in (1, 3))
    assert together < 1.5 * alone
    assert torch.allclose(logits(exact, 3), truth, atol=1e-4)


def test_one_that_gives_nan_fails_alone(drafter: Drafter, monkeypatch: pytest.MonkeyPatch) -> None:
    want_rows, want = rows(drafter, ASKED, [20] * 4)
    generate_together(drafter.decoder, want_rows, threading.Event())
    made, lists = rows(drafter, ASKED, [20] * 4)
    plain, calls = Decoder.logits_together, list[int]()

    def once(self: Decoder, outputs: torch.Tensor) -> torch.Tensor:
        found = plain(self, outputs)
        if len(outputs) > 1:
            calls.append(len(outputs))
            if len(calls) == 3:
                found[1] = torch.nan
        return found

    monkeypatch.setattr(Decoder, "logits_together", once)
    failed = generate_together(drafter.decoder, made, threading.Event())
    assert [type(one) for one in failed] == [type(None), ModelFailed, type(None), type(None)]
    assert [lists[at] for at in (0, 2, 3)] == [want[at] for at in (0, 2, 3)]
    assert len(lists[1]) == 3


def questions() -> list[tuple[Question, tuple[Picture, ...]]]:
    drafts = [(DraftQuestion("cough", Decoding(12 + 4 * seed)), (picture(seed),)) for seed in range(3)]
    return [*drafts, (FreeQuestion("left?", Decoding(9)), ())]


@pytest.mark.parametrize("make", [Engine, EngineProcess])
def test_answers_with_receipts_as_of_each_alone(models: Path, make: Any) -> None:
    del models
    spec = EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu")
    engine = make(spec)
    try:
        alone = [engine.answer(question, pictures) for question, pictures in questions()]
        together = engine.answer_together(questions())
    finally:
        engine.close()
    for one, other in zip(alone, together, strict=True):
        assert isinstance(one, Draft)
        assert isinstance(other, Draft)
        assert (other.text, other.finish) == (one.text, one.finish)
        assert other.receipt.prompt == one.receipt.prompt
        assert other.receipt.pixels_sha256 == one.receipt.pixels_sha256
        assert other.receipt.tokens == one.receipt.tokens
        assert "written together with 3 others, whose time is counted in" in other.receipt.steps


@pytest.mark.parametrize("make", [Engine, EngineProcess])
def test_what_goes_wrong_with_one_stands_in_its_place(models: Path, make: Any) -> None:
    del models
    asked = questions()
    asked.insert(1, (DraftQuestion("word " * 5000), (picture(7),)))
    engine = make(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu"))
    try:
        found = engine.answer_together(asked)
    finally:
        engine.close()
    assert isinstance(found[1], QuestionTooLong)
    assert all(isinstance(one, Draft) for at, one in enumerate(found) if at != 1)


@pytest.mark.parametrize("make", [Engine, EngineProcess])
def test_a_stop_ends_all(models: Path, make: Any) -> None:
    del models
    engine, cancel = make(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu")), threading.Event()

    def on_progress(progress: object) -> None:
        if getattr(progress, "stage", "") == "writing":
            cancel.set()

    try:
        with pytest.raises(Cancelled):
            engine.answer_together(questions(), on_progress=on_progress, cancel=cancel)
        assert len(engine.answer_together(questions())) == 4
    finally:
        engine.close()


def test_where_memory_runs_out_fewer_are_written_together(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del models
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu"))
    want = [engine.answer(question, pictures) for question, pictures in questions()]
    plain, sizes = Drafter.answer_together, list[int]()

    def small(self: Drafter, asked: Sequence[Any], *rest: Any) -> Any:
        sizes.append(len(asked))
        if len(asked) > 2:
            raise MemoryError
        return plain(self, asked, *rest)

    monkeypatch.setattr(Drafter, "answer_together", small)
    found = engine.answer_together(questions())
    assert sizes == [4, 2, 2]
    assert [one.text for one in found if isinstance(one, Draft)] == [one.text for one in want if isinstance(one, Draft)]
    assert all("out of memory: 2 written together in place of 4" in one.receipt.steps for one in found if isinstance(one, Draft))


def test_a_bad_picture_costs_its_own_answer(models: Path) -> None:
    del models
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu"))
    asked = questions()
    asked[1] = (DraftQuestion(), (Picture(np.zeros((96, 96, 3), np.uint8), "ecg"),))  # type: ignore[arg-type]
    found = engine.answer_together(asked)
    assert isinstance(found[1], Exception)
    assert [isinstance(one, Draft) for one in found] == [True, False, True, True]
