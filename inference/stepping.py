"""One token after another: on a CPU layer by layer, on an NVIDIA card as a recorded graph of all layers.

A token of the 4B is 170 kernels of our own (`inference.cuda`), or some two thousand of torch's where ours cannot be had; started
one by one from Python they take several times as long as the card needs. A CUDA graph starts them all at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import torch
from torch import Tensor

from inference.decoder import Decoder
from inference.errors import NOT_FINITE, ModelFailed, look
from inference.kv_cache import KVCache

LEAST = 1024
"""Places that the first graph of torch's kernels looks at in layers without a window; each further one at twice as many."""
_WARM = 2


class Stepper:
    """Steps of one text. `remark` says why they are slower than they could be, on a card."""

    def __init__(self, decoder: Decoder, cache: KVCache) -> None:
        self._decoder, self._cache = decoder, cache
        self._graphs: dict[int, _Graph] = {}
        self._records = decoder.device.type == "cuda"
        self._run: _Run | None = None
        self.remark = ""

    def step(self, token: int, cancel: Event) -> Tensor:
        """Read one token; float32 logits for the next, [vocabulary], which the next step may write over. Raises Cancelled."""
        if self._records:
            graph = self._graph()
            if graph is not None:
                logits = graph.replay(token, self._cache.length)
                self._cache.advance(1)
                return logits
        return self._decoder.logits(self._decoder.step(token, self._cache, cancel))

    def runs(self, never: Sequence[int]) -> bool:
        """Whether `run` is possible: on a card whose steps are our own kernels. `never` are tokens that cannot be chosen."""
        fused = self._decoder.fused_step
        if not self._records or fused is None:
            return False
        try:
            self._run = _Run(fused, self._cache, never, self._decoder.device)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._not_recorded(error)
        return self._run is not None

    def run(self, token: int, cancel: Event) -> Iterator[int]:
        """Read `token`, then the likeliest ever after, and give them one by one until the cache is full; the card has always
        begun the next before this one is known here. Raises Cancelled, and ModelFailed where logits are NaN or infinite."""
        run, cache = self._run, self._cache
        assert run is not None
        run.begin(token, cache.length)
        begun = cache.length
        while cache.length < cache.capacity:
            while begun < min(cache.length + 2, cache.capacity):
                run.go(begun)
                begun += 1
            look(cancel)
            following, sound = run.told(cache.length)
            if not sound:
                raise ModelFailed(NOT_FINITE)
            cache.advance(1)
            yield following

    def _not_recorded(self, error: RuntimeError) -> None:
        self._records = False
        self.remark = f"steps are not recorded as a CUDA graph ({' '.join(str(error).split())[:120]}): slower"

    def _graph(self) -> _Graph | None:
        decoder, cache, fused = self._decoder, self._cache, self._decoder.fused_step
        most = places_for(cache.length + 1, cache.capacity) if fused is None else cache.capacity
        if most not in self._graphs:

            def work(token: Tensor, position: Tensor) -> Tensor:
                if fused is not None:
                    return fused(token, position, cache)
                return decoder.logits(decoder.fixed_step(token, position, cache, most))

            try:
                self._graphs[most] = _Graph(work, decoder.device, cache.length)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._not_recorded(error)
                return None
        return self._graphs[most]


def places_for(filled: int, capacity: int) -> int:
    """How many places a recorded step looks at while `filled` are: the next power of two, at most the capacity."""
    return min(capacity, max(LEAST, 1 << (filled - 1).bit_length()))


class _Graph:
    """Work on a token and a position, recorded."""

    def __init__(self, work: Callable[[Tensor, Tensor], Tensor], device: torch.device, position: int) -> None:
        self._token = torch.zeros(1, dtype=torch.long, device=device)
        self._position = torch.full((1,), position, dtype=torch.long, device=device)
        """What is written there while recording is written anew by the first replay."""
        self._graph, self._logits = recorded(lambda: work(self._token, self._position))

    def replay(self, token: int, position: int) -> Tensor:
        self._token.fill_(token)
        self._position.fill_(position)
        self._graph.replay()
        return self._logits


class _Run:
    """A step and the choice of the next token, which is its own next input, recorded."""

    def __init__(
        self, work: Callable[[Tensor, Tensor, KVCache], Tensor], cache: KVCache, never: Sequence[int], device: torch.device
    ) -> None:
        place = cache.length
        self._token, self._position = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))
        self._here = [_pinned() for _ in range(2)]
        self._events = [torch.cuda.Event(blocking=True) for _ in range(2)]  # type: ignore[no-untyped-call]
        self._never = torch.tensor([*never], dtype=torch.long, device=device)  # held, as the recording reads it

        def step() -> Tensor:
            logits = work(self._token, self._position, cache)
            whole = logits.sum(dtype=torch.float64)  # NaN and infinity do not get lost in it
            chosen = logits.index_fill_(0, self._never, -torch.inf).argmax()
            self._token.copy_(chosen)
            self._position.add_(1)
            return torch.stack([chosen.double(), whole])

        self._graph, self._told = recorded(step, lambda: self.begin(0, place))

    def begin(self, token: int, position: int) -> None:
        self._token.fill_(token)
        self._position.fill_(position)

    def go(self, place: int) -> None:
        """Begin the step at `place`, the next there is."""
        self._graph.replay()
        self._here[place % 2].copy_(self._told, non_blocking=True)
        self._events[place % 2].record()

    def told(self, place: int) -> tuple[int, bool]:
        """What the step at `place` chose, and whether its logits are finite; waits for it."""
        self._events[place % 2].synchronize()
        chosen, whole = self._here[place % 2].tolist()
        return int(chosen), math.isfinite(whole)


def _pinned() -> Tensor:
    """Room for two numbers that a card writes to while this process goes on."""
    return torch.zeros(2, dtype=torch.float64, pin_memory=True)


def recorded(work: Callable[[], Tensor], before: Callable[[], object] = int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """A CUDA graph of `work` and what it gives, in memory that every replay writes over. It is done a few times first, each time
    after `before`."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM):
            before()
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        found = work()
    return graph, found
