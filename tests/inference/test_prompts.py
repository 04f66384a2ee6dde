"""What a model is told, by question, pictures and style."""

from __future__ import annotations

import pytest

from inference import catalogue, prompts
from inference.errors import ModelRefused
from inference.questions import BoxQuestion, DraftQuestion, FreeQuestion
from tests.inference.tiny import picture

NEW, OLD, PRETRAINED, TEXT = (
    catalogue.entry(name) for name in ("medgemma-1.5-4b-it", "medgemma-4b-it", "medgemma-4b-pt", "medgemma-27b-text-it")
)


def test_every_style_of_the_catalogue_has_its_texts() -> None:
    for entry in catalogue.entries():
        if entry.role == "drafter":
            texts = prompts.style(entry.prompts)
            assert {"draft", "compare", "ask", "locate", "system"} <= texts.keys()
            assert "{question}" in texts["ask"]
            assert "{object}" in texts["locate"]
            assert "{indication}" in texts["draft"]


def test_pictures_come_before_the_words() -> None:
    ((role, parts),) = prompts.messages(FreeQuestion("Is there an effusion?"), [picture(), picture()], NEW)
    assert role == "user"
    assert parts == (None, None, "Is there an effusion?")


def test_two_films_are_compared_and_one_is_described() -> None:
    ((_, one),) = prompts.messages(DraftQuestion("cough"), [picture()], NEW)
    ((_, two),) = prompts.messages(DraftQuestion("cough"), [picture(), picture()], NEW)
    assert one[0] is None
    assert str(one[1]).startswith("cough\n")
    assert two[:2] == (None, None)
    assert "Provide a comparison of these two images" in str(two[2])
    assert "comparison" not in str(one[1])


def test_slices_are_numbered_and_the_question_comes_last() -> None:
    slices = [picture(modality="ct") for _ in range(3)]
    ((_, parts),) = prompts.messages(FreeQuestion("Any lesion?"), slices, NEW)
    assert parts[1:] == (None, "SLICE 1", None, "SLICE 2", None, "SLICE 3", "Any lesion?")
    ((_, single),) = prompts.messages(FreeQuestion("Any lesion?"), slices[:1], NEW)
    assert single == (None, "Any lesion?")


def test_patches_of_a_slide_follow_the_text() -> None:
    ((_, parts),) = prompts.messages(FreeQuestion("Diagnosis?"), [picture(modality="slide") for _ in range(2)], NEW)
    assert str(parts[0]).endswith("Diagnosis?")
    assert parts[1:] == (None, None)


def test_the_box_prompt_is_the_published_one() -> None:
    ((_, parts),) = prompts.messages(BoxQuestion("right clavicle"), [picture()], NEW)
    words = str(parts[1])
    assert words.startswith("Instructions:\nThe following user query will require outputting bounding boxes.")
    assert '```json[{"box_2d": [800, 3, 840, 471], "label": "car"}, {"box_2d": [400, 22, 600, 73], "label": "dog"}]```' in words
    assert "Query:\nWhere is the right clavicle? Don't give a final answer without reasoning." in words
    assert "{object}" not in words


def test_words_of_the_reader_are_not_read_as_templates() -> None:
    asked = "what is {indication} and {0.__class__}?"
    ((_, parts),) = prompts.messages(FreeQuestion(asked), [picture()], NEW)
    assert parts[1] == asked


def test_a_pretrained_model_has_no_turns() -> None:
    assert prompts.messages(DraftQuestion("Cough."), [picture()], PRETRAINED) == (("plain", (None, "Cough. findings:")),)


def test_what_a_model_cannot_take_is_refused() -> None:
    with pytest.raises(ModelRefused, match="text only"):
        prompts.messages(FreeQuestion("?"), [picture()], TEXT)
    with pytest.raises(ModelRefused, match="at most 85"):
        prompts.messages(FreeQuestion("?"), [picture(8, 8, modality="ct")] * 86, NEW)
    with pytest.raises(ModelRefused, match="exactly one"):
        prompts.messages(BoxQuestion("heart"), [picture()] * 2, OLD)
    with pytest.raises(ModelRefused, match="one picture at least"):
        prompts.messages(DraftQuestion(), [], NEW)
