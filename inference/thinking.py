"""A model's thinking trace, held to a budget of its own: when that is spent the trace is closed, and the answer begins."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """Watches the tokens of one text. `begin` and `end` are the ids of the marks around the trace, `most` how many tokens may
    stand between them; with 0 none is begun. A text has one trace at most."""

    begin: int
    end: int
    most: int
    open: bool = False
    done: bool = False
    written: int = 0
    """Tokens of the trace so far, without its marks."""
    cut: str = ""
    """Why the trace was closed by force, "" where the model closed it itself or wrote none."""

    @property
    def never(self) -> tuple[int, ...]:
        """What may not be chosen now: a second trace, and a second end, which would make the answer a trace."""
        if self.done or (self.most <= 0 and not self.open):
            return self.begin, self.end
        return (self.begin,) if self.open else ()

    def instead(self, token: int, stop: Collection[int]) -> int:
        """`token`, or the mark that ends the trace where its budget is spent, or where the model would end its text inside."""
        if not self.open or token == self.end:
            return token
        if self.written >= self.most:
            self.cut = self.cut or f"the trace was closed at its budget of {self.most:,} tokens"
            return self.end
        if token in stop:
            self.cut = "the trace was closed where the model ended its text inside of it"
            return self.end
        return token

    def take(self, token: int) -> None:
        """`token` has been written."""
        if token == self.end:
            self.open, self.done = False, True
        elif token == self.begin:
            self.open = True
        elif self.open:
            self.written += 1

    def close(self) -> None:
        """The model repeats itself inside the trace: the next token ends it."""
        self.cut, self.most = "the trace was closed where it began to repeat itself", self.written
