"""One token through a decoder's layers on a processor, in as few calls as torch allows.

A small layer's token is mostly the calls beside the products, some three microseconds each. So the numbers between the linears
stay in float32, plain numbers stand for means, and a norm, its gain and what it is added to are one call.
"""

from __future__ import annotations

import math
from functools import cache
from threading import Event
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from inference.errors import Cancelled

if TYPE_CHECKING:
    from inference.decoder import Decoder, Layer, Norm
    from inference.kv_cache import KVCache

Turn = tuple[Tensor, Tensor]
"""Cosine and signed sine of a place [1, width], float32."""
_NOTHING = torch.zeros(1)


def step(decoder: Decoder, token: int, kv: KVCache, cancel: Event) -> Tensor:
    """As `Decoder.step`."""
    dtype = decoder.dtype
    x = decoder.embed(torch.tensor([token])).float()
    turns = decoder.turns(torch.tensor([kv.length]), torch.float32)
    for number, layer in enumerate(decoder.each()):
        if cancel.is_set():
            raise Cancelled("stopped on request")
        x = _passed(layer, number, x, turns[bool(layer.window)], kv, dtype)
    kv.advance(1)
    return _normed(decoder.norm, x)[0].to(dtype)


def _passed(layer: Layer, number: int, x: Tensor, turn: Turn, kv: KVCache, dtype: torch.dtype) -> Tensor:
    """[1, hidden] float32 → the same after the layer, whose keys and values are remembered."""
    heads = layer.qkv(_normed(layer.before, x).to(dtype)).view(-1, 1, layer.width)
    turning, values = heads.split_with_sizes((layer.heads + layer.kv_heads, layer.kv_heads))
    queries, keys = _turned(layer, turning.float(), turn).split_with_sizes((layer.heads, layer.kv_heads))
    keys, values = kv.stepped(number, keys, values)
    queries = queries.to(dtype).view(1, layer.kv_heads, -1, layer.width)  # those that share keys, as rows of one product
    seen = functional.scaled_dot_product_attention(queries, keys, values, scale=layer.scale)
    x = _added(layer.after, layer.out(seen.reshape(1, -1)), x)
    gate, up = layer.gate_up(_normed(layer.mlp_before, x).to(dtype)).chunk(2, -1)
    return _added(layer.mlp_after, layer.down(functional.gelu(gate, approximate="tanh").mul_(up)), x)


def _turned(layer: Layer, heads: Tensor, turn: Turn) -> Tensor:
    """Queries and keys [heads, 1, width], normalised, times their gains, turned by their place."""
    squares = torch.baddbmm(_least(layer.eps), heads, heads.transpose(1, 2), alpha=1 / layer.width)
    even = (heads * squares.rsqrt_()).mul_(layer.gains)
    return torch.addcmul(even * turn[0], torch.roll(even, layer.width // 2, -1), turn[1])


@cache
def _least(eps: float) -> Tensor:
    return torch.full((1,), eps)


def _pace(norm: Norm, x: Tensor) -> float:
    """What a row [1, n] is divided by its root mean square with."""
    row = x.view(-1)
    return 1 / math.sqrt(float(row.dot(row)) / len(row) + norm.eps)


def _normed(norm: Norm, x: Tensor) -> Tensor:
    return torch.addcmul(_NOTHING, x, norm.gain, value=_pace(norm, x))


def _added(norm: Norm, found: Tensor, x: Tensor) -> Tensor:
    """`x` and what was found, normalised."""
    exact = found.float()
    return torch.addcmul(x, exact, norm.gain, value=_pace(norm, exact))
