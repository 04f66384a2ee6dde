"""A vision tower's pass over one picture, recorded once on a card: some five hundred starts become one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Event

import torch
from torch import Tensor

from inference.errors import Cancelled
from inference.stepping import recorded

SOON = 0.05
"""Seconds that a recorded pass may take at most: a stop waits for its end."""
AHEAD = 2
"""Pictures that may be under way: a stop waits for these too."""


class Tower:
    """Reads pictures one by one. Where it cannot be recorded, or takes long, it is read layer by layer, and `cancel` is looked at
    by whoever calls `plain`."""

    def __init__(self, plain: Callable[[Tensor], Tensor], like: Tensor) -> None:
        """`plain` gives a picture's tokens; `like` is a picture as it comes [1, 3, S, S]."""
        self._plain, self._given, self._found = plain, like.clone(), like
        self._under_way: deque[torch.cuda.Event] = deque()
        self._graph: torch.cuda.CUDAGraph | None = None
        with torch.inference_mode():
            plain(self._given)
            torch.cuda.synchronize()
            began = time.perf_counter()
            plain(self._given)
            torch.cuda.synchronize()
            if time.perf_counter() - began <= SOON:
                try:
                    self._graph, self._found = recorded(lambda: plain(self._given))
                except RuntimeError:  # memory too: layer by layer it needs less
                    torch.cuda.synchronize()

    def __call__(self, picture: Tensor, cancel: Event) -> Tensor:
        """A picture's tokens. Raises Cancelled."""
        if cancel.is_set():
            raise Cancelled("stopped on request")
        if self._graph is None:
            found = self._plain(picture)
        else:
            self._given.copy_(picture)
            self._graph.replay()
            found = self._found.clone()
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._under_way.append(event)
        while len(self._under_way) > AHEAD:
            self._under_way.popleft().synchronize()
        return found
