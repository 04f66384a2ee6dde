"""Projected tokens of pictures that were read before, by the hash of their exact pixels: the last ones in memory, more on disk.

A tower reads a slice in seconds on a processor; its tokens are 1.3 MB on the 4B. A file that is damaged, or of anything else than
asked for, is no answer and is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from importlib.metadata import version

import torch
from torch import Tensor

from inference import device as devices
from inference import kept_pictures

IN_MEMORY = 200
"""Pictures."""
WORTH = 50_000_000
"""Parameters of a model; the towers of smaller ones read again in a moment."""
_NAME, _SUM = "tokens", "sha256"


def identity(model: str, revision: str, adapter: str, place: devices.Place) -> str:
    """All that decides the numbers besides the pixels."""
    said = [model, revision, adapter, str(place.dtype), place.device.type]
    said += [version(one).partition("+")[0] for one in ("torch", "transformers", "hilum")]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class PictureTokens:
    """Of one loaded model. `taken` counts what came from disk; `trouble` says why nothing more is kept there."""

    def __init__(self, shape: tuple[int, ...], place: devices.Place, identity: str = "", most_bytes: int = 0) -> None:
        """Of the `shape` [tokens, hidden]; on disk with an `identity` and more than 0 bytes, else in memory alone."""
        self._shape, self._place = shape, place
        self._identity, self._most = identity, most_bytes if identity else 0
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self.taken = 0
        self.trouble = ""

    def find(self, key: bytes) -> Tensor | None:
        """The tokens of the picture whose pixels have this SHA-256, None where there are none."""
        found = self._kept.get(key)
        if found is None and self._most:
            found = self._read(self._name(key))
            self.taken += found is not None
        if found is not None:
            self._remember(key, found)
        return found

    def keep(self, key: bytes, tokens: Tensor) -> None:
        """A full disk is told once, and then nothing more is kept there."""
        self._remember(key, tokens)
        if not self._most or self.trouble:
            return
        from safetensors.torch import save

        plain = tokens.detach().cpu().contiguous()
        try:
            kept_pictures.write(self._name(key), save({_NAME: plain}, {_SUM: _sum(plain)}), self._most)
        except OSError as error:
            self.trouble = f"pictures' tokens are not kept on disk ({error.strerror or type(error).__name__})"

    def __len__(self) -> int:
        """In memory."""
        return len(self._kept)

    def forget(self) -> None:
        """Those in memory."""
        self._kept.clear()

    def _remember(self, key: bytes, tokens: Tensor) -> None:
        self._kept[key] = tokens
        self._kept.move_to_end(key)
        while len(self._kept) > IN_MEMORY:
            self._kept.popitem(last=False)

    def _name(self, key: bytes) -> str:
        return hashlib.sha256(self._identity.encode() + key).hexdigest()

    def _read(self, name: str) -> Tensor | None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(kept_pictures.folder() / f"{name}{kept_pictures.ENDING}", framework="pt") as file:
                found: Tensor = file.get_tensor(_NAME)
                whole = (file.metadata() or {}).get(_SUM) == _sum(found)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, RuntimeError):
            whole = False
        if not whole or tuple(found.shape) != self._shape or found.dtype != self._place.dtype:
            kept_pictures.drop(name)
            return None
        kept_pictures.used(name)
        return found.to(self._place.device)


def _sum(tokens: Tensor) -> str:
    return hashlib.sha256(tokens.view(torch.uint8).numpy().tobytes()).hexdigest()
