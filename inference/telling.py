"""The reader's side of a text that is being written: its words as they come, what of it is a thinking trace, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from inference.answers import Progress
from inference.textstream import TextStream
from inference.thinking import Trace


class Telling:
    """`take` is called with every token; `on_progress` hears of each."""

    def __init__(self, tokenizer: Any, most: int, trace: Trace | None, on_progress: Callable[[Progress], None]) -> None:
        """`most` tokens of the answer are wanted."""
        self.stream = TextStream(tokenizer)
        self._most, self._trace, self._on_progress = most, trace, on_progress
        self._began = 0.0
        self.thinking = self.writing = 0
        """Tokens of the trace with its marks, and of the answer."""

    def take(self, token: int) -> bool:
        """Whether more is wanted."""
        self._began = self._began or time.monotonic()
        before = self.stream.thinking
        text = self.stream.feed(token)
        inside = before or self.stream.thinking  # the marks belong to the trace
        self.thinking, self.writing = self.thinking + inside, self.writing + (not inside)
        if self._trace is not None and token == self._trace.end and not before:  # a trace whose first mark was left out
            self.thinking, self.writing = self.thinking + self.writing, 0
        rate = (self.thinking + self.writing - 1) / max(time.monotonic() - self._began, 1e-9)
        stage, done = ("thinking", self.thinking) if inside else ("writing", self.writing)
        total = self._trace.most if self._trace and before else self._most
        self._on_progress(Progress(stage, done, total, text, rate))
        return self.writing < self._most
