"""Quantised linears kept on disk, so that a drafter is quantised once: one safetensors file a decoder layer, and what made them.

The folder's name is a hash of all that decides the numbers: the model's revision, the adapter, the kind, the way, the kind of
device and the versions. It appears at once and whole: everything is written beside it first. What is damaged is not used, and
made anew. nf4 is never kept: after it has run on a CPU it cannot be told right from wrong, see `inference.nf4`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference import modelfiles, quantize
from inference.places import home

KEPT = ("int8", "int4")
WORTH = 50_000_000
"""Parameters; smaller models are quantised in a moment."""
WAY = "2: int4 by least squares over four spans, int8 by the greatest value of a row"
TOLD = "quantised.json"


def folder(model: str, revision: str, adapter: str, kind: str, device: torch.device) -> Path:
    """Where the linears of this very model, quantised so, lie or would lie. Raises ValueError for a `kind` that is not kept."""
    if kind not in KEPT:
        raise ValueError(f"weights in {kind} are not kept on disk")
    said = [model, revision, adapter, kind, device.type, WAY, version("torch").partition("+")[0], version("hilum")]
    return home() / "quantised" / f"{model}-{kind}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]}"


class Kept:
    """Kept linears of one model, whole. Raises ValueError with the reason where they are not."""

    def __init__(self, place: Path, layers: int, device: torch.device) -> None:
        self._place, self._device = place, device
        try:
            about = json.loads((place / TOLD).read_text(encoding="utf-8"))
            self.words, columns, self._whole = str(about["words"]), int(about["columns"]), list(about["files"])
            if len(self._whole) != layers:
                raise ValueError(f"{place / TOLD} speaks of {len(self._whole)} layers, the model has {layers}")
            for name in self._whole:
                modelfiles.header(place / str(name))
        except (OSError, TypeError, KeyError) as error:
            raise ValueError(f"{place / TOLD} cannot be read ({type(error).__name__})") from error
        self._scratch = quantize.scratch_for(columns)

    def layer(self, number: int) -> Mapping[str, nn.Module]:
        """The linears of a layer, by their name in it."""
        from safetensors.torch import load_file

        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in load_file(self._place / self._whole[number], device=str(self._device)).items():
            linear, _, part = name.rpartition(".")
            parts.setdefault(linear, {})[part] = value
        return {linear: quantize.made_of(kept, self._scratch) for linear, kept in parts.items()}


class Keeping:
    """Writes layer by layer beside `place`; `done` makes it appear. A full disk is told once, and then nothing is kept."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._files: list[str] = []
        self.trouble = ""
        self._beside: Path | None = None
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        except OSError as error:
            self._fail(error)

    def take(self, number: int, kept: Mapping[str, Tensor]) -> None:
        from safetensors.torch import save_file

        if self._beside is None:
            return
        name = f"layer-{number:03}.safetensors"
        try:
            save_file({one: value.contiguous() for one, value in kept.items()}, self._beside / name)
            self._files.append(name)
        except (OSError, RuntimeError) as error:  # the format's writer raises its own for a full disk
            self._fail(error)
        except Exception as error:
            if type(error).__name__ != "SafetensorError":
                raise
            self._fail(error)

    def done(self, words: str, columns: int) -> None:
        if self._beside is None:
            return
        about: dict[str, Any] = {"words": words, "columns": columns, "files": self._files, "way": WAY}
        try:
            with (self._beside / TOLD).open("w", encoding="utf-8") as file:
                json.dump(about, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            shutil.rmtree(self._place, ignore_errors=True)  # a damaged one, or another process's same
            self._beside.replace(self._place)
            self._beside = None
        except OSError as error:
            self._fail(error)

    def drop(self) -> None:
        """Leave nothing behind of what was not finished."""
        if self._beside is not None:
            shutil.rmtree(self._beside, ignore_errors=True)
            self._beside = None

    def _fail(self, error: Exception) -> None:
        self.trouble = (
            f"the quantised weights could not be kept ({' '.join(str(error).split())[:100]}): quantised again next time"
        )
        self.drop()
