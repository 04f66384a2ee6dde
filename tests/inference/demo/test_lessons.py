"""What the drafter is taught: the engine's prompts, and turns that share their pictures without seeing one another."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import torch

import resources
from inference.demo import batches, drafter, encoder
from inference.demo.chest import draw_pair
from inference.demo.lessons import BOXES, QUESTIONS, Lesson, School


@pytest.fixture
def school() -> School:
    boxes = np.random.default_rng(1).random((8, 14, 4), np.float32)
    return School([draw_pair(seed) for seed in range(4)], boxes, [(0.0, 1.0, 0.0, 0.0)], 1)


def test_lessons_use_the_engines_prompts(school: School) -> None:
    starts = {key: text.split("{")[0].strip() for key, text in tomllib.loads(resources.text("prompts/demo.toml")).items()}
    lesson = school.films()
    draft, *others = lesson.first
    assert draft.prompt.startswith(starts["draft"])
    assert lesson.both[0].prompt.startswith(starts["compare"])
    assert [turn.prompt.startswith(starts["locate"]) for turn in others] == [False] * QUESTIONS + [True] * BOXES
    assert school.patch().first[0].prompt.startswith(starts["draft_slide"])
    assert {school.films().pictures for _ in range(100)} >= {(0, 1), (1, 0), (6, 7), (7, 6)}


def test_turns_that_share_their_pictures_are_read_as_if_each_stood_alone(school: School) -> None:
    torch.manual_seed(0)
    many = [school.films() for _ in range(60)]
    tokenizer = drafter.word_tokenizer(turn for lesson in many for turn in (*lesson.first, *lesson.both))
    model = drafter.build(tokenizer, encoder.build(encoder.sentence_tokenizer())).eval()
    lessons = [school.films(), school.patch(), school.films()]
    batch = batches.collate(lessons, tokenizer)
    features = torch.randn(5, batches.TOKENS, drafter.WIDTH)
    seen = model.model.multi_modal_projector(features)

    def embedded(ids: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        return model.get_input_embeddings()(ids).masked_scatter((ids == tokenizer.image_token_id)[..., None], pictures)

    with torch.inference_mode():
        masks = {"full_attention": batch.sees, "sliding_attention": batch.sees}
        packed = model.model(
            inputs_embeds=embedded(batch.ids, seen), attention_mask=masks, position_ids=batch.positions, use_cache=False
        ).last_hidden_state
        used = 0
        for row, lesson in enumerate(lessons):
            shown = seen[used : used + len(lesson.pictures)]
            used += len(lesson.pictures)
            at = len(batches.tokens_of(Lesson(lesson.pictures, ()), tokenizer)[0])
            for turn, count in [(turn, 1) for turn in lesson.first] + [(turn, len(lesson.pictures)) for turn in lesson.both]:
                text = f"<bos><start_of_turn>user\n{batches.PICTURE * count}{turn.prompt}<end_of_turn>\n<start_of_turn>model\n"
                head = tokenizer(text, add_special_tokens=False)["input_ids"]
                answer = [*tokenizer(turn.answer, add_special_tokens=False)["input_ids"], tokenizer.eot_token_id]
                ids = torch.tensor([[*head, *answer]])
                alone = model.model(
                    inputs_embeds=embedded(ids, shown[:count]), attention_mask=torch.ones_like(ids),
                    token_type_ids=(ids == tokenizer.image_token_id).long(), use_cache=False,
                ).last_hidden_state[0]  # fmt: skip
                size = ids.shape[1] - len(batches.tokens_of(Lesson(lesson.pictures[:count], ()), tokenizer)[0])
                assert batch.ids[row, at : at + size].tolist() == ids[0, -size:].tolist()
                assert batch.labels[row, at : at + size].tolist() == [-100] * (size - len(answer)) + answer
                assert torch.allclose(packed[row, at : at + size], alone[-size:], atol=1e-4)
                at += size
            assert (batch.labels[row, at:] == -100).all()
