"""A text as it is written: which token comes next, by the model's numbers and all that holds it, and when it is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.answers import Finish
from inference.constrained import Constraint
from inference.errors import NOT_FINITE, ModelFailed
from inference.questions import Decoding
from inference.thinking import Trace

LOOP_TOKENS = 48
"""A loop is cut when the last tokens are one n-gram over and over: at least this many tokens and LOOP_TIMES times."""
LOOP_TIMES = 4
LOOP_NGRAM = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """`stop` ids end the text, `never` ids cannot be chosen; `watch` False lets the text loop to its end."""

    stop: frozenset[int]
    never: tuple[int, ...]
    watch: bool = True


class Writing:
    """Up to `most` tokens, or until `on_token` says False. With a `form` the text keeps to it, with a `trace` the thinking to its
    budget. `finish` holds once `next` gave None."""

    def __init__(
        self,
        decoding: Decoding,
        most: int,
        limits: Limits,
        on_token: Callable[[int], bool],
        form: Constraint | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._most, self._limits, self._on_token, self._form, self._trace = most, limits, on_token, form, trace
        self._pick, self._greedy = _picker(decoding), decoding.temperature <= 0
        self._written: list[int] = []
        self._never: dict[tuple[int, ...], Tensor] = {}
        self.finish: Finish = "length"

    @property
    def never(self) -> tuple[int, ...]:
        """Tokens that cannot be chosen."""
        return self._limits.never

    @property
    def length(self) -> int:
        """Tokens so far."""
        return len(self._written)

    def _allowed(self, logits: Tensor, never: tuple[int, ...]) -> Tensor:
        if never not in self._never:
            self._never[never] = torch.tensor(never, dtype=torch.long, device=logits.device)
        return logits.index_fill_(0, self._never[never], -torch.inf)

    def next(self, logits: Tensor) -> int | None:
        """The token that float32 logits [vocabulary] call for, which the model is to read before the next; None where the text is
        over. Writes over the logits. Raises ModelFailed where they are NaN or infinite."""
        form, trace, limits = self._form, self._trace, self._limits
        logits = self._allowed(_finite(logits), limits.never if trace is None else (*limits.never, *trace.never))
        return self.take(self._pick(logits if form is None else form.masked(logits, self._most - len(self._written))))

    @property
    def plain(self) -> bool:
        """Whether its tokens are simply the likeliest, so that the next may be begun before this one is looked at."""
        return self._greedy and self._form is None and self._trace is None

    def take(self, token: int) -> int | None:
        """The token, unless a trace wants another, once it is written; None where the text is over."""
        form, trace, limits = self._form, self._trace, self._limits
        if trace is not None:
            token = trace.instead(token, limits.stop)
            trace.take(token)
        if token in limits.stop:
            self.finish = "stop" if form is None else form.finish
            return None
        more = self._on_token(token)
        self._written.append(token)
        if form is not None:
            form.advance(token)
            if form.over:
                self.finish = form.finish
                return None
        if limits.watch and loop(self._written):
            if trace is not None and trace.open:
                trace.close()
            elif form is None:
                self.finish = "repetition"
                return None
            else:
                form.wind_up()
        return token if more and len(self._written) < self._most else None


def loop(tokens: Sequence[int]) -> int:
    """Length of the n-gram that the text has been repeating, 0 when it does not loop."""
    for size in range(1, LOOP_NGRAM + 1):
        span = size * max(LOOP_TIMES, -(-LOOP_TOKENS // size))
        if span > len(tokens):
            return 0
        tail = tokens[-span:]
        if tail[size:] == tail[:-size]:
            return size
    return 0


def _finite(logits: Tensor) -> Tensor:
    """Their sum tells it in one step; in float64 finite ones do not overflow."""
    if not math.isfinite(float(logits.sum(dtype=torch.float64))):
        raise ModelFailed(NOT_FINITE)
    return logits


def _picker(decoding: Decoding) -> Callable[[Tensor], int]:
    """Greedy, or drawn at a temperature with a generator of its own on the CPU, so that a seed means the same everywhere."""
    if decoding.temperature <= 0:
        return lambda logits: int(logits.argmax())
    generator = torch.Generator().manual_seed(decoding.seed)

    def draw(logits: Tensor) -> int:
        chances = torch.softmax(logits.cpu().double() / decoding.temperature, -1)
        return int(torch.multinomial(chances, 1, generator=generator))

    return draw
