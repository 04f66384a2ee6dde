"""Whether the words of a question fit into what a model reads at once. Where they do not, nothing is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.catalogue import Entry
from inference.errors import QuestionTooLong
from inference.questions import (
    TABLE_TOKENS,
    BoxQuestion,
    ChangeQuestion,
    ConditionQuestion,
    DraftQuestion,
    EmbedQuestion,
    FreeQuestion,
    HeatmapQuestion,
    Question,
    TableQuestion,
    Written,
)


def must_fit(question: Question, pictures: int, entry: Entry, folder: Path) -> None:
    """By counting words, before anything is loaded: a word takes one token at the least. Raises QuestionTooLong.

    What passes may still be too long; `left` and `phrase_must_fit` count the tokens.
    """
    positions, per_picture = _limits(folder)
    spare = positions
    if isinstance(question, Written):
        spare = room(positions, most(question, entry)) - pictures * per_picture
    for text in words_of(question):
        words = len(text.split())
        if positions and words > spare:
            raise QuestionTooLong(
                f"“{_start(text)}” has {words:,} words; {entry.id} reads {positions:,} tokens at once, pictures and answer "
                f"included, and a word takes one at the least: shorten it to {max(0, spare):,} words or fewer"
            )


def most(question: Written, entry: Entry) -> int:
    """Tokens that the answer may take: as many as are asked for and as the model writes sensibly."""
    own = max(entry.max_tokens, TABLE_TOKENS) if isinstance(question, TableQuestion) else entry.max_tokens
    return min(question.decoding.max_tokens, own or 2**31)


def words_of(question: Question) -> Iterator[str]:
    """What the reader wrote of a question, piece by piece."""
    if isinstance(question, FreeQuestion):
        yield from (text for turn in question.before for text in turn)
        yield from filter(None, (question.record, question.text))
    elif isinstance(question, DraftQuestion):
        yield question.indication
    elif isinstance(question, BoxQuestion):
        yield question.object
    elif isinstance(question, ConditionQuestion):
        yield question.condition
    elif isinstance(question, ChangeQuestion):
        yield question.finding
    elif isinstance(question, HeatmapQuestion):
        yield from (question.phrase, question.against or "")
    elif not isinstance(question, EmbedQuestion | TableQuestion):
        for label in question.label_set.labels:
            yield from (*label.present, *label.absent)


def trace(question: Written, entry: Entry) -> int:
    """Tokens that a thinking trace may take beside the answer; 0 for a model that does not think and an answer that keeps to a
    form."""
    if not entry.thinking or isinstance(question, TableQuestion | ChangeQuestion):
        return 0
    own = question.decoding.thinking_tokens
    return entry.thinking_tokens if own is None else own


def room(positions: int, most: int) -> int:
    """Tokens that a prompt may take where `most` may be written after it; half of all are the prompt's in any case."""
    return positions - min(most, positions // 2)


def places(question: Question, pictures: int, per_picture: int, entry: Entry) -> int:
    """About how many tokens question, pictures and answer take; three for each word of the reader's, and 200 of instructions."""
    words = sum(len(text.split()) for text in words_of(question))
    written = most(question, entry) + trace(question, entry) if isinstance(question, Written) else 0
    return 200 + 3 * words + pictures * (per_picture + 8) + written


def left(model: str, positions: int, prompt: int, most: int, own: str, count: Callable[[str], int]) -> int:
    """How many tokens may be written after a prompt of so many, `most` at the most. Raises QuestionTooLong.

    `own` is the reader's part of the prompt, `count` gives the tokens of a text.
    """
    over = prompt - room(positions, most)
    if over <= 0:
        return min(most, positions - prompt)
    tokens, words = count(own), len(own.split())
    if over >= tokens:
        taken = f"pictures and instructions take {prompt - tokens:,} tokens beside the reader's words"
        raise QuestionTooLong(f"{taken}, and {model} has room for {prompt - over:,}: send fewer pictures")
    fits = tokens - over
    raise QuestionTooLong(
        f"“{_start(own)}” takes {tokens:,} tokens and {fits:,} fit beside the pictures, the instructions and the answer of "
        f"{model}: shorten it from {words:,} to about {fits * words // tokens:,} words"
    )


def phrase_must_fit(model: str, positions: int, phrase: str, tokens: int) -> None:
    """Raises QuestionTooLong: an encoder would cut the phrase without a word."""
    if tokens > positions:
        words = len(phrase.split())
        raise QuestionTooLong(
            f"“{_start(phrase)}” takes {tokens:,} tokens and {model} reads {positions:,}: "
            f"shorten it from {words:,} to about {positions * words // tokens:,} words"
        )


def _limits(folder: Path) -> tuple[int, int]:
    """(positions, tokens of a picture) by a model's config.json; 0 where it does not say or is not there."""
    if not (folder / "config.json").is_file():
        return 0, 0
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text = config.get("text_config", config)
        return int(text.get("max_position_embeddings", 0)), int(config.get("mm_tokens_per_image", 0))
    except (OSError, ValueError, TypeError, AttributeError):
        return 0, 0


def _start(text: str) -> str:
    """The first words, for a sentence."""
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:40].rstrip()}…"
