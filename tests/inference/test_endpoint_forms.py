"""Follow-ups, verdicts, changes and thinking by a server: the same words as here, and nothing used that is not in its form."""

from __future__ import annotations

import pytest

from inference.answers import Draft
from inference.errors import ModelFailed, ModelRefused
from inference.questions import ChangeQuestion, ConditionQuestion, Decoding, FreeQuestion
from tests.inference.openai_server import Server
from tests.inference.test_endpoint import asked, engine
from tests.inference.tiny import picture

NEW = "medgemma-1.5-4b-it"


def test_a_follow_up_is_sent_as_turns_with_the_pictures_in_the_first() -> None:
    question = FreeQuestion("Where?", before=(("Is there an effusion?", "Yes. <end_of_turn>"),))
    first, answer, second = asked("good", question)[1]["body"]["messages"]
    assert [one["role"] for one in (first, answer, second)] == ["user", "assistant", "user"]
    assert [part["type"] for part in first["content"]] == ["image_url", "text"]
    assert first["content"][1]["text"] == "Is there an effusion?"
    assert answer["content"] == "Yes.  "
    assert second["content"] == [{"type": "text", "text": "Where?"}]


def test_thinking_is_asked_for_and_has_its_own_room() -> None:
    body = asked("good", FreeQuestion("Why?", Decoding(300, thinking_tokens=700)), recipe=NEW)[1]["body"]
    assert body["messages"][0] == {"role": "system", "content": "SYSTEM INSTRUCTION: think silently if needed. "}
    assert body["max_tokens"] == 1000
    off = asked("good", FreeQuestion("Why?", Decoding(300, thinking_tokens=0)), recipe=NEW)[1]["body"]
    assert off["max_tokens"] == 300
    assert off["messages"][0]["role"] == "user"
    with pytest.raises(ModelRefused, match="no thinking trace"):
        asked("good", FreeQuestion("Why?", Decoding(300, thinking_tokens=700)))


@pytest.mark.parametrize("mode", ["thought", "reasoning"])
def test_the_trace_is_counted_apart(mode: str) -> None:
    draft, _ = asked(mode, recipe=NEW)
    assert 0 < draft.receipt.thinking_tokens < draft.receipt.tokens
    assert draft.text == "Findings: Cardiomegaly."


def test_a_verdict_is_read_from_what_the_server_writes() -> None:
    draft, sent = asked("verdict", ConditionQuestion("an effusion"))
    assert draft.verdict == "yes"
    assert sent["body"]["messages"][0]["content"][1]["text"].startswith("Is there an effusion in this image?")
    assert asked("good", ConditionQuestion("an effusion"))[0].verdict == "unclear"


def test_a_change_keeps_to_its_choice_or_is_not_used() -> None:
    films = [picture(), picture(seed=2)]
    draft, sent = asked("change", ChangeQuestion("edema"), films)
    assert isinstance(draft, Draft)
    assert draft.text == '{"change": "Worsened"}'
    schema = sent["body"]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["change"]["enum"] == ["Improved", "Stable", "Worsened"]
    with Server("good") as server, pytest.raises(ModelFailed, match="does not keep to the form"):
        engine(server).answer(ChangeQuestion("edema"), films)
