"""Lessons as the tokens of a batch: turns that share their pictures stand side by side and do not see one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GemmaTokenizer

from inference.demo.lessons import Lesson
from inference.demo.pictures import GRID

TOKENS = GRID * GRID
"""Image tokens of one picture: one per patch."""
PICTURE = "\n\n<start_of_image>" + "<image_soft_token>" * TOKENS + "<end_of_image>\n\n"


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Lessons side by side, padded right: token ids and positions (n, L), who sees whom bool (n, 1, L, L), and the ids that are
    to be written, -100 elsewhere (n, L)."""

    ids: Tensor
    positions: Tensor
    sees: Tensor
    labels: Tensor


PREFIX, PADDING = -1, -2
"""Owners of tokens that belong to no turn."""


def collate(lessons: Sequence[Lesson], tokenizer: GemmaTokenizer) -> Batch:
    """Every turn sees the pictures it is about and itself, at the positions it would have alone."""
    rows = [tokens_of(lesson, tokenizer) for lesson in lessons]
    longest = max(len(row[0]) for row in rows)
    empty = (0, 0, -100, PADDING, 0, -1)
    ids, positions, labels, owner, reach, picture = (
        torch.tensor([[*row[part], *[empty[part]] * (longest - len(row[part]))] for row in rows]) for part in range(6)
    )
    places = torch.arange(longest)
    before = places[:, None] >= places[None, :]
    same = owner[:, :, None] == owner[:, None, :]
    pictures = (owner == PREFIX)[:, None, :] & (places[None, None, :] < reach[:, :, None])
    within = (picture[:, :, None] == picture[:, None, :]) & (picture >= 0)[:, :, None]
    sees = (before & (same | pictures)) | within
    return Batch(ids, positions, sees[:, None], labels)


def tokens_of(lesson: Lesson, tokenizer: GemmaTokenizer) -> tuple[list[int], ...]:
    """Ids, positions, labels, owner (a turn's number), how many of the pictures' tokens are seen, and number of the picture."""
    ids: list[int] = []
    ends: list[int] = []
    captions = lesson.captions or ("",) * len(lesson.pictures)
    for number, shown in enumerate([PICTURE + caption for caption in captions] or [""]):
        text = shown if number else f"<bos><start_of_turn>user\n{shown}"
        ids += tokenizer(text, add_special_tokens=False)["input_ids"]
        ends.append(len(ids))
    size = len(ids)
    numbers = (torch.tensor(ids) == tokenizer.boi_token_id).cumsum(0).tolist()
    picture = [n if one == tokenizer.image_token_id else -1 for one, n in zip(ids, numbers, strict=True)]
    positions, labels, owner, reach = list(range(size)), [-100] * size, [PREFIX] * size, [size] * size
    turns = [(turn, ends[0]) for turn in lesson.first] + [(turn, ends[-1]) for turn in lesson.both]
    for number, (turn, seen) in enumerate(turns):
        asked = f"{turn.prompt}<end_of_turn>\n<start_of_turn>model\n"
        head = tokenizer(asked, add_special_tokens=False)["input_ids"]
        answer = [*tokenizer(turn.answer, add_special_tokens=False)["input_ids"], tokenizer.eot_token_id]
        count = len(head) + len(answer)
        ids += [*head, *answer]
        labels += [*[-100] * len(head), *answer]
        positions += range(seen, seen + count)
        owner += [number] * count
        reach += [seen] * count
        picture += [-1] * count
    return ids, positions, labels, owner, reach, picture
