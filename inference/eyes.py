"""A drafter's eyes: a picture's tokens from the tower and the projector, read once and kept by the picture's pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference import decoding
from inference.cuda.tower import Tower
from inference.device import Place
from inference.picture_tokens import PictureTokens
from inference.prompting import normalised


class Eyes:
    """Of a loaded model that sees; `processor` is the checkpoint's own, of pictures."""

    def __init__(self, model: Any, place: Place, processor: Any, kept: PictureTokens) -> None:
        self._model, self._place, self._processor, self.kept = model, place, processor, kept
        self._recorded: Tower | None = None
        if place.device.type == "cuda":
            _places_first(self.tower)
            self._recorded = Tower(partial(_tokens_of, model), self.tower.parameters)

    @property
    def tower(self) -> nn.Module:
        found: nn.Module = self._model.model.vision_tower
        return found

    def tokens(self, pixels: NDArray[np.uint8], key: bytes, cancel: Event) -> Tensor:
        """uint8 (S, S, 3) as its projected tokens [tokens, hidden]; `key` is its SHA-256, by which the last ones are kept. Raises
        Cancelled."""
        found = self.kept.find(key)
        if found is None:
            with torch.inference_mode(), decoding.interruptible(self._model.model.vision_tower.encoder.layers, cancel):
                values = normalised(self._processor, pixels, self._place.device)[None].to(self._place.dtype)
                found = _tokens_of(self._model, values) if self._recorded is None else self._recorded(values, cancel)
            self.kept.keep(key, found)
        return found


def sums(pictures: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """SHA-256 of each; of several side by side, as hashing leaves Python alone."""

    def one(picture: NDArray[np.uint8]) -> bytes:
        return hashlib.sha256(np.ascontiguousarray(picture).data).digest()

    if len(pictures) < 2:
        return [one(picture) for picture in pictures]
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
        return [*pool.map(one, pictures)]


def _tokens_of(model: Any, picture: Tensor) -> Tensor:
    """A picture [1, 3, S, S] as projected tokens [tokens, hidden]."""
    found: Tensor = model.get_image_features(picture).pooler_output[0]
    return found


def _places_first(tower: nn.Module) -> None:
    """The convolution leaves a picture channel by channel, and on a card every layer would copy it anew: a fifth of its time."""
    for module in tower.modules():
        if hasattr(module, "patch_embedding"):
            module.register_forward_hook(lambda _module, _given, found: found.contiguous())
