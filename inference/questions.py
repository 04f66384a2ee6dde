"""What can be asked of pixels: frozen values that fit into a log line, a pipe and a batch file.

A question holds no pixels. `Engine.answer(question, pictures)` brings the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Modality = Literal["cxr", "ct", "mr", "slide", "photo", "document"]
"""What the pixels are, for the choice of prompts, label sets and windows."""
TABLE_TOKENS = 8192
"""The most that MedGemma writes at once, by its model card."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels as a model receives them before padding and resizing: uint8 sRGB, shape (height, width, 3).

    `mpp` is micrometres per pixel (slides), None when unknown. `steps` says in words how the pixels were made; it goes
    into the receipt. `caption` stands behind the picture in a prompt of several. Raises ValueError for any other dtype or shape.
    """

    pixels: NDArray[np.uint8]
    modality: Modality
    mpp: float | None = None
    steps: tuple[str, ...] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise ValueError(f"a picture is uint8 (height, width, 3), not {self.pixels.dtype} {shape}")


@dataclass(frozen=True, slots=True)
class Label:
    """One thing to look for: prompts that say it is present and prompts that say it is absent."""

    name: str
    present: tuple[str, ...]
    absent: tuple[str, ...]
    published_auc: float | None = None
    """Zero-shot AUC published for MedSigLIP-448 (arXiv 2507.05201), None where there is none."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels asked together. `choice` means exactly one of them is true (tissue types), else each stands alone."""

    name: str
    modality: Modality
    labels: tuple[Label, ...]
    choice: bool = False


@dataclass(frozen=True, slots=True)
class Decoding:
    """How text is decoded. Greedy unless `temperature` is above 0; `seed` matters only then. Raises ValueError for a
    temperature that is none."""

    max_tokens: int = 600
    temperature: float = 0.0
    seed: int = 0
    thinking_tokens: int | None = None
    """Of the trace, beside `max_tokens` of the answer. A number asks the model to think; 0 has it write no trace; None does not
    ask, and lets a trace that comes by itself take what the model's entry says."""

    def __post_init__(self) -> None:
        if self.thinking_tokens is not None and self.thinking_tokens < 0:
            raise ValueError(f"a budget for thinking is a number of tokens from 0 on, not {self.thinking_tokens}")
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"a temperature is a number from 0 on, not {self.temperature}")


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """Zero-shot labels of one picture."""

    label_set: LabelSet


@dataclass(frozen=True, slots=True)
class HeatmapQuestion:
    """Where in one picture `phrase` is supported. `against` is the contrast phrase; None takes the model's default.

    `method` None takes the model's validated default; other names are those of `inference.heatmap.METHODS`.
    """

    phrase: str
    against: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class DraftQuestion:
    """A drafted report. One picture, or two where the first is the prior and the second the current one."""

    indication: str = ""
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True, slots=True)
class FreeQuestion:
    """A free question about pictures, about a `record` in plain words, or about both; "" where there is no record."""

    text: str
    decoding: Decoding = field(default_factory=Decoding)
    record: str = ""
    before: tuple[tuple[str, str], ...] = ()
    """Earlier questions about the same pictures, each with its answer, the oldest first: turns that the model reads again."""


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """What stands in the table of one picture of a page, as JSON. `form` is the JSON schema it keeps to, written as JSON itself;
    "" takes that of a laboratory sheet. The limit is the publisher's own, a page being longer than an answer."""

    form: str = ""
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=TABLE_TOKENS))


@dataclass(frozen=True, slots=True)
class BoxQuestion:
    """Where an object is, as a box in the published format (approximate)."""

    object: str
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True, slots=True)
class ConditionQuestion:
    """Whether `condition` is in one picture, in the published words, whose answer ends in a verdict."""

    condition: str
    decoding: Decoding = field(default_factory=Decoding)


CHANGES = ("Improved", "Stable", "Worsened")
CHANGING = ("consolidation", "edema", "pleural effusion", "pneumonia", "pneumothorax")
"""The choice and the findings of MS-CXR-T (arXiv 2301.04558)."""


@dataclass(frozen=True, slots=True)
class ChangeQuestion:
    """Which of CHANGES became of `finding` from a prior picture to the current one; the answer is one of them and no more."""

    finding: str
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True, slots=True)
class EmbedQuestion:
    """The pooled, L2-normalised image vector of every picture."""


Written = DraftQuestion | FreeQuestion | BoxQuestion | TableQuestion | ConditionQuestion | ChangeQuestion
"""What a drafter answers."""
Question = LabelQuestion | HeatmapQuestion | EmbedQuestion | Written
