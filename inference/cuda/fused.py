"""One token of a decoder in bfloat16, int8 or int4 by our own kernels: five a layer, where torch starts some sixty.

The arithmetic is `inference.decoder`'s: the residual stream, queries, keys and values are bfloat16 where they are there, norms
and sums float32; only the order of sums differs. Positions are read on the card, so that one recording serves a whole text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inference.cuda.kernels import Argument, Kernels, NoKernels
from inference.cuda.linears import GROUP, CardLinear
from inference.decoder import Decoder, Layer, Norm
from inference.kv_cache import KVCache

ATTENTION = {(256, 2), (128, 2), (64, 2)}
"""(width of a head, queries that share a key head) that step.cu is made for: the 4B's, the 27B's, a small test's."""
MOST_SPLITS = 64
MOST_PARTS = 4
MOST_NARROW, MOST_HIDDEN = 12 * 256, 22 * 256
"""Numbers of the residual stream that a block's threads hold, in the two forms there are."""
WAVES, HEAD = 4, 8
"""Blocks for every multiprocessor that a small matrix is shared among, and at most for the head."""


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
    layer: Layer
    qkv: Matrix
    out: Matrix
    gate_up: Matrix
    down: Matrix

    @classmethod
    def of(cls, layer: Any) -> _Layer:
        return cls(layer, *(Matrix.of(one) for one in (layer.qkv, layer.out, layer.gate_up, layer.down)))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a matrix is shared among blocks: their threads, and in how many parts its columns are taken."""

    threads: int = 256
    parts: int = 1


class FusedStep:
    """`Decoder.fixed_step` and the head. Raises NoKernels for a decoder that it is not for."""

    def __init__(self, decoder: Decoder, kernels: Kernels) -> None:
        layer: Layer = decoder.layers[0]  # type: ignore[assignment]
        self._kernels = kernels
        self.heads, self.kv_heads, self.width = layer.heads, layer.kv_heads, layer.width
        sharing = self.heads // self.kv_heads
        if decoder.dtype != torch.bfloat16 or (self.width, sharing) not in ATTENTION:
            raise NoKernels(f"no kernel of ours is for heads of {self.width}, {sharing} to a key, in {decoder.dtype}")
        if len(layer.before.gain) > MOST_HIDDEN:
            raise NoKernels(f"no kernel of ours is for a residual stream of {len(layer.before.gain)}")
        self._attend = f"attend_{self.width}_{sharing}"
        self._layers = [_Layer.of(one) for one in decoder.layers]
        self._head = Matrix.of(decoder.head)
        self._norm, self._embedding = decoder.norm, decoder.embedding.weight  # not the decoder: it holds this
        weight = self._embedding
        self._scale = float(torch.as_tensor(getattr(decoder.embedding, "embed_scale", 1.0)).to(weight.dtype))
        (windowed, windowed_scale), (everywhere, scale) = (decoder.pace(kind) for kind in (True, False))
        self._pace = windowed.to(weight.device), everywhere.to(weight.device), windowed_scale, scale
        self._splits = max(1, min(MOST_SPLITS, kernels.blocks // self.kv_heads))
        sizes = self._layers[0]
        hidden, mlp = sizes.qkv.columns, sizes.down.columns
        self.plans = {name: self._plan(getattr(sizes, name)) for name in ("qkv", "out", "down")} | {"gate_up": Plan()}

        def room(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=weight.device)

        self._x, self._h, self._inner = room(hidden), room(hidden), room(mlp)
        self._seen = room(self.heads * self.width)
        self._turns = room(2 * self.width, dtype=torch.float32)
        self._qkv = room(MOST_PARTS, sizes.qkv.rows, dtype=torch.float32)
        self._parts = room(MOST_PARTS, hidden, dtype=torch.float32)
        self._part = room(self.heads * self._splits * (self.width + 2), dtype=torch.float32)
        self._done = room(self.kv_heads + 1, dtype=torch.int32)
        self._logits = room(self._head.rows, dtype=torch.float32)

    def _plan(self, matrix: Matrix) -> Plan:
        """So many parts that all multiprocessors have blocks enough."""
        tiles, groups = -(-matrix.rows // 16), matrix.columns // GROUP
        parts = max(1, min(MOST_PARTS, WAVES * self._kernels.blocks // tiles, groups // 4))
        return Plan(256, parts)

    def __call__(self, token: Tensor, position: Tensor, cache: KVCache) -> Tensor:
        """Read `token` int64 [1] at `position` int64 [1] into the cache, whose `length` stays; float32 logits [vocabulary], which
        the next call writes over."""
        hidden, first = len(self._x), self._layers[0].layer.before
        self._kernels.launch(
            "begin_token", (1, 1),
            [self._embedding, token, position, self._scale, self._x, first.gain, self._h, hidden, first.eps, *self._pace,
             self._turns, self.width // 2],
        )  # fmt: skip
        after = [*(one.layer.before for one in self._layers[1:]), self._norm]
        for number, (one, following) in enumerate(zip(self._layers, after, strict=True)):
            layer, plan = one.layer, self.plans["qkv"]
            self._start(f"parted_{one.qkv.kind}", one.qkv, plan, [self._h, self._qkv])
            self._attended(number, layer, position, cache, plan.parts)
            self._added(one.out, "out", self._seen, layer.after, layer.mlp_before)
            self._start(f"gated_{one.gate_up.kind}", one.gate_up, self.plans["gate_up"], [self._h, self._inner], 2)
            self._added(one.down, "down", self._inner, layer.mlp_after, following)
        self._start(f"logits_{self._head.kind}", self._head, Plan(), [self._h, self._logits])
        return self._logits

    def _added(self, matrix: Matrix, name: str, x: Tensor, added: Norm, norm: Norm) -> None:
        """The residual stream goes on by a matrix times x, and is evened for the next."""
        arguments: list[Argument] = [x, self._parts, self._done[-1:], self._x, added.gain, norm.gain, self._h, norm.eps]
        wide = "wide_" if matrix.rows > MOST_NARROW else ""
        self._start(f"added_{wide}{matrix.kind}", matrix, self.plans[name], arguments)

    def _start(self, name: str, matrix: Matrix, plan: Plan, arguments: list[Argument], halves: int = 1) -> None:
        """`halves` of the rows go together through a block. The head, which is all rows, is not too many blocks."""
        tiles = -(-matrix.rows // halves // 16)
        grid = min(tiles, HEAD * self._kernels.blocks) if name.startswith("logits") else tiles
        columns = -(-matrix.columns // GROUP // plan.parts) * GROUP
        self._kernels.launch(
            name, (grid, plan.parts),
            [matrix.weights, matrix.scales, matrix.rows, matrix.columns, *arguments], 2 * columns, plan.threads,
        )  # fmt: skip

    def _attended(self, number: int, layer: Layer, position: Tensor, cache: KVCache, parts: int) -> None:
        keys, values, places = cache.keys[number], cache.values[number], cache.places[number]
        windowed = int(bool(layer.window))
        self._kernels.launch(
            self._attend, (self.kv_heads, self._splits),
            [self._qkv, parts, layer.gains, self._turns, keys, values, position, places, windowed, layer.eps, layer.scale,
             self._part, self._done, self._seen],
        )  # fmt: skip
