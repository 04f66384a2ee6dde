"""The encoder's two towers on ONNX Runtime: exported once for a revision of a model, checked against torch, then reused."""

from __future__ import annotations

import json
import shutil
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference import ladder
from inference.medsiglip import OUTPUTS, Floats, Output, Text, Vision
from inference.places import cache

COSINE = 0.9999
"""Least cosine between torch's vectors and ONNX Runtime's on the check batch, for every output."""
ERROR = 1e-3
"""Greatest difference on the check batch, relative to the largest value of that output."""
OPSET = 20


class OnnxUnfit(Exception):
    """ONNX Runtime cannot do this model here; the reason in a few words."""


class OnnxTowers:
    """The towers as ONNX Runtime runs them."""

    def __init__(self, folder: Path, device: str, threads: int) -> None:
        self._vision = _session(folder / "vision.onnx", device, threads)
        self._text = _session(folder / "text.onnx", device, threads)
        where = self._vision.get_providers()[0].removesuffix("ExecutionProvider")
        if device == "cuda" and where != "CUDA":
            raise OnnxUnfit("this ONNX Runtime does not start CUDA here")
        self.words = f"ONNX Runtime {where}, float32"

    def vision(self, pixel_values: Floats, outputs: Sequence[Output]) -> list[Floats]:
        return _run(self._vision, list(outputs), {"pixel_values": pixel_values})

    def text(self, input_ids: NDArray[np.int64]) -> Floats:
        return _run(self._text, ["text"], {"input_ids": input_ids})[0]


def towers(model: Any, revision: str, side: int, length: int, device: str, threads: int) -> OnnxTowers:
    """Towers for a `SiglipModel` in float32 on the CPU. Raises OnnxUnfit where there are none that agree with torch."""
    place = cache() / "onnx" / f"{revision[:24]}-torch{torch.__version__}".replace("+", "-")
    try:
        if (place / "check.json").is_file():
            try:
                return OnnxTowers(place, device, threads)
            except OnnxUnfit:
                raise
            except Exception as error:  # a damaged cache is made again, whatever ONNX Runtime calls the damage
                ladder.must_be_another(RuntimeError(str(error)))
                shutil.rmtree(place, ignore_errors=True)
        _export(model, place, side, length)
        return OnnxTowers(place, device, threads)
    except OnnxUnfit:
        raise
    except Exception as error:
        raise OnnxUnfit(" ".join(f"{type(error).__name__}: {error}".split())[:200]) from error


def _export(model: Any, place: Path, side: int, length: int) -> None:
    """Write both graphs and their check under another name, then rename: a half-made export is never used."""
    part = place.with_name(f"{place.name}-{uuid.uuid4().hex}.part")
    part.mkdir(parents=True)
    try:
        vision, text = Vision(model).eval(), Text(model).eval()
        _write(vision, torch.zeros(2, 3, side, side), part / "vision.onnx", "pixel_values", OUTPUTS)
        _write(text, torch.zeros(2, length, dtype=torch.long), part / "text.onnx", "input_ids", ("text",))
        agreed = check(vision, text, OnnxTowers(part, "cpu", torch.get_num_threads()), side, length)
        (part / "check.json").write_text(json.dumps(agreed, indent=1), encoding="utf-8")
        try:
            part.rename(place)
        except OSError:  # another process was faster
            if not (place / "check.json").is_file():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check(vision: Vision, text: Text, exported: OnnxTowers, side: int, length: int) -> dict[str, dict[str, float]]:
    """{output: {cosine, error}} on random pictures and ids; raises OnnxUnfit where an output strays."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(3, 3, side, side, generator=generator) * 2 - 1
    ids = torch.randint(0, 64, (5, length), generator=generator)
    with torch.inference_mode():
        want = [one.numpy() for one in (*vision(pixels), text(ids))]
    got = [*exported.vision(pixels.numpy(), OUTPUTS), exported.text(ids.numpy())]
    found = {}
    for name, right, answer in zip((*OUTPUTS, "text"), want, got, strict=True):
        a, b = right.reshape(-1, right.shape[-1]), answer.reshape(-1, answer.shape[-1])
        cosine = float((np.sum(a * b, -1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))).min())
        error = float(np.abs(a - b).max() / np.abs(a).max())
        found[name] = {"cosine": cosine, "error": error}
        if not (cosine >= COSINE and error <= ERROR):
            raise OnnxUnfit(f"the export strays from torch in {name}: cosine {cosine:.5f}, error {error:.1e}")
    return found


def _write(module: torch.nn.Module, example: torch.Tensor, path: Path, source: str, outputs: Sequence[str]) -> None:
    """By tracing: seconds where the graph capture of `dynamo=True` takes a quarter of a minute, and the check is the same."""
    axes = {name: {0: "batch"} for name in (source, *outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            str(path),
            input_names=[source],
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def _session(path: Path, device: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    if device == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"}))
    return onnxruntime.InferenceSession(str(path), options, providers=providers)


def _run(session: Any, outputs: list[str], inputs: dict[str, Any]) -> list[Floats]:
    """Raises MemoryError where memory ran out, whatever ONNX Runtime calls it: its errors have no base but Exception."""
    try:
        return list(session.run(outputs, inputs))
    except Exception as error:
        told = RuntimeError(str(error))
        ladder.must_be_another(told)
        raise told from error
