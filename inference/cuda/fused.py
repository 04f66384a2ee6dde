"""One token of a decoder in bfloat16, int8 or int4 by our own kernels: five a layer, where torch starts some sixty.

The arithmetic is `inference.decoder`'s: the residual stream, queries, keys and values are bfloat16 where they are there, norms
and sums float32; only the order of sums differs. Positions are read on the card, so that one recording serves a whole text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inference.cuda.kernels import THREADS, Argument, Kernels, NoKernels
from inference.cuda.linears import GROUP, CardLinear
from inference.decoder import Decoder, Layer, Norm
from inference.kv_cache import KVCache

ATTENTION = {(256, 2), (128, 2), (64, 2)}
"""(width of a head, queries that share a key head) that step.cu is made for: the 4B's, the 27B's, a small test's."""
MOST_SPLITS = 64
MOST_PARTS = 4
NARROW, WIDE = 12, 22
"""Numbers of the residual stream that a thread of a block holds, in the two forms there are."""
MOST_SHARED = 44 << 10
"""Bytes of activations that a block has room for, besides its own 4 KiB: 48 KiB are a block's on any card."""
HEAD = 8
"""Blocks for every multiprocessor, at most: those of the head have several tiles."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """`kind` none (bfloat16), int8 or int4, as `CardLinear` and nn.Linear hold it."""

    kind: str
    weights: Tensor
    scales: Tensor | None
    rows: int
    columns: int

    @classmethod
    def of(cls, linear: Any) -> Matrix:
        """Raises NoKernels for a linear that our kernels cannot read."""
        if isinstance(linear, CardLinear):
            return cls(linear.kind, linear.codes, linear.scales, linear.out_features, linear.in_features)
        if not isinstance(linear, nn.Linear) or linear.bias is not None or linear.weight.dtype != torch.bfloat16:
            raise NoKernels("a matrix is not in a form that our kernels read")
        if linear.in_features % GROUP or not linear.weight.is_contiguous():
            raise NoKernels(f"a matrix of {linear.in_features} columns does not divide into groups of {GROUP}")
        return cls("none", linear.weight, None, linear.out_features, linear.in_features)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """`norms` are what is added to one, bfloat16: before and after attention, before and after the MLP."""

    layer: Layer
    qkv: Matrix
    out: Matrix
    gate_up: Matrix
    down: Matrix
    norms: tuple[Tensor, ...]

    @classmethod
    def of(cls, layer: Any) -> _Layer:
        qkv, out, gate_up, down = map(Matrix.of, (layer.qkv, layer.out, layer.gate_up, layer.down))
        norms = tuple(map(added_to_one, (layer.before, layer.after, layer.mlp_before, layer.mlp_after)))
        return cls(layer, qkv, out, gate_up, down, norms)


def first_layer(decoder: Decoder) -> Layer:
    """Which tells for all what heads and residual stream are. Raises NoKernels where no kernel of ours is for them."""
    layer: Layer = decoder.layers[0]  # type: ignore[assignment]
    sharing = layer.heads // layer.kv_heads
    if decoder.dtype != torch.bfloat16 or (layer.width, sharing) not in ATTENTION:
        raise NoKernels(f"no kernel of ours is for heads of {layer.width}, {sharing} to a key, in {decoder.dtype}")
    if len(layer.before.gain) > WIDE * THREADS:
        raise NoKernels(f"no kernel of ours is for a residual stream of {len(layer.before.gain)}")
    return layer


def added_to_one(norm: Norm) -> Tensor:
    """A norm's weights as they are published. Raises NoKernels where bfloat16 does not hold them."""
    found = (norm.gain - 1).bfloat16()
    if not torch.equal(1 + found.float(), norm.gain):
        raise NoKernels("a norm's weights are finer than bfloat16")
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """How a matrix is shared among blocks: their threads, and in how many parts its columns are taken."""

    threads: int = 256
    parts: int = 1


class FusedStep:
    """`Decoder.fixed_step` and the head. Raises NoKernels for a decoder that it is not for."""

    def __init__(self, decoder: Decoder, kernels: Kernels) -> None:
        layer = first_layer(decoder)
        self._kernels = kernels
        self.heads, self.kv_heads, self.width = layer.heads, layer.kv_heads, layer.width
        sharing = self.heads // self.kv_heads
        self._attend = f"attend_{self.width}_{sharing}"
        self._layers = [_Layer.of(one) for one in decoder.layers]
        self._head = Matrix.of(decoder.head)
        self._norm, self._embedding = added_to_one(decoder.norm), decoder.embedding.weight  # not the decoder: it holds this
        self._eps = decoder.norm.eps
        weight = self._embedding
        self._scale = float(torch.as_tensor(getattr(decoder.embedding, "embed_scale", 1.0)).to(weight.dtype))
        (windowed, windowed_scale), (everywhere, scale) = (decoder.pace(kind) for kind in (True, False))
        self._pace = windowed.to(weight.device), everywhere.to(weight.device), windowed_scale, scale
        widest = max(one.columns for layer in self._layers for one in (layer.out, layer.down))
        if 2 * widest > MOST_SHARED:
            raise NoKernels(f"no kernel of ours is for a matrix of {widest} columns")
        self._splits = max(1, min(MOST_SPLITS, kernels.blocks // self.kv_heads))
        sizes = self._layers[0]
        hidden, mlp = sizes.qkv.columns, sizes.down.columns
        self.plans = dict.fromkeys(("qkv", "out", "down", "gate_up"), Plan())
        self.shape = tuple((one.kind, one.rows, one.columns) for one in (sizes.qkv, sizes.out, sizes.gate_up, sizes.down))

        def room(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=weight.device)

        self._x, self._inner = (room(hidden), room(hidden)), room(mlp)
        self._seen = room(self.heads * self.width)
        self._turns = room(2 * self.width, dtype=torch.float32)
        self._qkv = room(sizes.qkv.rows, dtype=torch.float32)
        self._out, self._down = (room(MOST_PARTS, hidden, dtype=torch.float32) for _ in range(2))
        self._part = room(self.heads * self._splits * (self.width + 2), dtype=torch.float32)
        self._done = room(self.kv_heads, dtype=torch.int32)
        self._logits = room(self._head.rows, dtype=torch.float32)

    def choices(self) -> Iterator[tuple[str, Sequence[Plan]]]:
        """What may be tried for each matrix; which is quickest depends on the card and on the matrix."""
        settled = [Plan(threads) for threads in (THREADS, THREADS // 2) if len(self._x[0]) <= WIDE * threads]
        yield "gate_up", settled
        yield "down", [Plan(threads, parts) for threads in (THREADS, THREADS // 2) for parts in range(1, MOST_PARTS + 1)]
        yield "out", [Plan(threads, parts) for threads in (THREADS, THREADS // 2) for parts in (1, 2)]
        yield "qkv", settled

    def __call__(self, token: Tensor, position: Tensor, cache: KVCache) -> Tensor:
        """Read `token` int64 [1] at `position` int64 [1] into the cache, whose `length` stays; float32 logits [vocabulary], which
        the next call writes over."""
        x, then = self._x
        self._kernels.launch(
            "begin_token", (-(-max(len(x), self.width) // THREADS), 1),
            [self._embedding, token, position, self._scale, x, len(x), *self._pace, self._turns, self.width // 2],
        )  # fmt: skip
        added: tuple[Argument, ...] = (None, 1, None)
        for number, one in enumerate(self._layers):
            before, after, mlp_before, mlp_after = one.norms
            self._settled("settled", one.qkv, self.plans["qkv"], x, added, before, then, self._qkv)
            self._attended(number, one.layer, position, cache)
            self._parted(one.out, "out", self._seen, self._out)
            added = self._out, self.plans["out"].parts, after
            self._settled("gated", one.gate_up, self.plans["gate_up"], then, added, mlp_before, x, self._inner)
            self._parted(one.down, "down", self._inner, self._down)
            added = self._down, self.plans["down"].parts, mlp_after
        self._settled("settled", self._head, Plan(), x, added, self._norm, then, self._logits)
        return self._logits

    def _settled(
        self, name: str, matrix: Matrix, plan: Plan, x: Tensor, added: tuple[Argument, ...], norm: Tensor, then: Tensor, y: Tensor
    ) -> None:
        """The residual stream goes on from `x` to `then` by what was `added`, and evened times a matrix it is `y`. The head,
        which is all rows, is not too many blocks."""
        tiles = -(-(matrix.rows // 2 if name == "gated" else matrix.rows) // 16)
        wide = "wide_" if matrix.columns > NARROW * plan.threads else ""
        self._kernels.launch(
            f"{name}_{wide}{matrix.kind}", (min(tiles, HEAD * self._kernels.blocks), 1),
            [matrix.weights, matrix.scales, matrix.rows, matrix.columns, x, *added, norm, then, y, self._eps],
            2 * matrix.columns, plan.threads,
        )  # fmt: skip

    def _parted(self, matrix: Matrix, name: str, x: Tensor, y: Tensor) -> None:
        plan = self.plans[name]
        self._kernels.launch(
            f"parted_{matrix.kind}", (-(-matrix.rows // 16), plan.parts),
            [matrix.weights, matrix.scales, matrix.rows, matrix.columns, x, y],
            2 * -(-matrix.columns // GROUP // plan.parts) * GROUP, plan.threads,
        )  # fmt: skip

    def _attended(self, number: int, layer: Layer, position: Tensor, cache: KVCache) -> None:
        keys, values, places = cache.keys[number], cache.values[number], cache.places[number]
        windowed = int(bool(layer.window))
        self._kernels.launch(
            self._attend, (self.kv_heads, self._splits),
            [self._qkv, layer.gains, self._turns, keys, values, position, places, windowed, layer.eps, layer.scale,
             self._part, self._done, self._seen],
        )  # fmt: skip
