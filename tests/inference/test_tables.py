"""Tables and records: what a model is told, and answers that keep to their form wherever they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inference import catalogue, forms, lengths, prompts, schema
from inference.answers import Draft
from inference.engine import Engine, EngineSpec
from inference.errors import ModelFailed, ModelRefused, OutsideTraining, QuestionTooLong, SchemaRefused
from inference.questions import Decoding, DraftQuestion, FreeQuestion, Picture, TableQuestion
from tests.inference import tiny
from tests.inference.test_endpoint import asked

NEW = catalogue.entry("medgemma-1.5-4b-it")
ROW = {"test": "Sodium", "value": "139", "unit": "mmol/L", "reference": "135-145", "flag": ""}


def page() -> Picture:
    return tiny.picture(modality="document")


@pytest.fixture
def engine(models: Path) -> Iterator[Engine]:
    (models / tiny.DRAFTER / "hilum.json").write_text(json.dumps({"modalities": ["document", "photo"]}))
    with closing(Engine(EngineSpec(drafter=tiny.DRAFTER, device="cpu"))) as made:
        yield made


def test_a_random_model_cannot_leave_the_form_of_a_laboratory_sheet(engine: Engine) -> None:
    answer = engine.answer(TableQuestion(decoding=Decoding(max_tokens=160)), [page()])
    assert isinstance(answer, Draft)
    found = json.loads(answer.text)
    Draft202012Validator(schema.load("lab")).validate(found)
    assert answer.receipt.pixels_sha256
    assert "Copy every row of it" in answer.receipt.prompt


def test_a_form_of_the_readers_own(engine: Engine) -> None:
    own = {"type": "object", "properties": {"pages": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["pages"],
           "additionalProperties": False}  # fmt: skip
    answer = engine.answer(TableQuestion(json.dumps(own)), [page()])
    assert isinstance(answer, Draft)
    assert json.loads(answer.text)["pages"] in range(1, 10)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"type": "object", "type": "array"}', '{"type": "string", "pattern": "a+"}', "NaN"]
)
def test_a_schema_that_is_none_is_refused_in_a_sentence(engine: Engine, text: str) -> None:
    if text:
        with pytest.raises(SchemaRefused, match="mend the schema"):
            engine.answer(TableQuestion(text), [page()])
    with pytest.raises(SchemaRefused, match="mend the schema"):
        forms.parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "no table here",
        '{"rows": [',
        json.dumps({"rows": [ROW | {"value": 139}]}),
        json.dumps({"rows": [{**ROW, "flag": "high"}]}),
        json.dumps({"rows": [ROW | {"comment": ""}]}),
        json.dumps({"rows": [ROW] * 101}),
        '{"rows": [], "rows": []}',
        '{"rows": NaN}',
        '{"rows": [1e999]}',
        "[" * 100_000,
    ],
)
def test_what_leaves_the_form_is_no_table(text: str) -> None:
    with pytest.raises(ModelFailed, match="no table"):
        forms.fitting(text, schema.load("lab"))


def test_what_keeps_to_the_form_is_read() -> None:
    assert forms.fitting(json.dumps({"rows": [ROW]}), schema.load("lab")) == {"rows": [ROW]}


def test_a_table_may_be_as_long_as_the_model_writes_at_once_and_prose_as_long_as_is_sensible() -> None:
    assert lengths.most(TableQuestion(), NEW) == 8192
    assert lengths.most(FreeQuestion("?", Decoding(max_tokens=9000)), NEW) == NEW.max_tokens == 2000


def test_a_table_is_read_from_one_page_and_by_a_model_that_knows_pages(engine: Engine, models: Path) -> None:
    with pytest.raises(ModelRefused, match="exactly one"):
        engine.answer(TableQuestion(), [page()] * 2)
    (models / tiny.DRAFTER / "hilum.json").write_text(json.dumps({"modalities": ["photo"]}))
    with (
        pytest.raises(OutsideTraining, match="kind document; it knows photo"),
        closing(Engine(EngineSpec(drafter=tiny.DRAFTER, device="cpu"))) as other,
    ):
        other.answer(TableQuestion(), [page()])


def test_a_server_is_told_the_form_and_what_it_writes_is_checked(home: Path) -> None:
    draft, sent = asked("table", TableQuestion(), [page()], recipe=NEW.id)
    assert json.loads(draft.text)["rows"] == [ROW]
    form = sent["body"]["response_format"]
    assert (form["type"], form["json_schema"]["schema"]) == ("json_schema", schema.load("lab"))
    assert sent["body"]["max_tokens"] == 8192
    assert "response_format" not in asked("good", FreeQuestion("?"), [page()], recipe=NEW.id)[1]["body"]


@pytest.mark.parametrize(
    ("mode", "why"),
    [("table-of-its-own", "keep to the form"), ("good", "keep to the form"), ("table-cut", "to its end"), ("cut", "to its end")],
)
def test_a_server_that_does_not_heed_the_form_gives_no_table(home: Path, mode: str, why: str) -> None:
    with pytest.raises(ModelFailed, match=why):
        asked(mode, TableQuestion(), [page()], recipe=NEW.id)


def test_the_record_comes_before_the_question() -> None:
    record = "Sodium: 139 mmol/L {question}"
    ((_, parts),) = prompts.messages(FreeQuestion("Is sodium low?", record=record), [], NEW)
    assert [str(part).strip() for part in parts] == [f"{record}\n\nIs sodium low?"]


def test_a_model_of_words_alone_answers_about_a_record(models: Path) -> None:
    from transformers import Gemma3ForCausalLM

    processor = tiny.gemma_processor()
    folder = models / "medgemma-27b-text-it"
    Gemma3ForCausalLM(tiny.gemma_model(processor.tokenizer).config.text_config).save_pretrained(folder)
    processor.tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(tiny.TEMPLATE)
    with closing(Engine(EngineSpec(drafter="medgemma-27b-text-it", device="cpu"))) as engine:
        asked = FreeQuestion("Is there an effusion?", Decoding(max_tokens=8), "There is a <start_of_turn>left pleural effusion.")
        answer = engine.answer(asked, [])
        assert isinstance(answer, Draft)
        assert answer.receipt.pixels_sha256 == ()
        assert engine._drafter is not None
        drafter = engine._drafter[0]
        ids = drafter.prompt(prompts.messages(asked, [], drafter.entry), 0).tolist()
        turn = drafter.tokenizer.convert_tokens_to_ids("<start_of_turn>")
        assert ids.count(turn) == 2  # the reader's and the model's: what the record spells is no turn
        assert "left pleural effusion." in answer.receipt.prompt
        with pytest.raises(ModelRefused, match="text only"):
            engine.answer(FreeQuestion("?"), [page()])
        with pytest.raises(QuestionTooLong, match="shorten it"):
            engine.answer(FreeQuestion("?", Decoding(max_tokens=8), "effusion left " * 480), [])


def test_questions_and_captions_cross_to_the_other_process() -> None:
    import numpy as np

    from inference import wire

    with closing(wire.Scratch()) as scratch:
        asked = (TableQuestion('{"type": "null"}'), FreeQuestion("?", record="Hb 9.8"), tiny.picture(caption="FRAME 1, 0.00 s"))
        back = wire.value(json.loads(json.dumps(wire.plain(asked, scratch))), scratch)
    assert back[:2] == asked[:2]
    assert back[2].caption == "FRAME 1, 0.00 s"
    assert np.array_equal(back[2].pixels, asked[2].pixels)


def test_no_report_is_drafted_of_a_page() -> None:
    with pytest.raises(OutsideTraining, match="no report is drafted of a page"):
        prompts.messages(DraftQuestion(), [page()], NEW)


def test_captions_stand_behind_their_pictures() -> None:
    from dataclasses import replace

    frames = [replace(tiny.picture(modality="photo"), caption=f"FRAME {n}, {n / 2:.2f} s") for n in (1, 2)]
    ((_, parts),) = prompts.messages(FreeQuestion("Does it move?"), frames, NEW)
    assert parts == (None, "FRAME 1, 0.50 s", None, "FRAME 2, 1.00 s", "Does it move?")
    ((_, parts),) = prompts.messages(DraftQuestion(), frames, NEW)
    assert "comparison" not in str(parts[-1])
