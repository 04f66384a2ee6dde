"""Projected tokens of pictures that were read before, by the hash of their exact pixels: the last ones in memory, more on disk.

A tower reads a slice in seconds on a processor; its tokens are 1.3 MB on the 4B. A file that is damaged, or of anything else than
asked for, is no answer and is removed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Sequence
from importlib.metadata import version

import torch
from torch import Tensor

from inference import device as devices
from inference import kept_pictures

IN_MEMORY = 200
"""Pictures."""
WORTH = 50_000_000
"""Parameters of a model; the towers of smaller ones read again in a moment."""
_NAME, _SUM, _OF = "tokens", "sha256", "of"
_HEADER = 4096
"""Bytes, at most, of a file besides its numbers."""


def identity(model: str, revision: str, adapter: str, place: devices.Place) -> str:
    """All that decides the numbers besides the pixels; `adapter` is "" for one that leaves the tower as it is."""
    kind, threads = str(torch.backends.cpu.get_cpu_capability()), torch.get_num_threads()  # sums are split among them
    if place.device.type == "cuda":
        kind, threads = torch.cuda.get_device_name(place.device), 0
    said = [model, revision, adapter, str(place.dtype), place.device.type, kind, str(threads)]
    said += [version(one).partition("+")[0] for one in ("torch", "transformers", "hilum")]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def touches(modules: Sequence[str]) -> bool:
    """Whether an adapter that changes these modules changes what a picture becomes."""
    return any("vision_tower" in name or "multi_modal_projector" in name for name in modules)


class PictureTokens:
    """Of one loaded model. `taken` counts what came from disk; `trouble` says why nothing more is kept there."""

    def __init__(self, shape: tuple[int, ...], place: devices.Place, identity: str = "", most_bytes: int = 0) -> None:
        """Of the `shape` [tokens, hidden]; on disk with an `identity` and more than 0 bytes, else in memory alone."""
        self._shape, self._place = shape, place
        self._identity, self._most = identity, most_bytes if identity else 0
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self.taken = 0
        self.trouble, self._told = "", False

    def remarks(self) -> tuple[str, ...]:
        """`trouble`, the first time that there is any."""
        told, self._told = self._told, bool(self.trouble)
        return (self.trouble,) if self.trouble and not told else ()

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
        """A full disk is told once, and then nothing more is kept there; NaN and infinity never are."""
        self._remember(key, tokens)
        if not self._most or self.trouble or not bool(torch.isfinite(tokens).all()):
            return
        from safetensors.torch import save

        plain, name = tokens.detach().cpu().contiguous(), self._name(key)
        try:
            kept_pictures.write(name, save({_NAME: plain}, {_SUM: _sum(plain), _OF: name}), self._most)
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
        try:
            body = kept_pictures.read(name, math.prod(self._shape) * self._place.dtype.itemsize + _HEADER)
            found = _whole(body, name)
            if tuple(found.shape) != self._shape or found.dtype != self._place.dtype:
                raise ValueError("it has another format")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            kept_pictures.drop(name)
            return None
        kept_pictures.used(name)
        return found.to(self._place.device)


def _whole(body: bytes, name: str) -> Tensor:
    """Raises ValueError for bytes that were not written under this name."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        told = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["__metadata__"]
        found: Tensor = load(body)[_NAME]
        if told[_OF] != name or told[_SUM] != _sum(found):
            raise ValueError("it is of something else")
    except (SafetensorError, LookupError, TypeError, RuntimeError) as error:
        raise ValueError("it is damaged") from error
    return found


def _sum(tokens: Tensor) -> str:
    return hashlib.sha256(tokens.view(torch.uint8).numpy().tobytes()).hexdigest()
