"""Many places read at once by a decoder in bfloat16, int8 or int4: torch's products and attention, and our own kernels for what
lies between, a dozen starts a layer where torch alone needs sixty. A prompt of one picture waits for starts, not for the card."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.cuda.fused import NARROW, first_layer
from inference.cuda.kernels import THREADS, Kernels
from inference.decoder import Decoder, Layer, Norm, mask_of
from inference.errors import look
from inference.kv_cache import KVCache

BACKENDS = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""cuDNN's plans a new shape for a third of a second, and every prompt has another."""


class FusedRead:
    """`Decoder.read`. Raises NoKernels for a decoder that it is not for."""

    def __init__(self, decoder: Decoder, kernels: Kernels) -> None:
        self._layers: list[Layer] = list(decoder.layers)  # type: ignore[arg-type]
        layer = first_layer(decoder)
        self._sharing = layer.heads // layer.kv_heads
        self._products = [tuple(map(_product, (one.qkv, one.out, one.gate_up, one.down))) for one in self._layers]
        self._settles = "settle_wide_places" if len(layer.before.gain) > NARROW * THREADS else "settle_places"
        self._kernels, self._norm = kernels, decoder.norm
        self._pace = {windowed: decoder.pace(windowed) for windowed in (True, False)}

    def __call__(self, x: Tensor, blocks: Tensor | None, cache: KVCache, cancel: Event) -> Tensor:
        """See `Decoder.read`; `x` [n, hidden] is written over."""
        start, new, first = cache.length, len(x), self._layers[0]
        positions = torch.arange(start, start + new, device=x.device)
        turns = {windowed: self._turns(positions, windowed) for windowed in {bool(one.window) for one in self._layers}}
        biases = {
            window: self._bias(mask_of(start, new, window, blocks, x.device)) for window in {one.window for one in self._layers}
        }
        h, queries = torch.empty_like(x), x.new_empty(1, first.kv_heads, self._sharing * new, first.width)
        self._settle(x, None, None, first.before, h)
        with sdpa_kernel(BACKENDS):
            for number, (layer, (qkv, out, gate_up, down)) in enumerate(zip(self._layers, self._products, strict=True)):
                look(cancel)
                keys, values = self._apart(number, layer, qkv(h), turns[bool(layer.window)], queries, cache)
                seen = functional.scaled_dot_product_attention(queries, keys, values, biases[layer.window], scale=layer.scale)
                flat = seen.reshape(layer.kv_heads, self._sharing, new, -1).permute(2, 0, 1, 3).reshape(new, -1)
                self._settle(x, out(flat), layer.after, layer.mlp_before, h)
                after = self._layers[number + 1].before if number + 1 < len(self._layers) else self._norm
                self._settle(x, down(self._gate(gate_up(h))), layer.mlp_after, after, h)
        cache.advance(new)
        return h[-1]

    def _settle(self, x: Tensor, added: Tensor | None, gain: Norm | None, norm: Norm, h: Tensor) -> None:
        arguments = [x, added, None if gain is None else gain.gain, norm.gain, h, x.shape[1], norm.eps]
        self._kernels.launch(self._settles, (len(x), 1), arguments)

    def _apart(
        self, number: int, layer: Layer, qkv: Tensor, turns: Tensor, queries: Tensor, cache: KVCache
    ) -> tuple[Tensor, Tensor]:
        """Queries [1, key heads, sharing · n, width] are written; keys and values [1, key heads, m, width] that they look at are
        given, those of the new places last. Where they lie in order in the cache they are not copied."""
        new, start, width = len(qkv), cache.length, layer.width
        kept = cache.keys[number], cache.values[number]
        inside = start + new <= cache.places[number] and (not layer.window or start < layer.window)
        keys, values = kept if inside else (qkv.new_empty(1, layer.kv_heads, new, width) for _ in range(2))
        room, slot = (cache.places[number], start) if inside else (new, 0)
        arguments = [qkv, layer.gains, turns, queries, keys, values, layer.heads, layer.kv_heads, room, slot, layer.eps]
        self._kernels.launch(f"apart_{width}", (new, -(-(layer.heads + 2 * layer.kv_heads) // 8)), arguments)
        if inside:
            return keys.narrow(2, 0, start + new), values.narrow(2, 0, start + new)
        return cache.extended(number, keys, values)

    def _gate(self, both: Tensor) -> Tensor:
        inner = both.new_empty(len(both), both.shape[1] // 2)
        self._kernels.launch("gate_places", (-(-inner.shape[1] // 2048), len(inner)), [both, inner, inner.shape[1]])
        return inner

    def _turns(self, positions: Tensor, windowed: bool) -> Tensor:
        """float32 [n, 2, width / 2]: cosines and sines, rounded to bfloat16."""
        pace, scaling = self._pace[windowed]
        angle = positions[:, None].float() * pace.to(positions.device)
        return (torch.stack([angle.cos(), angle.sin()], 1) * scaling).bfloat16().float().contiguous()

    def _bias(self, mask: Tensor | None) -> Tensor | None:
        """As attention wants it: bfloat16, once for every query that shares a key, rows of a multiple of 8 numbers."""
        if mask is None:
            return None
        new, seen = mask.shape
        bias = torch.zeros(self._sharing, new, -(-seen // 8) * 8, dtype=torch.bfloat16, device=mask.device)
        bias[:, :, :seen].masked_fill_(~mask, -torch.inf)
        return bias.view(self._sharing * new, -1)[None, None, :, :seen]


def _product(linear: nn.Module) -> Callable[[Tensor], Tensor]:
    """Without what nn.Module does around a call, which is as long as the call."""
    if isinstance(linear, nn.Linear):
        return partial(functional.linear, weight=linear.weight, bias=linear.bias)
    return linear.forward
