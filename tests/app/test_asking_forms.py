"""Questions in a published form, from the command line: is it there, what became of it, with how much thinking."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.reports.checks import of_answer
from inference.demo.chest import Chest
from tests.app.fake_engine import FakeEngine
from tests.inference import tiny

Film = Callable[[int], tuple[Path, Chest]]


def test_is_it_there_on_films_of_which_it_is_known(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    right = of = 0
    for seed in range(2_300_000, 2_300_008):
        path, chest = film(seed)
        for kind, words in (("effusion", "a pleural effusion"), ("pneumothorax", "a pneumothorax")):
            assert main(["ask", str(path), "--classify", words, "--json"]) == 0
            body = json.loads(capsys.readouterr().out)
            assert body["verdict"] in ("yes", "no", "unclear")
            right += body["verdict"] == ("yes" if chest.has(kind) else "no")
            of += 1
    assert right / of > 0.8, f"{right} of {of}"


def test_an_answer_that_gives_no_verdict_is_unclear(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", str(film(2_300_000)[0]), "--classify", "xyzzy"]) == 0
    out = capsys.readouterr().out
    assert sum(one in out for one in ("Yes, by the answer", "No, by the answer", "Unclear: the answer")) == 1


def test_changes_are_asked_one_by_one_and_each_is_a_choice(
    home: Path, tmp_path_factory: pytest.TempPathFactory, film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("gemma")
    tiny.write_gemma(folder)
    shutil.copytree(folder, home / "models" / tiny.DRAFTER)
    now, then = film(2_300_001)[0], film(2_300_002)[0]
    command = ["ask", str(now), "--changes", "--drafter", tiny.DRAFTER, "--device", "cpu"]
    assert main([*command, "--prior", str(then), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    lines = body["text"].splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Consolidation", "Edema", "Pleural effusion", "Pneumonia", "Pneumothorax",
    ]  # fmt: skip
    assert all(line.split(": ")[1] in ("improved.", "stable.", "worsened.") for line in lines)
    assert any("could not say that it is unsure" in one for one in body["receipt"]["warnings"])
    assert body["receipt"]["prompt"].count("improved, stable or worsened?") == 5
    assert main(command) == 2
    assert "--prior" in capsys.readouterr().err
    assert main(["ask", str(now), "--changes", "--prior", str(then)]) != 0
    assert "is not asked for changes finding by finding" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--classify", "an effusion", "--changes"], "both stand for the question"),
        (["Why?", "--thinking", "many"], "no budget for thinking"),
        (["Why?", "--thinking", "0"], "no budget for thinking"),
        (["Why?", "--thinking", "9999999"], "no budget for thinking"),
        (["Why?", "--thinking", "500"], "writes no thinking trace"),
    ],
)
def test_what_makes_no_sense_is_refused(
    film: Film, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["ask", str(film(2_300_000)[0]), *arguments])
    except SystemExit as left:
        code = int(left.code or 0)
    said = capsys.readouterr()
    assert code != 0
    assert sentence in said.err
    assert said.out == ""


def test_the_question_may_stand_behind_the_options(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(film(2_300_000)[0])
    made: list[FakeEngine] = []

    def engine(spec: object) -> FakeEngine:
        made.append(FakeEngine())
        return made[-1]

    assert main(["ask", path, "--prior", path, "Why?"], engine) == 0
    assert made[0].asked[0][0].text == "Why?"  # type: ignore[union-attr]
    assert main(["ask", path, "Why?", "--unknown"], engine) == 2
    assert main(["draft", path, "--seed", "3", "Why?"], engine) == 2
    assert "unrecognized arguments: Why?" in capsys.readouterr().err


def test_thinking_reaches_the_question(film: Film) -> None:
    for words, expected in (([], None), (["--thinking", "off"], 0), (["--thinking", "750"], 750)):
        made: list[FakeEngine] = []

        def engine(spec: object, made: list[FakeEngine] = made) -> FakeEngine:
            made.append(FakeEngine())
            return made[-1]

        assert main(["ask", str(film(2_300_000)[0]), "Why?", *words], engine) == 0
        assert made[0].asked[0][0].decoding.thinking_tokens == expected  # type: ignore[union-attr]


def test_a_free_answer_that_speaks_of_a_prior_that_was_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "“unchanged” speaks of an earlier picture, but none was sent to the model."
    assert of_answer("Yes. The effusion is unchanged.", prior_sent=False) == [said]
    assert of_answer("Yes. The effusion is unchanged.", prior_sent=True) == []
    assert of_answer("No prior film for comparison. There is an effusion.", prior_sent=False) == []

    class Remembers(FakeEngine):
        def _canned(self, question: object, pictures: object, digest: str) -> object:  # type: ignore[override]
            from dataclasses import replace

            return replace(super()._canned(question, pictures, digest), text="The effusion is unchanged.")  # type: ignore[arg-type, type-var]

    path = tmp_path / "film.png"
    Image.fromarray(np.full((8, 8), 99, np.uint8)).save(path)
    assert main(["ask", str(path), "Is there an effusion?"], Remembers) == 0  # type: ignore[arg-type]
    assert f"Look at twice: {said}" in capsys.readouterr().out
