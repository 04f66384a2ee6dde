"""A process that may take no more memory: what runs out ends in a sentence or in a smaller step, never in a crash or silence.

The limit is the system's own (RLIMIT_AS) and is set in a process of its own, once all libraries are loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference import ladder, measuring, onnx_encoder
from inference.errors import ModelFailed
from inference.medsiglip import BATCH, Encoder
from tests.inference import tiny
from tests.inference.test_encoder import PHRASES, load, squares

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
NOTHING_LEFT = (
    f"{tiny.DRAFTER} needs more memory than is free, and nothing is left to give up; close other programs, send fewer pictures "
    "or choose a smaller model"
)
GIVEN_UP = [
    "out of memory: what was kept of earlier questions was let go",
    "out of memory: prompts are read in smaller pieces",
    f"out of memory: {tiny.DRAFTER} was loaded again in int8",
    f"out of memory: {tiny.DRAFTER} was loaded again in int4",
]
ASKED = """
import json, resource, sys
import torch, transformers
from transformers import Gemma3ForConditionalGeneration
from inference.engine import Engine, EngineSpec
from inference.errors import InferenceError
from inference.questions import Decoding, FreeQuestion
from tests.inference import tiny

what, more = sys.argv[1], int(sys.argv[2])
engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", threads=1, runtime="torch"))
engine.warm()
short, long = FreeQuestion("left?", Decoding(8)), FreeQuestion("left or right? " * 300, Decoding(8))
if what == "long":
    engine.answer(short, [tiny.picture()])
if more:
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (more << 20), resource.RLIM_INFINITY))
shown = []
try:
    found = engine.answer(long if what == "long" else short, [tiny.picture()], on_progress=lambda one: shown.append(one.stage))
    told = {"text": found.text, "steps": found.receipt.steps}
except InferenceError as error:
    told = {"error": type(error).__name__, "says": str(error)}
print(json.dumps(told | {"shown": [one for one in shown if one.startswith("out of memory")]}))
"""


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory, siglip_folder: Path) -> Path:
    """A home whose drafter has 27 million random weights, 54 MB, and reads 8,192 places."""
    home = tmp_path_factory.mktemp("larger")
    folder = home / "models" / tiny.DRAFTER
    processor = tiny.gemma_processor()
    wide = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "max_position_embeddings": 8192}
    model = tiny.gemma_model(processor.tokenizer, **wide).to(torch.bfloat16)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    shutil.copytree(siglip_folder, home / "models" / tiny.ENCODER)
    return home


def asked(home: Path, what: str, more: int) -> dict[str, Any]:
    """Of a process that may take `more` MiB than it has when the libraries are there; 0: as much as it likes."""
    root = Path(__file__).resolve().parents[2]
    own = os.environ | {"HILUM_HOME": str(home), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ASKED, what, str(more)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=own, cwd=root, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-500:]}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("more", [10, 60, 130])
def test_a_load_without_memory_is_said_to_be_that(larger: Path, more: int) -> None:
    """60: its file cannot be mapped; 130: its weights cannot be held."""
    found = asked(larger, "short", more)
    assert (found.get("error"), found.get("says")) == ("ModelFailed", NOTHING_LEFT)
    assert found["shown"] == GIVEN_UP[2:]


def test_a_long_prompt_without_memory_gives_up_step_after_step_or_says_that_nothing_is_left(larger: Path) -> None:
    whole = asked(larger, "long", 0)
    assert whole["text"]
    assert whole["steps"] == []
    endings = set()
    for more in (1, 20, 400):
        found = asked(larger, "long", more)
        assert found["shown"] == GIVEN_UP[: len(found["shown"])]
        endings.add("error" in found)
        if "error" in found:
            assert (found["error"], found["says"]) == ("ModelFailed", NOTHING_LEFT)
            assert found["shown"] == GIVEN_UP
        else:
            assert found["steps"] == found["shown"]
            assert found["text"]
            assert len(found["steps"]) > 2 or found["text"] == whole["text"]
    assert endings == {True, False}


def failing(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """The towers hold no more than `most` at once; the sizes that were tried."""
    tried: list[int] = []
    see, read = encoder.towers.vision, encoder.towers.text

    def vision(values: Any, outputs: Any) -> Any:
        tried.append(len(values))
        if len(values) > most:
            raise error
        return see(values, outputs)

    def text(ids: Any) -> Any:
        tried.append(len(ids))
        if len(ids) > most:
            raise error
        return read(ids)

    monkeypatch.setattr(encoder.towers, "vision", vision)
    monkeypatch.setattr(encoder.towers, "text", text)
    return tried


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("could not create a primitive"),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_the_encoder_halves_its_batch_down_to_one_and_its_vectors_stay(
    siglip_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, runtime: str
) -> None:
    want = load(siglip_folder, runtime)
    pictures, phrases = [*want.pictures(squares(20))], want.texts(PHRASES)
    encoder = load(siglip_folder, runtime)
    tried = failing(encoder, monkeypatch, 1, error)
    assert np.allclose([*encoder.pictures(squares(20))], pictures, atol=1e-5)
    assert tried == [16, 8, 4, 2, *[1] * 20]
    assert encoder.steps[-4:] == tuple(f"out of memory: batch {size} → {size // 2}" for size in (16, 8, 4, 2))
    assert np.allclose(encoder.texts(PHRASES), phrases, atol=1e-5)
    assert tried[24:] == [1, 1, 1]


@pytest.mark.parametrize("error", ERRORS)
def test_not_even_one_picture_or_phrase_is_one_sentence(
    siglip_folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    encoder = load(siglip_folder, "torch")
    tried = failing(encoder, monkeypatch, 0, error)
    with pytest.raises(ModelFailed, match=r"needs more memory than is free for one picture; close other programs$"):
        [*encoder.pictures(squares(BATCH))]
    assert tried == [16, 8, 4, 2, 1]
    with pytest.raises(ModelFailed, match=r"needs more memory than is free for one phrase; close other programs$"):
        encoder.texts(PHRASES)


def test_another_error_is_not_tried_in_smaller_batches(siglip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(siglip_folder, "torch")
    tried = failing(encoder, monkeypatch, 0, RuntimeError("could not create a primitive descriptor for a convolution"))
    with pytest.raises(RuntimeError, match="descriptor"):
        [*encoder.pictures(squares(BATCH))]
    assert tried == [BATCH]


ONNX = """
import json, resource
import numpy as np
import torch
import onnxruntime
from onnx import TensorProto, helper
from inference import onnx_encoder

sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "n"]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "square", sides[:1], sides[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 4
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
x = np.ones((6000, 6000), np.float32)  # 144 MB, and as much again for the answer
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (60 << 20), resource.RLIM_INFINITY))
try:
    onnx_encoder._run(session, ["y"], {"x": x})
except MemoryError as error:
    print(str(error)[:200])
"""


def test_onnx_runtimes_own_error_for_memory_is_known() -> None:
    done = subprocess.run([sys.executable, "-c", ONNX], capture_output=True, text=True, check=True, timeout=120)
    assert "ONNXRuntimeError" in done.stdout


def test_a_kept_export_is_not_removed_for_want_of_memory(
    siglip_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(siglip_folder, "onnx")
    assert first.steps == ()
    kept = sorted(path for path in home.rglob("*.onnx"))
    assert len(kept) == 2

    def full(*_: object) -> None:
        raise ValueError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")

    monkeypatch.setattr(onnx_encoder, "_session", full)
    second = load(siglip_folder, "onnx")
    assert len(second.steps) == 1
    assert second.steps[0].startswith("torch in place of ONNX Runtime: MemoryError: ")
    assert sorted(path for path in home.rglob("*.onnx")) == kept


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(2, "No such file or directory"), False),
        (ImportError("libx.so: failed to map segment from shared object"), True),
        (ImportError("No module named 'x'"), False),
        (RuntimeError("unable to mmap 54242160 bytes from file <m>: Cannot allocate memory (12)"), True),
        (RuntimeError("can't start new thread"), True),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_memory_run_out(error: Exception, memory: bool) -> None:
    assert ladder.out_of_memory(error) == memory


def test_measuring_a_model_that_cannot_be_held_is_one_sentence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4194304 bytes")

    monkeypatch.setattr("transformers.Gemma3ForConditionalGeneration.from_pretrained", full)
    with pytest.raises(ModelFailed, match=r"^medgemma-4b-it, none, needs more memory than is free; close other programs"):
        measuring.measure(tiny.DRAFTER, "int8", "cpu", [], lambda _: frozenset(), lambda _: None, threading.Event())
