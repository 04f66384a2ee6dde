"""A model is not asked about a kind of picture it never saw: no answer, rather than a made-up one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.engine import Engine, EngineSpec
from inference.errors import ModelFailed, OutsideTraining
from inference.questions import DraftQuestion, EmbedQuestion
from tests.inference import tiny


def test_a_chest_model_does_not_draft_on_ct(models: Path) -> None:
    for model in (tiny.DRAFTER, tiny.ENCODER):
        (models / model / "hilum.json").write_text(json.dumps({"modalities": ["cxr"]}))
    engine = Engine(EngineSpec(encoder=tiny.ENCODER, drafter=tiny.DRAFTER, runtime="torch"))
    for question in (DraftQuestion(), EmbedQuestion()):
        with pytest.raises(OutsideTraining, match="kind ct; it knows cxr"):
            engine.answer(question, [tiny.picture(modality="ct")])
        engine.answer(question, [tiny.picture(modality="cxr")])
    assert issubclass(OutsideTraining, ModelFailed), "a batch goes on with the next item"
