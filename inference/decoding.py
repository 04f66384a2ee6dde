"""Text from a Gemma 3 model: read the prompt → step token by token → callback, until a stop.

The tokens equal those of the model's own `generate`; having the loop here gives streaming, cancel between and inside steps,
the guard against NaN and the suppression of image tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.answers import Finish
from inference.constrained import Constraint
from inference.decoder import Decoder
from inference.errors import Cancelled, ModelFailed
from inference.kv_cache import KVCache
from inference.questions import Decoding
from inference.stepping import Stepper
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


@contextmanager
def interruptible(layers: Iterable[nn.Module], cancel: Event) -> Iterator[None]:
    """While inside, `cancel` is looked at before every layer; raises Cancelled from the forward pass."""

    def look(*_: object) -> None:
        if cancel.is_set():
            raise Cancelled("stopped on request")

    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What is read before writing: `ids` [T], `blocks` [T] the image each place belongs to, -1 for text."""

    ids: Tensor
    blocks: Tensor

    @classmethod
    def of(cls, ids: Tensor, image: int | None) -> Prompt:
        """Runs of the token `image` are images, numbered from 0; None for a model without eyes."""
        if image is None:
            return cls(ids, torch.full_like(ids, -1))
        inside = ids == image
        begins = inside & ~functional.pad(inside[:-1], (1, 0))
        return cls(ids, torch.where(inside, begins.cumsum(0) - 1, -1))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def after_images(self) -> int:
        """The place after the last image, 0 where there is none."""
        inside = torch.nonzero(self.blocks >= 0)
        return int(inside.max()) + 1 if len(inside) else 0

    def first(self, places: int) -> Prompt:
        """Its beginning."""
        return Prompt(self.ids[:places], self.blocks[:places])

    def pieces(self, start: int, rows: int) -> Iterator[tuple[int, int]]:
        """(from, to) of what is read at once from `start` on: at most `rows` places, or one image; no image is cut."""
        inner = (self.blocks[1:] >= 0) & (self.blocks[1:] == self.blocks[:-1])
        cuts = [*(torch.nonzero(~inner).flatten() + 1).tolist(), len(self)]
        last = start
        for at, cut in enumerate(cuts):
            if cut > last and (at + 1 == len(cuts) or cuts[at + 1] - last > rows):
                yield last, cut
                last = cut


def generate(
    decoder: Decoder,
    prompt: Prompt,
    cache: KVCache,
    decoding: Decoding,
    most: int,
    limits: Limits,
    cancel: Event,
    on_token: Callable[[int], bool],
    form: Constraint | None = None,
    trace: Trace | None = None,
    tell: Callable[[str], object] = len,
) -> Finish:
    """Write up to `most` tokens after the prompt, or until `on_token` says False. With a `form` the text keeps to it, with a
    `trace` the thinking keeps to its budget.

    `tell` is told why a card's steps are slower than they could be, where they are.
    `cache` holds the beginning of the prompt with all its images, and must have room for the rest and `most` more. Raises
    Cancelled and, where the model gives NaN or infinity, ModelFailed.
    """
    pick = _picker(decoding)
    written: list[int] = []
    with torch.inference_mode():
        logits = _finite(decoder.logits(read(decoder, prompt, no_image, cache, cancel)))
        stepper = Stepper(decoder, cache)
        for _ in range(most):
            if cancel.is_set():
                raise Cancelled("stopped on request")
            logits = _allowed(logits, limits.never if trace is None else (*limits.never, *trace.never))
            token = pick(logits if form is None else form.masked(logits, most - len(written)))
            if trace is not None:
                token = trace.instead(token, limits.stop)
                trace.take(token)
            if token in limits.stop:
                return "stop" if form is None else form.finish
            more = on_token(token)
            written.append(token)
            if form is not None:
                form.advance(token)
                if form.over:
                    return form.finish
            if limits.watch and loop(written):
                if trace is not None and trace.open:
                    trace.close()
                elif form is None:
                    return "repetition"
                else:
                    form.wind_up()
            if not more:
                return "length"
            if len(written) < most:
                logits = _finite(stepper.step(token, cancel))
            if stepper.remark and len(written) == 1:
                tell(stepper.remark)
    return "length"


def read(
    decoder: Decoder, prompt: Prompt, features: Callable[[int], Tensor], cache: KVCache, cancel: Event, rows: int = 0
) -> Tensor:
    """Read what of the prompt is not in the cache yet, `rows` places at once (0: as many as the decoder says); the output at its
    last position [hidden].

    `features` gives an image's projected tokens [tokens, hidden] by its number. Raises Cancelled."""
    output: Tensor | None = None
    for start, end in prompt.pieces(cache.length, rows or decoder.rows):
        blocks, embeds = prompt.blocks[start:end], decoder.embed(prompt.ids[start:end])
        images = sorted({int(one) for one in blocks.tolist() if one >= 0})
        if images:
            embeds = embeds.clone()
            for number in images:
                embeds[blocks == number] = features(number).to(embeds.dtype)
        output = decoder.read(embeds, blocks if images else None, cache, cancel)
    if output is None:
        raise ValueError("nothing of the prompt is left to read")
    return output


def no_image(number: int) -> Tensor:
    raise ValueError(f"image {number} has not been read")


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
    if not bool(torch.isfinite(logits).all()):
        raise ModelFailed("the model answered NaN or infinity; its files or its number format are wrong, check the model")
    return logits


def _allowed(logits: Tensor, never: tuple[int, ...]) -> Tensor:
    logits[list(never)] = -torch.inf
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
