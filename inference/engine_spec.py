"""What is to be loaded, and what answers questions, wherever it runs. No model library is imported."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from inference.answers import Answer, EngineState, Progress
from inference.endpoint_address import Endpoint
from inference.kept_pictures import ON_DISK
from inference.quantisations import Quantisation
from inference.questions import Picture, Question


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What to load, and on what; plain values that fit into JSON."""

    encoder: str = "demo-encoder"
    """Catalogue id."""
    drafter: str = "demo-drafter"
    """Catalogue id."""
    quantisation: Quantisation = "none"
    """Of the drafter's decoder linears, weights only."""
    device: str = "auto"
    """"auto", "cpu" or "cuda"."""
    threads: int = 0
    """CPU threads; 0 = all cores but one, at least 1."""
    runtime: Literal["onnx", "torch"] = "onnx"
    """What runs the encoder; "onnx" falls back to torch where it must, and says so."""
    adapter: str = ""
    """Folder, or name below Hilum's own folder of adapters, of what the drafter is loaded with; "" for the drafter as it is."""
    anyway: bool = False
    """Load a drafter that does not fit into this machine's memory by prediction."""
    pictures_on_disk: int = ON_DISK
    """Bytes that the tokens of pictures read by a drafter may take on disk; 0: none are kept."""
    endpoint: Endpoint | None = None
    """Who writes instead of the drafter; see `inference.endpoint`, which alone heeds it."""

    @property
    def recipe(self) -> str:
        """Catalogue id of the drafter whose prompts, windows and pixels are used, whoever writes."""
        return self.endpoint.recipe if self.endpoint else self.drafter


class AnyEngine(Protocol):
    """What answers questions: `Engine` in this process, `inference.host.EngineProcess` across a process boundary."""

    spec: EngineSpec

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = ...,
        cancel: threading.Event | None = None,
    ) -> Answer: ...

    def state(self) -> EngineState: ...

    def close(self) -> None: ...


def quiet(progress: Progress) -> None:
    """For callers who do not watch."""
