"""Text from a Gemma 3 model: read the prompt → step token by token, until a stop.

The tokens equal those of the model's own `generate`; having the loop here gives streaming, cancel between and inside steps, and
several texts at once.
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
from inference.decoder import Decoder
from inference.errors import ModelFailed, look
from inference.kv_cache import KVCache
from inference.stepping import Stepper
from inference.writing import Writing


@contextmanager
def interruptible(layers: Iterable[nn.Module], cancel: Event) -> Iterator[None]:
    """While inside, `cancel` is looked at before every layer; raises Cancelled from the forward pass."""

    hooks = [layer.register_forward_pre_hook(lambda *_: look(cancel)) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What is read before writing: `ids` [T], `blocks` [T] the image each place belongs to, -1 for text. Best kept on the CPU:
    how it is cut into pieces is reckoned there."""

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

    def images(self) -> list[tuple[int, int]]:
        """Of each image by its number, its first place and the one after its last."""
        inside = torch.nonzero(self.blocks >= 0).flatten()
        counts = torch.bincount(self.blocks[inside]).tolist() if len(inside) else []
        firsts = inside[torch.tensor([0, *counts[:-1]]).cumsum(0)].tolist() if counts else []
        return [(first, first + count) for first, count in zip(firsts, counts, strict=True)]

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
    writing: Writing,
    cancel: Event,
    tell: Callable[[str], object] = len,
    output: Tensor | None = None,
) -> Finish:
    """Read the rest of the prompt and write until `writing` says that it is over.

    `tell` is told why a card's steps are slower than they could be, where they are.
    `cache` holds the beginning of the prompt with all its images, and must have room for the rest and for what is written; where
    it holds all of the prompt, `output` is that of the last position. Raises Cancelled and, where the model gives NaN or
    infinity, ModelFailed.
    """
    with torch.inference_mode():
        logits = _first(decoder, Row(prompt, cache, writing, output), cancel)
        stepper = Stepper(decoder, cache)
        token = None if _stopped(cancel) else writing.next(logits)
        if token is not None and writing.plain and stepper.runs(writing.never):
            for following in stepper.run(token, cancel):
                if writing.take(following) is None:
                    break
            return writing.finish
        while token is not None and not _stopped(cancel):
            logits = stepper.step(token, cancel)
            if stepper.remark and writing.length == 1:
                tell(stepper.remark)
            token = writing.next(logits)
    return writing.finish


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One of several texts that are written together; as the arguments of `generate`."""

    prompt: Prompt
    cache: KVCache
    writing: Writing
    output: Tensor | None = None


def generate_together(decoder: Decoder, rows: Sequence[Row], cancel: Event) -> list[ModelFailed | None]:
    """Write several texts, a token of each at every step, so that the weights are read once for all of them. For each text why it
    failed, None where it did not; the others are written on. Raises Cancelled."""
    failed: list[ModelFailed | None] = [None] * len(rows)
    with torch.inference_mode():
        logits = {at: _first(decoder, row, cancel) for at, row in enumerate(rows)}
        while logits and not _stopped(cancel):
            tokens = dict[int, int]()
            for at, one in logits.items():
                try:
                    token = rows[at].writing.next(one)
                except ModelFailed as error:
                    failed[at] = error
                    continue
                if token is not None:
                    tokens[at] = token
            logits = {}
            if tokens:
                outputs = decoder.step_together([*tokens.values()], [rows[at].cache for at in tokens], cancel)
                logits = dict(zip(tokens, decoder.logits_together(outputs), strict=True))
    return failed


def read(
    decoder: Decoder, prompt: Prompt, features: Callable[[int], Tensor], cache: KVCache, cancel: Event, rows: int = 0
) -> Tensor:
    """Read what of the prompt is not in the cache yet, `rows` places at once (0: as many as the decoder says); the output at its
    last position [hidden].

    `features` gives an image's projected tokens [tokens, hidden] by its number. Raises Cancelled."""
    output: Tensor | None = None
    where = prompt.images()
    for start, end in prompt.pieces(cache.length, rows or decoder.rows):
        embeds = decoder.embed(prompt.ids[start:end].to(decoder.device))
        images = [number for number, (first, _) in enumerate(where) if start <= first < end]
        if images:
            embeds = embeds.clone()
            for number in images:
                first, after = where[number]
                embeds[first - start : after - start] = features(number).to(embeds.dtype)
        blocks = prompt.blocks[start:end].to(decoder.device) if images else None
        output = decoder.read(embeds, blocks, cache, cancel)
    if output is None:
        raise ValueError("nothing of the prompt is left to read")
    return output


def _first(decoder: Decoder, row: Row, cancel: Event) -> Tensor:
    """Logits after the prompt, what is left of it read."""
    return decoder.logits(read(decoder, row.prompt, no_image, row.cache, cancel) if row.output is None else row.output)


def no_image(number: int) -> Tensor:
    raise ValueError(f"image {number} has not been read")


def _stopped(cancel: Event) -> bool:
    """False; raises Cancelled."""
    look(cancel)
    return False
