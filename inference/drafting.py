"""Questions that a drafter answers in words: a report, a free answer, a box, a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

from inference import boxes, forms, lengths, prompts, receipts
from inference.answers import Box, Draft, Progress
from inference.medgemma import Drafter
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
    decoding = question.decoding
    decoding = replace(decoding, max_tokens=lengths.most(question, drafter.entry))
    schema = forms.form(question)
    messages = prompts.messages(question, pictures, drafter.entry)
    own = " ".join(lengths.words_of(question))
    written = drafter.write(
        messages, [picture.pixels for picture in pictures], decoding, on_progress, cancel, own, schema,
        lengths.trace(question, drafter.entry),
    )  # fmt: skip
    found: tuple[Box, ...] = ()
    if isinstance(question, BoxQuestion):
        found = boxes.parse(written.text, Padding(*pictures[0].pixels.shape[:2]))
    receipt = receipts.receipt(
        drafter, revision, pictures, began,
        quantisation=drafter.quantisation, dtype=drafter.place.words, device=str(drafter.place.device), prompt=written.prompt,
        own_steps=receipts.square_steps(drafter) if pictures else (), seed=decoding.seed, tokens=written.tokens,
        thinking_tokens=written.thinking, steps=(*steps, *written.steps), adapter=drafter.adapter,
    )  # fmt: skip
    return Draft(
        written.text, written.thought, written.finish, found, receipt, prompts.verdict(question, written.text, drafter.entry)
    )
