"""Questions that a drafter answers in words: a report, a free answer, a box, a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

from inference import boxes, forms, lengths, prompts, receipts
from inference.answers import Box, Draft, Progress
from inference.errors import InferenceError
from inference.medgemma import Asked, Drafter
from inference.medgemma import Written as Text
from inference.preprocess.padding import Padding
from inference.questions import BoxQuestion, Picture, Written


def answer(
    drafter: Drafter,
    revision: str,
    question: Written,
    pictures: Sequence[Picture],
    on_progress: Callable[[Progress], None],
    cancel: Event,
    began: float,
    steps: Sequence[str] = (),
) -> Draft:
    """What the drafter writes; `steps` are what had to be changed before. Raises Cancelled, ModelFailed, ModelRefused and
    QuestionTooLong."""
    written = drafter.answer(_asked(drafter, question, pictures), on_progress, cancel)
    return _draft(drafter, revision, question, pictures, written, began, steps)


def answers(
    drafter: Drafter,
    revision: str,
    asked: Sequence[tuple[Written, Sequence[Picture]]],
    on_progress: Callable[[Progress], None],
    cancel: Event,
    began: float,
    steps: Sequence[str] = (),
) -> list[Draft | InferenceError]:
    """As `answer`, for several at once; what went wrong with one stands in its place. Raises Cancelled."""
    written = drafter.answer_together([_asked(drafter, *one) for one in asked], on_progress, cancel)
    others = f"{len(asked) - 1} others" if len(asked) > 2 else "another"
    told = (*steps, f"written together with {others}, whose time is counted in") if len(asked) > 1 else steps
    return [
        one if isinstance(one, InferenceError) else _draft(drafter, revision, *each, one, began, told)
        for each, one in zip(asked, written, strict=True)
    ]


def _asked(drafter: Drafter, question: Written, pictures: Sequence[Picture]) -> Asked:
    decoding = replace(question.decoding, max_tokens=lengths.most(question, drafter.entry))
    messages = prompts.messages(question, pictures, drafter.entry)
    own = " ".join(lengths.words_of(question))
    thinking = lengths.trace(question, drafter.entry)
    return Asked(messages, [picture.pixels for picture in pictures], decoding, own, forms.form(question), thinking)


def _draft(
    drafter: Drafter,
    revision: str,
    question: Written,
    pictures: Sequence[Picture],
    written: Text,
    began: float,
    steps: Sequence[str],
) -> Draft:
    found: tuple[Box, ...] = ()
    if isinstance(question, BoxQuestion):
        found = boxes.parse(written.text, Padding(*pictures[0].pixels.shape[:2]))
    receipt = receipts.receipt(
        drafter, revision, pictures, began,
        quantisation=drafter.quantisation, dtype=drafter.place.words, device=str(drafter.place.device), prompt=written.prompt,
        own_steps=receipts.square_steps(drafter) if pictures else (), seed=question.decoding.seed, tokens=written.tokens,
        thinking_tokens=written.thinking, steps=(*steps, *drafter.steps, *written.steps), adapter=drafter.adapter,
    )  # fmt: skip
    return Draft(
        written.text, written.thought, written.finish, found, receipt, prompts.verdict(question, written.text, drafter.entry)
    )
