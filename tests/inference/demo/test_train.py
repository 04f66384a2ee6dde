"""The whole training at its smallest: every stage runs, and what it writes is loaded by the same code as the shipped pack."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.answers import Draft, LabelScores
from inference.demo import train
from inference.engine import Engine
from inference.questions import DraftQuestion, Label, LabelQuestion, LabelSet, Picture


def test_a_course_of_a_few_steps_writes_a_pack_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train.main(["--quick", "--out", str(tmp_path / "pack")]) == 0
    pack = tmp_path / "pack"
    assert sum(path.stat().st_size for path in pack.rglob("*") if path.is_file()) <= 30e6
    home = tmp_path / "home"
    for model in ("encoder", "drafter"):
        shutil.copytree(pack / model, home / "models" / f"demo-{model}")
    monkeypatch.setenv("HILUM_HOME", str(home))
    picture = Picture(np.full((90, 100, 3), 128, np.uint8), "cxr")
    engine = Engine()
    try:
        names = LabelSet("two", "cxr", (Label("A", ("effusion",), ("no effusion",)), Label("B", ("opacity",), ("no opacity",))))
        scores = engine.answer(LabelQuestion(names), [picture])
        draft = engine.answer(DraftQuestion(""), [picture])
    finally:
        engine.close()
    assert isinstance(scores, LabelScores)
    assert isinstance(draft, Draft)
    assert {score.name for score in scores.scores} == {"A", "B"}
