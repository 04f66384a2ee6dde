"""A vision tower's pass over one picture, recorded once on a card: some five hundred starts become one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Event

import torch
from torch import Tensor

from inference.errors import look
from inference.stepping import recorded

SOON = 0.05
"""Seconds that a recorded pass may take at most: a stop waits for its end."""
AHEAD = 2
"""Pictures that may be under way: a stop waits for these too."""


class Tower:
    """Reads pictures one by one. Where its pass cannot be recorded, or takes long, it is read layer by layer, and `cancel` is
    looked at by whoever calls. A recording reads where the weights lay: it is made at the first picture, and anew where they lie
    elsewhere since, as after another model came to hold the same (`inference.shared_tower`)."""

    def __init__(self, plain: Callable[[Tensor], Tensor], weights: Callable[[], Iterable[Tensor]]) -> None:
        """`plain` gives the tokens of a picture [1, 3, S, S], `weights` all that it may be read with."""
        self._plain, self._weights = plain, weights
        self._where: tuple[int, ...] = ()
        self._recording: tuple[torch.cuda.CUDAGraph, Tensor, Tensor] | None = None
        self._under_way: deque[torch.cuda.Event] = deque()

    def __call__(self, picture: Tensor, cancel: Event) -> Tensor:
        """A picture's tokens. Raises Cancelled."""
        look(cancel)
        where = tuple(one.data_ptr() for one in self._weights())
        if where != self._where:
            found = self._plain(picture)
            self._recording = self._recorded(picture)
            self._where = where  # last: what was stopped is tried again
        elif self._recording is None:
            found = self._plain(picture)
        else:
            graph, given, kept = self._recording
            given.copy_(picture)
            graph.replay()
            found = kept.clone()
        self._wait()
        return found

    def _recorded(self, picture: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor] | None:
        """A recording, what it reads and what it gives; None where it takes long or cannot be made."""
        given = picture.clone()
        torch.cuda.synchronize()
        began = time.perf_counter()
        self._plain(given)
        torch.cuda.synchronize()
        if time.perf_counter() - began > SOON:
            return None
        try:
            graph, kept = recorded(lambda: self._plain(given))
        except RuntimeError:  # memory too: layer by layer it needs less
            torch.cuda.synchronize()
            return None
        return graph, given, kept

    def _wait(self) -> None:
        """Until few enough pictures are under way."""
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._under_way.append(event)
        while len(self._under_way) > AHEAD:
            self._under_way.popleft().synchronize()
