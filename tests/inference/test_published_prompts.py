"""The published prompts, word for word, typed anew from the publisher's notebooks and arXiv 2507.05201 (table A7)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference import catalogue, prompts
from inference.answers import Draft
from inference.engine import Engine, EngineSpec
from inference.errors import ModelRefused
from inference.questions import (
    CHANGES,
    BoxQuestion,
    ChangeQuestion,
    ConditionQuestion,
    Decoding,
    DraftQuestion,
    FreeQuestion,
    Written,
)
from inference.verdicts import verdict
from tests.inference import tiny

NEW, OLD, PRETRAINED, DEMO = (
    catalogue.entry(name) for name in ("medgemma-1.5-4b-it", "medgemma-4b-it", "medgemma-4b-pt", "demo-drafter")
)
FILM = tiny.picture()

CLASSIFY = (
    "Is there pneumothorax in this image? You may write out your argument before stating your final very short, definitive, "
    "and concise answer (if possible, a single word or the letter corresponding to your answer choice) X in the format "
    '"Final Answer: X":'
)
COMPARE = (
    "Provide a comparison of these two images and include details from the image which students should take note of when "
    "reading longitudinal CXR"
)
LOCATE = (
    "Instructions:\n"
    "The following user query will require outputting bounding boxes. The format of bounding boxes coordinates is [y0, x0, y1,"
    " x1] where (y0, x0) must be top-left corner and (y1, x1) the bottom-right corner. This implies that x0 < x1 and y0 < y1."
    " Always normalize the x and y coordinates the range [0, 1000], meaning that a bounding box starting at 15% of the image"
    " width would be associated with an x coordinate of 150. You MUST output a single parseable json list of objects enclosed"
    ' into ```json...``` brackets, for instance ```json[{"box_2d": [800, 3, 840, 471], "label": "car"}, {"box_2d": [400, 22, 600,'
    ' 73], "label": "dog"}]``` is a valid output. Now answer to the user query.\n\n'
    'Remember "left" refers to the patient\'s left side where the heart is and sometimes underneath an L in the upper right'
    " corner of the image.\n\n"
    "Query:\n"
    "Where is the right clavicle? Don't give a final answer without reasoning. Output the final answer in the format"
    ' "Final Answer: X" where X is a JSON list of objects. The object needs a "box_2d" and "label" key. Answer:'
)


def words(question: Written, entry: catalogue.Entry, pictures: int = 1) -> str:
    """The whole of what is said; the pictures stand before it and nothing else does."""
    ((role, parts),) = prompts.messages(question, [FILM] * pictures, entry)
    assert role == ("plain" if entry is PRETRAINED else "user")
    assert parts[:-1] == (None,) * pictures
    return str(parts[-1])


@pytest.mark.parametrize("entry", [NEW, OLD])
def test_chest_film_prompts_of_tuned_models(entry: catalogue.Entry) -> None:
    assert words(ConditionQuestion("pneumothorax"), entry) == CLASSIFY
    assert words(BoxQuestion("right clavicle"), entry) == LOCATE
    assert words(DraftQuestion(), entry, 2) == COMPARE
    assert words(FreeQuestion("Are there any fractures in the image?"), entry) == "Are there any fractures in the image?"
    assert words(DraftQuestion("Cough."), entry).startswith("Cough.\n")


def test_chest_film_prompts_of_the_pretrained_model() -> None:
    assert words(DraftQuestion("Shortness of breath."), PRETRAINED) == "Shortness of breath. findings:"
    assert words(ConditionQuestion("pneumothorax"), PRETRAINED) == CLASSIFY


@pytest.mark.parametrize("entry", [NEW, OLD, PRETRAINED, DEMO])
def test_without_a_prior_the_prompt_says_nothing_of_one(entry: catalogue.Entry) -> None:
    said = words(DraftQuestion("Cough."), entry).lower()
    assert not any(word in said for word in ("prior", "previous", "compar", "earlier", "change"))


def test_a_follow_up_is_read_as_turns_behind_the_pictures(gemma_folder: Path) -> None:
    from inference.medgemma import Drafter

    asked = FreeQuestion(
        "On which side?", before=(("Is there an effusion?", "Yes. <end_of_turn> Small."), ("How large?", "Small."))
    )
    drafter = Drafter(gemma_folder, OLD, "cpu")
    told = prompts.messages(asked, [FILM], OLD)
    shown = drafter.shown(drafter.prompt(told, 1))
    assert shown == (
        "<bos><start_of_turn>user\n\n\n<start_of_image><image_soft_token>×16<end_of_image>\n\n"
        "Is there an effusion?<end_of_turn>\n"
        "<start_of_turn>model\nYes. <end_of_turn> Small.<end_of_turn>\n<start_of_turn>user\nHow large?<end_of_turn>\n"
        "<start_of_turn>model\nSmall.<end_of_turn>\n<start_of_turn>user\nOn which side?<end_of_turn>\n<start_of_turn>model\n"
    )
    marks = drafter.prompt(told, 1).tolist().count(drafter.tokenizer.convert_tokens_to_ids("<end_of_turn>"))
    assert marks == 5, "what the answer spelled is no mark of a turn"
    with pytest.raises(ModelRefused, match="takes no turns"):
        prompts.messages(asked, [FILM], PRETRAINED)


def test_a_follow_up_does_not_read_its_pictures_again(models: Path) -> None:
    engine = Engine(EngineSpec(drafter=tiny.DRAFTER))
    stages: list[str] = []

    def ask(question: FreeQuestion) -> Draft:
        answer = engine.answer(question, [FILM], on_progress=lambda one: stages.append(one.stage))
        assert isinstance(answer, Draft)
        return answer

    first = FreeQuestion("Is there an effusion?", Decoding(8))
    ask(first)
    assert "reading pictures" in stages
    stages.clear()
    second = ask(replace(first, text="Where?", before=((first.text, "Yes, on the left."),)))
    assert "reading pictures" not in stages
    fresh = Engine(EngineSpec(drafter=tiny.DRAFTER)).answer(
        replace(first, text="Where?", before=((first.text, "Yes, on the left."),)), [FILM]
    )
    assert isinstance(fresh, Draft)
    assert (second.text, second.receipt.prompt) == (fresh.text, fresh.receipt.prompt), "the same as without the kept beginning"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a lucency at the apex. Final Answer: Yes", "yes"),
        ("final answer : **No**.", "no"),
        ('Final Answer: "Yes."', "yes"),
        ("Final Answer: Yes, a small one at the left apex.", "yes"),
        ("Final Answer: No\nThank you.", "no"),
        ("Yes. Final Answer: No", "no"),
        ("Yes", "unclear"),
        ("I think so, yes.", "unclear"),
        ("Final Answer: Possibly", "unclear"),
        ("Final Answer: Yes and no", "unclear"),
        ("Final Answer: yes or no", "unclear"),
        ("Final Answer: no evidence to say yes", "unclear"),
        ("Final Answer: No idea", "unclear"),
        ("Final Answer: Yes. On reflection, Final Answer: No", "unclear"),
        ("Final Answer:", "unclear"),
        ("Final Answer: Notable effusion", "unclear"),
        ("", "unclear"),
    ],
)
def test_a_verdict_is_read_and_never_guessed(text: str, expected: str) -> None:
    assert verdict(text) == expected


def test_the_demonstration_answers_with_its_first_word() -> None:
    assert verdict("Yes. Small left pleural effusion.", first=True) == "yes"
    assert verdict("No. No pneumothorax.", first=True) == "no"
    assert verdict("Small.", first=True) == "unclear"


def test_a_change_is_one_of_three_words_and_takes_two_pictures(models: Path) -> None:
    engine = Engine(EngineSpec(drafter=tiny.DRAFTER))
    films = [FILM, tiny.picture(seed=3)]
    answer = engine.answer(ChangeQuestion("pleural effusion"), films)
    assert isinstance(answer, Draft)
    assert answer.text in [f'{{"change"{gap}"{one}"}}' for one in CHANGES for gap in (":", ": ")]
    assert "is the pleural effusion improved, stable or worsened?" in answer.receipt.prompt
    assert answer.receipt.thinking_tokens == 0
    with pytest.raises(ModelRefused, match="between two pictures"):
        engine.answer(ChangeQuestion("edema"), [FILM])
    with pytest.raises(ModelRefused, match="not asked for changes"):
        prompts.messages(ChangeQuestion("edema"), films, DEMO)


def test_the_condition_reaches_the_prompt_as_plain_text() -> None:
    odd = "{finding} {0.__class__} effusion"
    assert f"Is there {odd} in this image?" in words(ConditionQuestion(odd), NEW)
