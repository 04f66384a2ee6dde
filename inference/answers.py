"""What an engine answers, in the pixel frame of the picture it was given, each with its receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Finish = Literal["stop", "length", "repetition", "cancelled", "interruption"]
"""How a model stopped. Anything but "stop" is an incomplete text; "interruption": the connection to an endpoint ended first."""


Verdict = Literal["yes", "no", "unclear", ""]
"""As the answer itself says; "unclear" where it does not say plainly, "" where none was asked for."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What exactly produced an answer; enough to ask for it again."""

    model: str
    """Catalogue id, "demo-encoder" for example."""
    revision: str
    """SHA-256 over the model's files."""
    quantisation: str
    """"none", "int8" or "int4", with "+head" where the head is int8 too, what it fell back from, and what was measured of it."""
    dtype: str
    device: str
    prompt: str
    """The full text the model received, control tokens included; the phrases for an encoder."""
    seed: int
    preprocessing: tuple[str, ...]
    """The steps from the file's pixels to the tensor, in order."""
    pixels_sha256: tuple[str, ...]
    """One per picture, of the uint8 bytes as they were sent."""
    versions: tuple[tuple[str, str], ...]
    seconds: float
    tokens: int = 0
    """Generated tokens, those of a thinking trace among them; 0 for an encoder."""
    steps: tuple[str, ...] = ()
    """What had to be changed on the way (batch halved, fallback to CPU, …)."""
    remark: str = ""
    """A standing remark of the model ("demonstration, knows only phantoms")."""
    adapter: str = ""
    """Name and revision (SHA-256 over its files) of the adapter that the model was loaded with."""
    warnings: tuple[str, ...] = ()
    """What of picture and question lies outside of what the model was trained for, a sentence each; see `app.guards`."""
    thinking_tokens: int = 0
    """Of `tokens`, those of the trace with its marks."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """`contrast` = mean cosine to the present prompts − to the absent prompts, −2 … 2; `probability` is the softmax of the
    pair at the model's own scale, 0 … 1, uncalibrated; `published_auc` as in the label set."""

    name: str
    contrast: float
    probability: float
    published_auc: float | None = None


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Zero-shot labels, highest contrast first."""

    label_set: str
    scores: tuple[LabelScore, ...]
    calibrated: bool
    receipt: Receipt


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Support for a phrase over a picture.

    `values` is float32 (rows, columns) and covers the box `extent` = (x0, y0, x1, y1) in pixels of the picture, which may be
    larger than the picture (padding). `low` and `high` state the absolute range the legend shows; `unit` names it.
    `validated` says whether the method passed its pointing test for this model.
    """

    values: NDArray[np.float32]
    extent: tuple[float, float, float, float]
    phrase: str
    method: str
    low: float
    high: float
    unit: str
    validated: bool
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Box:
    """(x0, y0, x1, y1) in pixels of the picture; always approximate."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model wrote: plain text, its thinking trace apart, and the boxes it gave."""

    text: str
    thought: str
    finish: Finish
    boxes: tuple[Box, ...]
    receipt: Receipt
    verdict: Verdict = ""
    """What the answer to a ConditionQuestion comes to."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """float32 (pictures, dimensions), rows L2-normalised, in the order of the pictures."""

    vectors: NDArray[np.float32]
    receipt: Receipt


Answer = LabelScores | Heatmap | Draft | Embedding


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a running question: what is being done, how far it is, and the text that was just written."""

    stage: str
    done: int = 0
    total: int = 0
    text: str = ""
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the status bar shows. Memory in bytes; 0 where the device does not tell."""

    device: str
    models: tuple[str, ...]
    memory_used: int
    memory_total: int
    remark: str = ""
    answers_from: str = ""
    """Host and model of the endpoint that answers in words; "" where the models of this machine do."""
    idle_s: float = 0.0
    """After so long without a question the models were unloaded; 0 where they were not."""
