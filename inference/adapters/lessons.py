"""Pairs of a picture and a text as a model is taught them: by its own chat template, with the loss on the answer alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference import prompts
from inference.errors import ModelRefused
from inference.prompting import Prompting
from inference.questions import DraftQuestion, FreeQuestion, Picture

IGNORED = -100
"""The label of a place whose loss does not count."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be answered to `prompt` about the picture `image`; "" asks for a report, as a draft does.

    `where` names the lesson in complaints ("line 12"); no patient is both learnt from and held out.
    """

    where: str
    image: str
    patient: str
    prompt: str
    text: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Example:
    """Ids of prompt and answer, and which of them are to be written: `labels` has IGNORED elsewhere, and is as long."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def wanted(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def example(prompting: Prompting, lesson: Lesson, picture: Picture, positions: int) -> Example:
    """The prompt is the one that the engine would send, the answer ends with the token at which the engine stops.

    Padding, image tokens and <start_of_image> never count (the published rule), nor does anything of the prompt. Raises
    ModelRefused for a text that spells a control token or does not fit into `positions` with its prompt.
    """
    question = FreeQuestion(lesson.prompt) if lesson.prompt else DraftQuestion()
    messages = prompts.messages(question, [picture], prompting.entry)
    asked: list[int] = prompting.prompt(messages, 1).tolist()
    tokenizer = prompting.tokenizer
    answer: list[int] = tokenizer(lesson.text.strip(), add_special_tokens=False)["input_ids"]
    control = set(tokenizer.all_special_ids).intersection(answer)
    if control:
        mark = tokenizer.convert_ids_to_tokens(min(control))
        raise ModelRefused(f"{lesson.where}: the text holds {mark}, a control token of the model; remove it")
    end = tokenizer.eos_token_id if messages[0][0] == "plain" else tokenizer.convert_tokens_to_ids("<end_of_turn>")
    ids = (*asked, *answer, end)
    if len(ids) > positions:
        raise ModelRefused(
            f"{lesson.where}: picture, prompt and text take {len(ids):,} tokens, the model reads {positions:,}; shorten it"
        )
    return Example(ids, (*[IGNORED] * len(asked), *answer, end))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Examples side by side, padded right: int64 (n, L). `attention` 0 on padding; `image` 1 where a picture's tokens stand."""

    ids: Tensor
    labels: Tensor
    attention: Tensor
    image: Tensor


def collate(examples: Sequence[Example], pad: int, image: int) -> Batch:
    longest = max(len(one.ids) for one in examples)

    def rows(values: Sequence[Sequence[int]], empty: int) -> Tensor:
        return torch.tensor([[*one, *[empty] * (longest - len(one))] for one in values])

    ids = rows([one.ids for one in examples], pad)
    attention = rows([[1] * len(one.ids) for one in examples], 0)
    return Batch(ids, rows([one.labels for one in examples], IGNORED), attention, (ids == image).long() * attention)
