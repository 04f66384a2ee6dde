"""A batch whose drafts are written together gives what it gives one by one, killed and resumed too; the reader comes first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import batch, machine
from app.batch import Batch, Settings, groups, run_items
from app.batch.together import Gathering
from app.cli import main
from inference.answers import Answer, Progress
from inference.demo.chest import Chest
from inference.engine import Engine, EngineSpec, quiet
from inference.errors import InferenceError, ModelFailed
from inference.host import EngineProcess
from inference.questions import DraftQuestion, EmbedQuestion, Picture, Question
from tests.app.conftest import Seat

FILMS = 6
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, film: Callable[[int], tuple[Path, Chest]]) -> Path:
    """Films of the demonstration's kind, one file that cannot be read."""
    made = tmp_path / "films"
    made.mkdir()
    for number in range(FILMS):
        Image.open(film(number)[0]).resize((512, 512)).save(made / f"{number}.png")
    (made / "3-bad.png").write_text("this is no picture")
    return made


def done(out: Path) -> dict[str, str]:
    """The text of every draft by its picture."""
    found = {}
    for path in (out / "items").glob("*.json"):
        record = json.loads(path.read_text())
        if draft := record["tasks"].get("draft"):
            found[record["item"]] = draft["answers"][0]["text"]
    return found


def steps(out: Path) -> list[str]:
    records = [json.loads(path.read_text()) for path in (out / "items").glob("*.json")]
    return [
        step for one in records if "draft" in one["tasks"] for step in one["tasks"]["draft"]["answers"][0]["receipt"]["steps"]
    ]


def test_the_same_tables_as_one_by_one(folder: Path, tmp_path: Path) -> None:
    for number in (1, 4):
        assert (
            main(
                ["batch", str(folder), "--out", str(tmp_path / str(number)), "--tasks", "label,draft", "--together", str(number)]
            )
            == 5
        )
    assert (tmp_path / "1" / "results.csv").read_bytes() == (tmp_path / "4" / "results.csv").read_bytes()
    assert len(done(tmp_path / "4")) == FILMS
    assert done(tmp_path / "4") == done(tmp_path / "1")
    assert not [step for step in steps(tmp_path / "1") if "together" in step]
    together = [step for step in steps(tmp_path / "4") if "together" in step]
    assert sorted(together) == ["written together with 2 others, whose time is counted in"] * 6  # four with the bad file, three


def test_killed_and_resumed(folder: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = [sys.executable, "-m", "app", "batch", str(folder), "--tasks", "draft", "--together", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([*command, "--out", str(out)], env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 90
    while time.monotonic() < until and not (out.is_dir() and done(out)):
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = done(out)
    assert kept
    when = {path: path.stat().st_mtime_ns for path in (out / "items").glob("*.json") if json.loads(path.read_text())["tasks"]}
    assert main(["batch", str(folder), "--out", str(out), "--tasks", "draft", "--together", "2", "--resume"]) == 5
    assert main(["batch", str(folder), "--out", str(whole), "--tasks", "draft", "--together", "1"]) == 5
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in when} == when  # nothing was done twice


class Counting:
    """Answers "name" of what it is asked, and counts how many at once."""

    def __init__(self) -> None:
        self.spec = EngineSpec()
        self.sizes: list[int] = []

    def answer(self, question: Question, pictures: Sequence[Picture], **_: object) -> Answer:
        self.sizes.append(1)
        return question  # type: ignore[return-value]

    def answer_together(self, asked: Sequence[tuple[Question, Sequence[Picture]]], **_: object) -> list[Answer | InferenceError]:
        self.sizes.append(len(asked))
        return [
            ModelFailed("bad") if question.indication == "bad" else question  # type: ignore[union-attr, misc]
            for question, _pictures in asked
        ]


def asking(gathering: Gathering, works: Sequence[Callable[[], object]]) -> list[object]:
    """Each in a thread; what it gives or raises."""
    found: list[object] = [None] * len(works)

    def run(at: int) -> None:
        try:
            found[at] = works[at]()
        except Exception as error:
            found[at] = error
        finally:
            gathering.leave()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
        assert not one.is_alive()
    return found


def test_each_gets_its_own_answer_whoever_leaves_early() -> None:
    engine = Counting()
    gathering = Gathering(engine, 5)
    asked = [DraftQuestion(f"question {number}") for number in range(3)]

    def twice() -> list[object]:
        return [gathering.answer(asked[0], ()), gathering.answer(EmbedQuestion(), ()), gathering.answer(asked[1], ())]

    found = asking(
        gathering,
        [
            twice,
            lambda: gathering.answer(asked[2], ()),
            lambda: gathering.answer(DraftQuestion("bad"), ()),
            lambda: 7,
            lambda: 1 / 0,
        ],
    )
    assert found[0] == [asked[0], EmbedQuestion(), asked[1]]
    assert found[1] == asked[2]
    assert isinstance(found[2], ModelFailed)
    assert found[3] == 7
    assert isinstance(found[4], ZeroDivisionError)
    assert sorted(engine.sizes) == [1, 1, 3]


def test_what_ends_a_batch_ends_all() -> None:
    class Ends(Counting):
        def answer_together(self, asked: object, **_: object) -> list[Answer | InferenceError]:
            raise OSError("the disk is full")

    gathering = Gathering(Ends(), 2)
    found = asking(
        gathering, [lambda: gathering.answer(DraftQuestion("a"), ()), lambda: gathering.answer(DraftQuestion("b"), ())]
    )
    assert [str(one) for one in found] == ["the disk is full"] * 2


def test_a_picture_that_kills_the_engine_costs_itself_alone(tmp_path: Path, film: Callable[[int], tuple[Path, Chest]]) -> None:
    """The process of the engine dies over one of a group: the others are answered all the same, by a new process."""
    made = tmp_path / "films"
    made.mkdir()
    for number in range(3):
        Image.open(film(number)[0]).resize((512, 512)).save(made / f"{number}.png")
    poison = np.asarray(Image.open(made / "1.png").convert("RGB"))

    class Poisoned(EngineProcess):
        """Its child is killed whenever it begins to work on that picture."""

        def _ask(
            self,
            asked: Sequence[tuple[Question, Sequence[Picture]]],
            on_progress: Callable[[Progress], None],
            *more: Any,
            **ways: Any,
        ) -> list[Answer | InferenceError]:
            kills = any(np.array_equal(picture.pixels, poison) for _, pictures in asked for picture in pictures)

            def told(progress: Progress) -> None:
                on_progress(progress)
                if kills and progress.stage == "writing" and self.pid is not None:
                    os.kill(self.pid, signal.SIGKILL)

            return super()._ask(asked, told, *more, **ways)

    with Batch(made, tmp_path / "out", Settings(tasks=("draft",), together=3)) as batched, closing(Poisoned()) as engine:
        rows = [row for group in groups(batched) for row in run_items(batched, group, engine)]
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert "the engine ended while it was working" in str(rows[1]["reason"])


def test_how_many_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(name: str, settings: Settings) -> list[int]:
        with Batch(folder, tmp_path / name, settings) as made:
            return [len(one) for one in groups(made)]

    monkeypatch.setattr(machine, "cards", tuple)
    assert sizes("a", Settings(tasks=("draft",))) == [4, 3]
    assert sizes("b", Settings(tasks=("label",))) == [1] * 7
    assert sizes("c", Settings(tasks=("draft",), together=3)) == [3, 3, 1]
    monkeypatch.setattr(machine, "cards", lambda: ("a card",))
    assert sizes("d", Settings(tasks=("draft",))) == [7]
    assert sizes("e", Settings(tasks=("draft",), device="cpu")) == [4, 3]


def test_a_batch_in_the_window_gives_way_to_the_reader(
    seat: Seat, folder: Path, tmp_path: Path, film: Callable[[int], tuple[Path, Chest]]
) -> None:
    """The reader's question is answered before the group that was being written, and nothing of the batch is lost."""
    path, _ = film(9)
    seat.open(path)
    seat.ask("draft")
    batches, ended = seat.window.batch, list[Path]()
    batches.ended.connect(ended.append)
    out = tmp_path / "out"
    batches.start(folder, out, batch.Settings(tasks=("draft",), together=7))
    seat.wait(lambda: bool(batches._groups))
    seat.ask("draft")
    assert not ended
    seat.wait(lambda: bool(ended))
    assert len(done(out)) == FILMS


def test_one_that_cannot_be_read_leaves_the_others_together(folder: Path, tmp_path: Path) -> None:
    sizes: list[int] = []

    class Watched(Engine):
        def answer_together(
            self,
            asked: Sequence[tuple[Question, Sequence[Picture]]],
            *,
            on_progress: Callable[[Progress], None] = quiet,
            cancel: threading.Event | None = None,
        ) -> list[Answer | InferenceError]:
            sizes.append(len(asked))
            return super().answer_together(asked, on_progress=on_progress, cancel=cancel)

    with Batch(folder, tmp_path / "out", Settings(tasks=("draft",), together=7)) as made:
        rows = [row for group in groups(made) for row in run_items(made, group, Watched())]
    assert sizes == [FILMS]
    assert [row["status"] for row in rows] == ["done"] * 3 + ["failed"] + ["done"] * 3
