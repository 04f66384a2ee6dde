"""A trace has a budget of its own, is closed when that is spent, and never takes of the answer's. The model is a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference import catalogue, prompts
from inference.answers import Progress
from inference.errors import ModelRefused
from inference.medgemma import Drafter, Written
from inference.questions import Decoding, DraftQuestion, FreeQuestion, TableQuestion
from tests.inference.tiny import picture

THINKER = catalogue.entry("medgemma-1.5-4b-it")
MESSAGES = (("user", (None, "Is there an effusion?")),)


@pytest.fixture(scope="module")
def drafter(gemma_folder: Path) -> Drafter:
    return Drafter(gemma_folder, THINKER, "cpu")


def spoken(drafter: Drafter, script: Sequence[int | str], decoding: Decoding, thinking: int) -> tuple[Written, list[Progress]]:
    """What comes of a model that prefers, call by call, one token of `script` most and the next one second."""
    vocabulary = int(drafter.model.config.get_text_config().vocab_size)
    ids = [one if isinstance(one, int) else int(drafter.tokenizer.convert_tokens_to_ids(one)) for one in script]
    calls = iter(range(10_000))

    def logits(_: torch.Tensor) -> torch.Tensor:
        at = next(calls)
        found = torch.zeros(vocabulary)
        for rank, token in enumerate(ids[at : at + 2]):
            found[token] = max(float(found[token]), 9.0 - rank)
        return found

    told: list[Progress] = []
    drafter.decoder.logits = logits  # type: ignore[assignment]
    try:
        written = drafter.write(
            MESSAGES, [picture().pixels], decoding, told.append, threading.Event(), thinking=thinking
        )  # fmt: skip
    finally:
        del drafter.decoder.logits
    return written, told


def words(drafter: Drafter, text: str) -> list[int]:
    return list(drafter.tokenizer.encode(text, add_special_tokens=False))


def test_a_trace_that_takes_too_long_is_closed_and_the_answer_has_its_whole_budget(drafter: Drafter) -> None:
    trace, answer = words(drafter, "thought\nThe heart is enlarged – moderately so."), words(drafter, "There is a left effusion.")
    budget = len(trace) - 4
    script = ["<unused94>", *trace[:budget], "the fifth", *answer, "<end_of_turn>", "<end_of_turn>"]
    script[budget + 1] = trace[budget]
    written, told = spoken(drafter, script, Decoding(len(answer) + 1), budget)
    assert written.text == "There is a left effusion."
    assert written.thought == drafter.tokenizer.decode(trace[:budget]).removeprefix("thought\n").strip()
    assert written.finish == "stop"
    assert written.steps == (f"the trace was closed at its budget of {budget} tokens",)
    assert (written.thinking, written.tokens) == (budget + 2, budget + 2 + len(answer))
    stages = [(one.stage, one.total) for one in told if one.stage in ("thinking", "writing")]
    assert stages[1 : budget + 2] == [("thinking", budget)] * (budget + 1)
    assert set(stages[budget + 2 :]) == {("writing", len(answer) + 1)}


def test_a_trace_that_closes_itself_is_left_alone_and_there_is_no_second(drafter: Drafter) -> None:
    trace, answer = words(drafter, "The heart is enlarged."), words(drafter, "There is a left effusion.")
    script = ["<unused94>", *trace, "<unused95>", "<unused94>", *answer, "<unused95>", "<end_of_turn>", "<end_of_turn>"]
    written, _ = spoken(drafter, script, Decoding(40), 100)
    assert (written.thought, written.steps, written.thinking) == ("The heart is enlarged.", (), len(trace) + 2)
    assert written.text.endswith("left effusion.")
    assert "enlarged" not in written.text


def test_a_model_that_ends_its_text_inside_the_trace_still_answers(drafter: Drafter) -> None:
    trace, answer = words(drafter, "The heart is enlarged."), words(drafter, "There is a left effusion.")
    written, _ = spoken(drafter, ["<unused94>", *trace, "<end_of_turn>", *answer, "<eos>", "<eos>"], Decoding(40), 100)
    assert (written.thought, written.text, written.finish) == ("The heart is enlarged.", "There is a left effusion.", "stop")
    assert "ended its text" in written.steps[0]


def test_a_trace_that_repeats_itself_is_closed(drafter: Drafter) -> None:
    one, answer = words(drafter, "The")[0], words(drafter, "There is a left effusion.")
    written, _ = spoken(drafter, ["<unused94>", *[one] * 49, *answer, "<eos>", "<eos>"], Decoding(40), 400)
    assert "repeat itself" in written.steps[0]
    assert written.thinking < 60
    assert written.finish == "stop"
    assert written.text.endswith("left effusion.")


def test_switched_off_no_trace_is_begun(drafter: Drafter) -> None:
    answer = words(drafter, "There is a left effusion.")
    written, _ = spoken(drafter, ["<unused94>", *answer, "<eos>", "<eos>"], Decoding(40), 0)
    assert (written.thought, written.thinking) == ("", 0)
    assert written.text.endswith("is a left effusion.")


def test_the_answer_ends_at_its_own_limit_however_long_the_trace_was(drafter: Drafter) -> None:
    trace, answer = words(drafter, "The heart is enlarged."), words(drafter, "There is a left pleural effusion.")
    written, _ = spoken(drafter, ["<unused94>", *trace, "<unused95>", *answer, *answer], Decoding(3), 100)
    assert written.finish == "length"
    assert written.tokens - written.thinking == 3


def test_thinking_is_asked_for_in_the_published_words_and_only_then() -> None:
    asked = FreeQuestion("Is there an effusion?", Decoding(thinking_tokens=500))
    assert prompts.messages(asked, [picture()], THINKER)[0] == ("system", ("SYSTEM INSTRUCTION: think silently if needed. ",))
    for none in (None, 0):
        (turn,) = prompts.messages(replace(asked, decoding=Decoding(thinking_tokens=none)), [picture()], THINKER)
        assert turn[0] == "user"
    assert len(prompts.messages(TableQuestion(decoding=Decoding(thinking_tokens=500)), [picture()], THINKER)) == 1
    with pytest.raises(ModelRefused, match="writes no thinking trace"):
        prompts.messages(asked, [picture()], catalogue.entry("medgemma-4b-it"))
    with pytest.raises(ValueError, match="from 0 on"):
        Decoding(thinking_tokens=-1)


def test_the_receipt_counts_the_trace_apart(models: Path) -> None:
    """Through the engine, with the tiny random model as it is."""
    from inference.engine import Engine, EngineSpec
    from tests.inference import tiny

    (models / tiny.DRAFTER / "hilum.json").write_text(json.dumps({"thinking": True, "thinking_tokens": 7}))
    answer = Engine(EngineSpec(drafter=tiny.DRAFTER)).answer(DraftQuestion("", Decoding(20)), [tiny.picture()])
    assert 0 <= answer.receipt.thinking_tokens <= 9
    assert answer.receipt.tokens - answer.receipt.thinking_tokens <= 20
