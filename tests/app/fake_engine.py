"""An engine with canned answers that follow from the pixels, for tests of what stands around an engine.

Every question is written, when it is asked and when it is answered, as a line into $FAKE_LOG. A picture whose first pixel is
(1, 2, 3) is one that the model fails on.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from inference.answers import Answer, Draft, Embedding, EngineState, Heatmap, LabelScore, LabelScores, Progress, Receipt
from inference.engine import EngineSpec, quiet
from inference.errors import Cancelled, ModelFailed
from inference.questions import EmbedQuestion, FreeQuestion, HeatmapQuestion, LabelQuestion, Picture, Question

REMARK = "canned answers"


class FakeEngine:
    words = "Yes, on the left."
    """The answer to every free question."""

    def __init__(self, spec: EngineSpec | None = None) -> None:
        self.spec = spec or EngineSpec()
        self.asked: list[tuple[Question, tuple[Picture, ...]]] = []

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> Answer:
        self.asked.append((question, tuple(pictures)))
        pixels = pictures[-1].pixels if pictures else np.zeros((1, 1, 3), np.uint8)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        log(f"asked {type(question).__name__} {digest}")
        on_progress(Progress("looking", 1, 2))
        time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
        if cancel is not None and cancel.is_set():
            raise Cancelled("stopped")
        if tuple(pixels[0, 0]) == (1, 2, 3):
            raise ModelFailed("the model could not answer (not a number); ask again")
        log(f"answered {type(question).__name__} {digest}")
        return self._canned(question, pictures, digest)

    def _canned(self, question: Question, pictures: Sequence[Picture], digest: str) -> Answer:
        share = int(digest[:6], 16) / 0xFFFFFF
        receipt = self._receipt(question, digest)
        if not pictures:
            receipt = replace(receipt, pixels_sha256=())
        height, width = pictures[-1].pixels.shape[:2] if pictures else (1, 1)
        if isinstance(question, LabelQuestion):
            scores = [LabelScore(one.name, share - i / 3, 0.5, None) for i, one in enumerate(question.label_set.labels)]
            return LabelScores(question.label_set.name, tuple(scores), False, receipt)
        if isinstance(question, HeatmapQuestion):
            values = np.zeros((4, 4), np.float32)
            values[1, 2] = share
            return Heatmap(values, (0, 0, width, height), question.phrase, "canned", 0.0, 1.0, "contrast", True, receipt)
        if isinstance(question, EmbedQuestion):
            return Embedding(np.full((len(pictures), 3), share, np.float32), receipt)
        if isinstance(question, FreeQuestion):
            return Draft(self.words, "", "stop", (), receipt)
        side = "left" if share < 0.5 else "right"
        text = f"Findings: There is a {side} effusion, =1+1. No pneumothorax. Impression: Effusion, {side}."
        return Draft(text, "let me see", "stop", (), receipt)

    def _receipt(self, question: Question, digest: str) -> Receipt:
        return Receipt(
            model="demo-encoder", revision="r", quantisation="none", dtype="float32", device="cpu", prompt=str(question), seed=0,
            preprocessing=(), pixels_sha256=(digest,), versions=(), seconds=time.monotonic(), remark=REMARK,
        )  # fmt: skip

    def state(self) -> EngineState:
        return EngineState("cpu", (), 0, 0)

    def close(self) -> None:
        pass


def log(line: str) -> None:
    path = os.environ.get("FAKE_LOG")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def install_models(home: Path) -> None:
    """Two folders that pass the catalogue's check of layout and headers, so that a batch has revisions to name."""
    for model, architecture in (("demo-encoder", "SiglipModel"), ("demo-drafter", "Gemma3ForConditionalGeneration")):
        folder = home / "models" / model
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"architectures": [architecture], "vision_config": {"image_size": 64}}))
        for name in ("tokenizer_config.json", "tokenizer.json", "processor_config.json"):
            (folder / name).write_text("{}")
        save_file({"weight": np.zeros(2, np.float32)}, folder / "model.safetensors")


LABELS = """
name = "trial"
modality = "cxr"
[[labels]]
name = "effusion"
present = ["there is an effusion"]
absent = ["there is no effusion"]
[[labels]]
name = "opacity"
present = ["there is an opacity"]
absent = ["there is no opacity"]
"""
