"""Words that a model cannot read at once: refused before it is asked, with the number that fits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from inference.answers import Draft
from inference.engine import Engine, EngineSpec
from inference.errors import ModelMissing, QuestionTooLong, WrongName
from inference.questions import (
    Decoding,
    DraftQuestion,
    FreeQuestion,
    HeatmapQuestion,
    Label,
    LabelQuestion,
    LabelSet,
    Question,
)
from tests.inference.tiny import DRAFTER, ENCODER, picture

POSITIONS, PHRASE = 1024, 16
"""Of tiny.py's checkpoints, as their config.json says."""


@pytest.fixture
def engine(models: Path) -> Engine:
    return Engine(EngineSpec(ENCODER, DRAFTER, runtime="torch", threads=1, device="cpu"))


def refused(engine: Engine, question: Question) -> str:
    news: list[Any] = []
    with pytest.raises(QuestionTooLong) as caught:
        engine.answer(question, [picture()], on_progress=news.append)
    assert not any(one.stage in ("reading pictures", "reading the prompt", "scoring windows") for one in news)
    return str(caught.value)


@pytest.mark.parametrize("make", [FreeQuestion, DraftQuestion])
def test_far_too_many_words_are_refused_before_anything_is_loaded(engine: Engine, make: Any) -> None:
    said = refused(engine, make("cough " * 20_000, Decoding(20)))
    assert "20,000 words" in said
    assert f"{POSITIONS:,} tokens at once" in said
    assert engine.state().models == ()


@pytest.mark.parametrize("make", [FreeQuestion, DraftQuestion])
def test_as_many_words_as_the_sentence_says_do_fit(engine: Engine, make: Any) -> None:
    """The count in the sentence is tried out: so many fit, and the whole prompt and answer stay within the positions."""
    said = refused(engine, make("cough " * 700, Decoding(20)))
    fits = int(re.search(r"from 700 to about ([\d,]+) words", said)[1].replace(",", ""))  # type: ignore[index]
    assert 50 < fits < 700
    answer = engine.answer(make("cough " * fits, Decoding(20)), [picture()])
    assert isinstance(answer, Draft)
    refused(engine, make("cough " * (fits + 5), Decoding(20)))


def test_an_answer_takes_no_more_than_is_left(engine: Engine) -> None:
    """As many tokens asked for as there are positions: half of them stay for the prompt."""
    answer = engine.answer(FreeQuestion("cough " * 40, Decoding(POSITIONS)), [picture()])
    assert isinstance(answer, Draft)
    assert answer.receipt.tokens < POSITIONS - 40


def test_a_phrase_is_not_cut_in_silence(engine: Engine) -> None:
    long = "left/left " * 10
    said = refused(engine, HeatmapQuestion(long))
    assert f"{ENCODER} reads {PHRASE}" in said
    assert f"{PHRASE}" in refused(engine, HeatmapQuestion("left", long))
    labels = LabelSet("x", "cxr", (Label("x", ("left",), (long,)),))
    assert f"{PHRASE}" in refused(engine, LabelQuestion(labels))
    assert "words or fewer" in refused(engine, HeatmapQuestion("left " * 17))
    engine.answer(HeatmapQuestion("left pleural effusion"), [picture()])


def test_a_model_of_another_role_is_a_wrong_name(models: Path) -> None:
    swapped = Engine(EngineSpec(DRAFTER, ENCODER, runtime="torch", device="cpu"))
    with pytest.raises(WrongName, match=f"{DRAFTER} is a drafter, not an encoder; choose one of demo-encoder"):
        swapped.answer(HeatmapQuestion("left"), [picture()])
    with pytest.raises(WrongName, match=f"{ENCODER} is an encoder, not a drafter"):
        swapped.answer(FreeQuestion("left?"), [picture()])
    with pytest.raises(WrongName, match="there is no model 'x'"):
        Engine(EngineSpec("x")).answer(HeatmapQuestion("left"), [picture()])
    assert issubclass(WrongName, ModelMissing)


def test_no_heatmap_method_of_that_name(engine: Engine) -> None:
    with pytest.raises(WrongName, match="there is no heatmap method 'gradcam'; choose one of patch-head"):
        engine.answer(HeatmapQuestion("left", None, "gradcam"), [picture()])


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none(value: float) -> None:
    with pytest.raises(ValueError, match="a temperature is a number from 0 on"):
        Decoding(temperature=value)
