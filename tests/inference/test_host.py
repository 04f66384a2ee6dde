"""The engine in its own process: the same bytes, cancel, death in mid-sentence, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from pytestqt.qtbot import QtBot

from inference import wire
from inference.answers import Draft, EngineState, Heatmap, LabelScores, Progress
from inference.engine import AnyEngine, Engine, EngineSpec
from inference.errors import Cancelled, EngineLost, ModelRefused
from inference.gemma import parameters
from inference.host import EngineProcess
from inference.questions import Decoding, DraftQuestion, EmbedQuestion, FreeQuestion, HeatmapQuestion, LabelQuestion, Picture
from inference.worker import Worker
from tests.inference.test_engine import LABELS
from tests.inference.tiny import DRAFTER, ENCODER, picture

SPEC = EngineSpec(ENCODER, DRAFTER, runtime="torch", threads=1, device="cpu")


NOISE = """
import os, sys, threading, time

def shout():
    for _ in range(100):
        time.sleep(0.05)
        print("noise")
        os.write(1, b"raw noise")

if "inference.host" in " ".join(sys.orig_argv):
    threading.Thread(target=shout, daemon=True).start()
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, gemma_folder: Path, siglip_folder: Path) -> Iterator[EngineProcess]:
    """One child for the tests that leave it alive; its models stand in a home of their own."""
    home = tmp_path_factory.mktemp("engine-home")
    shutil.copytree(gemma_folder, home / "models" / DRAFTER)
    shutil.copytree(siglip_folder, home / "models" / ENCODER)
    engine = EngineProcess(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HILUM_HOME", str(home))
        engine.start()
    yield engine
    engine.close()


def test_answers_equal_those_in_process(process: EngineProcess, models: Path) -> None:
    here = Engine(SPEC)
    shown = Picture(picture(70, 50).pixels, "cxr", 0.25, ("a step",))
    for question in (LabelQuestion(LABELS), HeatmapQuestion("left"), DraftQuestion("cough", Decoding(20)), EmbedQuestion()):
        told, own = process.answer(question, [shown]), here.answer(question, [shown])
        assert type(told) is type(own)
        assert replace(told.receipt, seconds=0) == replace(own.receipt, seconds=0)
        if isinstance(told, Heatmap) and isinstance(own, Heatmap):
            assert told.values.tobytes() == own.values.tobytes()
            assert told.values.dtype == own.values.dtype
            assert told.extent == own.extent
        elif isinstance(told, LabelScores) and isinstance(own, LabelScores):
            assert told.scores == own.scores
        elif isinstance(told, Draft) and isinstance(own, Draft):
            assert (told.text, told.finish) == (own.text, own.finish)
        else:
            assert told.vectors.tobytes() == own.vectors.tobytes()  # type: ignore[union-attr]


def test_errors_keep_their_kind_and_their_sentence(process: EngineProcess) -> None:
    with pytest.raises(ModelRefused, match="exactly one picture"):
        process.answer(HeatmapQuestion("a"), [picture()] * 2)
    assert process.answer(EmbedQuestion(), [picture()])


@pytest.mark.skipif(sys.platform == "win32", reason="priorities of POSIX")
def test_the_window_comes_before_the_model(process: EngineProcess) -> None:
    process.answer(EmbedQuestion(), [picture()])
    own = psutil.Process().nice()
    assert psutil.Process(process.pid).nice() == min(own + 10, 19)


def test_a_kill_in_mid_generation_costs_that_question_alone(models: Path) -> None:
    process = EngineProcess(SPEC)
    heard: list[str] = []

    def kill_at_the_third_token(progress: Progress) -> None:
        heard.append(progress.text)
        if progress.stage == "writing" and progress.done == 3:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(EngineLost, match=r"signal 9\); ask again"):
        process.answer(FreeQuestion("left?", Decoding(400)), [picture()], on_progress=kill_at_the_third_token)
    assert heard
    assert process.state().device == "not started"
    answer = process.answer(FreeQuestion("left?", Decoding(4)), [picture()])
    assert isinstance(answer, Draft)
    assert answer.receipt.tokens == 4
    process.close()


def test_cancel_in_mid_token_and_the_next_question_is_not_held_up(process: EngineProcess) -> None:
    cancel = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.stage == "writing" and progress.done == 2:
            cancel.set()

    pid = []
    with pytest.raises(Cancelled):
        process.answer(FreeQuestion("left?", Decoding(100_000)), [picture()], on_progress=stop, cancel=cancel)
    pid.append(process.pid)
    late: list[Progress] = []
    process.answer(EmbedQuestion(), [picture()], on_progress=late.append)
    assert process.pid == pid[0], "the same child answers on"
    assert all(one.stage != "writing" for one in late), "nothing of the old question reaches the new one"


def test_state_is_told_while_a_question_runs(process: EngineProcess) -> None:
    cancel, states = threading.Event(), []

    def look(progress: Progress) -> None:
        if progress.stage == "writing":
            states.append(process.state())
            cancel.set()

    with pytest.raises(Cancelled):
        process.answer(FreeQuestion("left?", Decoding(1000)), [picture()], on_progress=look, cancel=cancel)
    assert DRAFTER in states[0].models
    assert states[0].memory_used > 0


def test_the_client_needs_no_model_library() -> None:
    code = (
        "import sys, inference.host, inference.engine, inference.questions\n"
        "bad = {'torch', 'transformers', 'onnxruntime', 'PySide6'} & set(sys.modules)\n"
        "raise SystemExit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_child_ends_with_its_parent(models: Path) -> None:
    code = (
        "import os, sys\n"
        "from inference.host import EngineProcess\n"
        "engine = EngineProcess()\n"
        "engine.start()\n"
        "print(engine.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)


def test_nothing_is_left_in_shared_memory(models: Path) -> None:
    def scratches() -> set[str]:
        return {path.name for path in Path("/dev/shm").glob("hilum-*")} if Path("/dev/shm").is_dir() else set()

    before = scratches()
    engine = EngineProcess(SPEC)
    engine.answer(EmbedQuestion(), [picture()])
    pid = engine.pid
    assert scratches() <= before, "the names are gone while both still use the memory"
    engine.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_what_a_library_prints_does_not_reach_the_pipe(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = EngineProcess(SPEC)
    for seed in range(3):
        engine.answer(EmbedQuestion(), [picture(seed=seed)])
    engine.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_arrays_cross_unchanged(dtype: type) -> None:
    scratch = wire.Scratch()
    other = wire.Scratch(scratch.path)
    scratch.forget_name()
    arrays = [
        np.arange(60, dtype=dtype).reshape(3, 4, 5),
        np.zeros((2, 1), dtype),
        np.arange(60, dtype=dtype).reshape(3, 4, 5)[:, ::2],
    ]
    places = [scratch.write(array) for array in arrays]
    for array, place in reversed(list(zip(arrays, places, strict=True))):
        assert np.array_equal(other.read(place), array)
    scratch.close()
    other.close()


def test_values_cross_unchanged_and_strangers_do_not() -> None:
    scratch = wire.Scratch()
    question = DraftQuestion("ΔT – 肺", Decoding(7, 0.25, 3))
    assert wire.value(wire.plain(question, scratch), scratch) == question
    assert wire.value(wire.plain(LabelQuestion(LABELS), scratch), scratch) == LabelQuestion(LABELS)
    with pytest.raises(TypeError, match="nothing that passes"):
        wire.plain(object(), scratch)
    with pytest.raises(KeyError):
        wire.value({"kind": "Popen", "args": "x"}, scratch)
    scratch.close()


def test_an_idle_engine_gives_its_memory_back_and_answers_again(models: Path, qtbot: QtBot) -> None:
    """The memory of all children of this process, with a window's worker between; weights count in float32."""
    weights = 4 * sum(parameters(models / model) for model in (DRAFTER, ENCODER))

    def resident() -> int:
        found = 0
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += child.memory_info().rss
        return found

    texts: list[str] = []
    sizes: list[int] = []

    def ask(engine: AnyEngine, on_progress: Callable[[Progress], None], cancel: threading.Event) -> None:
        answer = engine.answer(FreeQuestion("left?", Decoding(8)), [picture()], on_progress=on_progress, cancel=cancel)
        engine.answer(EmbedQuestion(), [picture()], cancel=cancel)
        assert isinstance(answer, Draft)
        texts.append(answer.text)
        sizes.append(resident())

    before = resident()
    worker = Worker(SPEC)
    states: list[EngineState] = []
    stages: list[str] = []
    worker.state.connect(states.append)
    worker.progress.connect(lambda _, progress: stages.append(progress.stage))
    try:
        for ticket in (1, 2):
            stages.clear()
            worker.set_idle(0)
            worker.submit(ticket, ask)
            qtbot.waitUntil(lambda ticket=ticket: len(texts) == ticket, timeout=60_000)  # type: ignore[misc]
            worker.set_idle(0.05)
            qtbot.waitUntil(lambda: bool(states) and states[-1].idle_s > 0, timeout=60_000)
            assert sizes[-1] - resident() >= weights / 2
            assert resident() <= before + weights / 2
            assert states[-1].models == ()
            assert f"loading {DRAFTER}" in stages
            states.clear()
    finally:
        worker.close()
    assert texts[0] == texts[1]
