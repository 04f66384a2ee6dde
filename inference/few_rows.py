"""A token of one text or of a few through a decoder's layers on a processor, in as few calls as torch allows.

A small layer's token is mostly the calls beside the products, some three microseconds each. So what lies between the linears
stays in float32, and of one text a norm, its gain and what it is added to are one call, for which its mean is a plain number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from threading import Event
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from inference.errors import look

if TYPE_CHECKING:
    from inference.decoder import Decoder, Layer, Norm
    from inference.kv_cache import KVCache

Turn = tuple[Tensor, Tensor]
"""Cosine and signed sine of each text's place [texts, width], float32."""
_NOTHING = torch.zeros(1)


def step(decoder: Decoder, tokens: Sequence[int], caches: Sequence[KVCache], cancel: Event) -> Tensor:
    """As `Decoder.step_together`."""
    x = decoder.embed(torch.tensor(tokens)).float()
    turns = decoder.turns(torch.tensor([one.length for one in caches]), torch.float32)
    for number, layer in enumerate(decoder.each()):
        look(cancel)
        x = _passed(layer, number, x, turns[bool(layer.window)], caches, decoder.dtype)
    for one in caches:
        one.advance(1)
    return _normed(decoder.norm, x).to(decoder.dtype)


def _passed(layer: Layer, number: int, x: Tensor, turn: Turn, caches: Sequence[KVCache], dtype: torch.dtype) -> Tensor:
    """[texts, hidden] float32 → the same after the layer, whose keys and values are remembered."""
    heads = layer.qkv(_normed(layer.before, x).to(dtype)).view(len(x), -1, layer.width).transpose(0, 1)
    turning, values = heads.split_with_sizes((layer.heads + layer.kv_heads, layer.kv_heads))
    queries, keys = _turned(layer, turning.float(), turn).split_with_sizes((layer.heads, layer.kv_heads))
    queries = queries.to(dtype)
    if len(caches) == 1:
        seen = attend_one(queries, *caches[0].stepped(number, keys, values), scale=layer.scale)
    else:
        each = zip(caches, *(torch.split(one, 1, 1) for one in (queries, keys, values)), strict=True)
        seen = torch.stack(
            [attend_one(query, *one.stepped(number, key, value), scale=layer.scale) for one, query, key, value in each]
        )
    x = _added(layer.after, layer.out(seen.reshape(len(x), -1)), x)
    gate, up = layer.gate_up(_normed(layer.mlp_before, x).to(dtype)).chunk(2, -1)
    return _added(layer.mlp_after, layer.down(functional.gelu(gate, approximate="tanh").mul_(up)), x)


def attend_one(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, scale: float) -> Tensor:
    """What the queries of one place see, in their shape [..., heads, 1, width], of keys and values [1, kv_heads, n, width]. Those
    that share keys are rows of one product, on a CPU five times as fast in bfloat16."""
    rows = queries.reshape(1, keys.shape[1], -1, queries.shape[-1])
    return functional.scaled_dot_product_attention(rows, keys, values, mask, scale=scale).reshape(queries.shape)


def _turned(layer: Layer, heads: Tensor, turn: Turn) -> Tensor:
    """Queries and keys [heads, texts, width], normalised, times their gains, turned by their places."""
    if heads.shape[1] > 1:
        even = torch.rms_norm(heads, (layer.width,), None, layer.eps)
    else:
        squares = torch.baddbmm(_least(layer.eps), heads, heads.transpose(1, 2), alpha=1 / layer.width)
        even = heads * squares.rsqrt_()
    even.mul_(layer.gains)
    return torch.addcmul(even * turn[0], torch.roll(even, layer.width // 2, -1), turn[1])


@cache
def _least(eps: float) -> Tensor:
    return torch.full((1,), eps)


def _pace(norm: Norm, row: Tensor) -> float:
    """What a row [1, n] is multiplied with to have a mean square of 1."""
    flat = row.view(-1)
    return 1 / math.sqrt(float(flat.dot(flat)) / len(flat) + norm.eps)


def _normed(norm: Norm, x: Tensor) -> Tensor:
    if len(x) > 1:
        return torch.rms_norm(x, norm.gain.shape, norm.gain, norm.eps)
    return torch.addcmul(_NOTHING, x, norm.gain, value=_pace(norm, x))


def _added(norm: Norm, found: Tensor, x: Tensor) -> Tensor:
    """`x` and what was found, normalised."""
    exact = found.float()
    if len(x) > 1:
        return x + _normed(norm, exact)
    return torch.addcmul(x, exact, norm.gain, value=_pace(norm, exact))
