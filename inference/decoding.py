"""Text from a Gemma 3 model: prefill → decode_one_token → callback, until a stop.

The tokens equal those of the model's own `generate`; having the loop here gives streaming, cancel between and inside steps,
the guard against NaN and the suppression of image tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

import torch
from torch import Tensor, nn

from inference.answers import Finish
from inference.errors import Cancelled, ModelFailed
from inference.questions import Decoding

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


def generate(
    model: Any,
    batch: dict[str, Tensor],
    features: Tensor | None,
    decoding: Decoding,
    most: int,
    limits: Limits,
    cancel: Event,
    on_token: Callable[[int], bool],
) -> Finish:
    """Write up to `most` tokens after the prompt `batch` (ids, mask, types, each [1, T]), or until `on_token` says False.

    `features` are the projected image tokens in order, [images · tokens, hidden], None for text alone. Raises Cancelled
    and, where the model gives NaN or infinity, ModelFailed.
    """
    cache = _new_cache(model)
    pick = _picker(decoding)
    written: list[int] = []
    with torch.inference_mode():
        with interruptible(decoder_layers(model), cancel):
            logits = prefill(model, batch, features, cache)
        for _ in range(most):
            if cancel.is_set():
                raise Cancelled("stopped on request")
            token = pick(_allowed(logits, limits.never))
            if token in limits.stop:
                return "stop"
            more = on_token(token)
            written.append(token)
            if limits.watch and loop(written):
                return "repetition"
            if not more:
                return "length"
            if len(written) < most:
                logits = decode_one_token(model, token, cache)
    return "length"


def prefill(model: Any, batch: dict[str, Tensor], features: Tensor | None, cache: Any) -> Tensor:
    """Read the prompt into the cache; logits of its last position, [vocabulary]. Image blocks see themselves both ways."""
    ids = batch["input_ids"]
    more: dict[str, Tensor] = {}
    embeds = model.get_input_embeddings()(ids)  # [1, T, hidden], already scaled by √hidden
    if features is not None:
        at = (ids == model.config.image_token_id)[..., None]
        embeds = embeds.masked_scatter(at, features.to(embeds.dtype))
        more["token_type_ids"] = batch["token_type_ids"]
    out = model(inputs_embeds=embeds, attention_mask=batch["attention_mask"], past_key_values=cache, use_cache=True,
                logits_to_keep=1, **more)  # fmt: skip
    return _last(out)


def decode_one_token(model: Any, token: int, cache: Any) -> Tensor:
    """Read one token; logits for the next, [vocabulary]."""
    ids = torch.tensor([[token]], device=model.device)
    return _last(model(input_ids=ids, past_key_values=cache, use_cache=True))


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


def _last(out: Any) -> Tensor:
    logits: Tensor = out.logits[0, -1].float()
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


def _new_cache(model: Any) -> Any:
    from transformers import DynamicCache

    return DynamicCache(config=model.config.get_text_config())


def decoder_layers(model: Any) -> Iterable[nn.Module]:
    """The decoder layers of a model with or without eyes, first to last."""
    stack = model.model.language_model if hasattr(model.model, "language_model") else model.model
    layers: nn.ModuleList = stack.layers
    return layers
