"""The lessons as a model reads them, and how far a teaching is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference import catalogue
from inference import device as devices
from inference.adapters.lessons import Example, Lesson, collate, example
from inference.errors import Cancelled
from inference.prompting import Prompting
from inference.questions import Picture


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a teaching is. `loss` is that of the last steps, nan before the first; so are `seconds_left`."""

    stage: str
    done: int
    total: int
    loss: float = math.nan
    seconds_left: float = math.nan


class Examples:
    """Ids, labels and pictures, those uint8 (n, side, side, 3) in a file below `work`, so that any number fits. `digest` is the
    SHA-256 of all that the model is given. Raises Cancelled, ModelRefused, OutsideTraining and what `read` raises."""

    def __init__(
        self, prompting: Prompting, base: Any, lessons: Sequence[Lesson], read: Callable[[str], Picture], work: Path,
        on_progress: Callable[[Stand], None], cancel: Event,
    ) -> None:  # fmt: skip
        self.prompting = prompting
        text = base.config.get_text_config()
        positions, self.vocabulary = int(text.max_position_embeddings), int(text.vocab_size)
        shape = (len(lessons), prompting.side, prompting.side, 3)
        self.pictures: NDArray[np.uint8] = np.memmap(work / "pictures", np.uint8, "w+", shape=shape)
        self.rows: list[Example] = []
        digest = hashlib.sha256()
        for number, lesson in enumerate(lessons):
            if cancel.is_set():
                raise Cancelled("stopped on request, before anything was learnt")
            on_progress(Stand("reading the examples", number, len(lessons)))
            picture = read(lesson.image)
            catalogue.must_suit(prompting.entry, picture.modality)
            self.pictures[number] = prompting.pixels(picture.pixels)
            self.rows.append(example(prompting, lesson, picture, positions))
            digest.update(json.dumps([lesson.held_out, asdict(self.rows[-1])]).encode())
            digest.update(self.pictures[number].tobytes())
        self.digest = digest.hexdigest()
        self.learnt = [number for number, lesson in enumerate(lessons) if not lesson.held_out]
        self.held_out = [number for number, lesson in enumerate(lessons) if lesson.held_out]
        self._pad = int(prompting.tokenizer.pad_token_id or 0)
        self._image = int(base.config.image_token_id)

    def batch(self, numbers: Sequence[int], place: devices.Place) -> dict[str, Tensor]:
        made = collate([self.rows[number] for number in numbers], self._pad, self._image)
        pixels = torch.stack([self.prompting.normalised(self.pictures[number]) for number in numbers])
        return {
            "input_ids": made.ids.to(place.device), "labels": made.labels.to(place.device),
            "attention_mask": made.attention.to(place.device), "token_type_ids": made.image.to(place.device),
            "pixel_values": pixels.to(place.device, place.dtype),
        }  # fmt: skip

    def close(self) -> None:
        """Let go of the file, which a system may otherwise not remove."""
        self.pictures = np.empty((0, 0, 0, 3), np.uint8)
