"""One token after another: on a CPU layer by layer, on an NVIDIA card as a recorded graph of all layers.

A token of the 4B is some 600 small kernels; started one by one from Python they take several times as long as the card needs. A
CUDA graph starts them all at once. Nothing is compiled.
"""

from __future__ import annotations

from threading import Event

import torch
from torch import Tensor

from inference.decoder import Decoder
from inference.kv_cache import KVCache

LEAST = 1024
"""Places that the first graph looks at in layers without a window; each further one at twice as many."""
_WARM = 2


class Stepper:
    """Steps of one text. `remark` says why they are not recorded, where they could have been."""

    def __init__(self, decoder: Decoder, cache: KVCache) -> None:
        self._decoder, self._cache = decoder, cache
        self._graphs: dict[int, _Graph] = {}
        self._records = decoder.device.type == "cuda"
        self.remark = ""

    def step(self, token: int, cancel: Event) -> Tensor:
        """Read one token; float32 logits for the next, [vocabulary], which the next step may write over. Raises Cancelled."""
        if self._records:
            graph = self._graph(places_for(self._cache.length + 1, self._cache.capacity))
            if graph is not None:
                logits = graph.replay(token, self._cache.length)
                self._cache.advance(1)
                return logits
        return self._decoder.logits(self._decoder.step(token, self._cache, cancel))

    def _graph(self, most: int) -> _Graph | None:
        if most not in self._graphs:
            try:
                self._graphs[most] = _Graph(self._decoder, self._cache, most)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._records = False
                self.remark = f"steps are not recorded as a CUDA graph ({' '.join(str(error).split())[:120]}): slower"
                return None
        return self._graphs[most]


def places_for(filled: int, capacity: int) -> int:
    """How many places a recorded step looks at while `filled` are: the next power of two, at most the capacity."""
    return min(capacity, max(LEAST, 1 << (filled - 1).bit_length()))


class _Graph:
    """`fixed_step` and the head, recorded over one cache."""

    def __init__(self, decoder: Decoder, cache: KVCache, most: int) -> None:
        self._token = torch.zeros(1, dtype=torch.long, device=decoder.device)
        self._position = torch.full((1,), cache.length, dtype=torch.long, device=decoder.device)
        """What is written there while recording is written anew by the first replay."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                decoder.logits(decoder.fixed_step(self._token, self._position, cache, most))
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._logits = decoder.logits(decoder.fixed_step(self._token, self._position, cache, most))

    def replay(self, token: int, position: int) -> Tensor:
        self._token.fill_(token)
        self._position.fill_(position)
        self._graph.replay()
        return self._logits
