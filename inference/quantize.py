"""Weight-only int8 and int4 for the decoder's linears, on kernels that live in torch; everything else keeps its format.

int8: one scale a row, weight = code · scale, code −127..127. int4: groups of G along a row, weight = (code − 8) · scale + zero,
code 0..15, scale and zero in bfloat16. Vision tower, projector, embeddings and head are never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch import Tensor, nn

from inference.errors import ModelRefused
from inference.fitting import group_of

FEW_ROWS = 16
"""Up to here the packed int8 kernel is faster (decoding), above it tiles of plain numbers are (prefill)."""
TILE = 1024
TOLERANCE = 0.03
"""Greatest difference of a probed layer from its formula, relative to the largest value; bfloat16 activations cost 0.5 %."""


class Int8Linear(nn.Module):
    """x [..., K] → [..., N]. `scratch` is flat float32 of TILE · K at least, shared by all layers, on the CPU only."""

    q: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, scratch: Tensor) -> None:
        super().__init__()
        q, scale = int8_codes(weight)
        self.register_buffer("q", q)
        self.register_buffer("scale", scale)
        self.scratch = scratch

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= FEW_ROWS:
            y = torch._weight_int8pack_mm(rows.bfloat16().contiguous(), self.q, self.scale.bfloat16())
        elif rows.is_cuda:
            y = (rows @ self.q.to(rows.dtype).T) * self.scale.to(rows.dtype)
        else:
            y = self._tiles(rows if rows.dtype == torch.bfloat16 and _fast_bfloat16() else rows.float())
        return y.to(x.dtype).reshape(*x.shape[:-1], -1)

    def _tiles(self, rows: Tensor) -> Tensor:
        """In the format of `rows`: one tile of the weights at a time, which stays in the processor's cache."""
        y = torch.empty(rows.shape[0], self.q.shape[0], dtype=rows.dtype)
        scratch = self.scratch.view(rows.dtype)
        for start in range(0, self.q.shape[0], TILE):
            part = self.q[start : start + TILE]
            y[:, start : start + TILE] = rows @ scratch[: part.numel()].view_as(part).copy_(part).T
        return y * self.scale.to(rows.dtype)

    def weight(self) -> Tensor:
        """The weights the codes stand for, float32 [N, K]."""
        return self.q.float() * self.scale[:, None]


class Int4Linear(nn.Module):
    """x [..., K] → [..., N], activations in bfloat16 as the kernel wants them."""

    packed: Tensor
    scale_zero: Tensor

    def __init__(self, weight: Tensor, group: int) -> None:
        super().__init__()
        codes, scale_zero = int4_codes(weight, group)
        self.group = group
        self.register_buffer("packed", _pack(codes))
        self.register_buffer("scale_zero", scale_zero)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).bfloat16().contiguous()
        kernel = torch.ops.aten._weight_int4pack_mm if rows.is_cuda else torch.ops.aten._weight_int4pack_mm_for_cpu
        y: Tensor = kernel(rows, self.packed, self.group, self.scale_zero)
        return y.to(x.dtype).reshape(*x.shape[:-1], -1)


@cache
def _fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself (AVX512-BF16 or AMX): more than twice as fast as float32."""
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(one is not None and one() for one in asked)


def int8_codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[N, K] → codes int8 [N, K], scale float32 [N]: symmetric, rounded to nearest."""
    exact = weight.float()
    scale = (exact.abs().amax(1) / 127).clamp_min(1e-8)
    return (exact / scale[:, None]).round().to(torch.int8), scale


def int4_codes(weight: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """[N, K] → codes int32 [N, K] in 0..15, (scale, zero) bfloat16 [K / group, N, 2]: least to greatest, rounded to nearest."""
    groups = weight.float().reshape(weight.shape[0], -1, group)  # [N, K / group, group]
    low, high = groups.amin(-1), groups.amax(-1)
    scale = ((high - low) / 15).clamp_min(1e-6).bfloat16()
    zero = (low + 8 * scale.float()).bfloat16()
    codes = ((groups - zero.float()[..., None]) / scale.float()[..., None] + 8).round().clamp(0, 15)
    return codes.flatten(1).to(torch.int32), torch.stack([scale, zero], -1).transpose(0, 1).contiguous()


def int4_weight(codes: Tensor, scale_zero: Tensor, group: int) -> Tensor:
    """The weights the codes stand for, float32 [N, K]."""
    scale, zero = scale_zero.float().transpose(0, 1).repeat_interleave(group, 1).unbind(-1)
    return (codes.float() - 8) * scale + zero


def apply(layers: Iterable[nn.Module], kind: str, device: torch.device) -> str:
    """Replace the linears of a decoder's layers by `kind` ("none", "int8", "int4"), one by one, on `device`; what was done.

    A shape that the int4 kernel cannot do, or does wrong when probed, falls back to int8, then to full precision; the words
    say how many and why. Raises ModelRefused for another `kind`.
    """
    if kind == "none":
        return "none"
    if kind not in ("int8", "int4"):
        raise ModelRefused(f"there is no quantisation {kind!r}; choose none, int8 or int4")
    linears = [
        (parent, name, child)
        for layer in layers
        for parent in layer.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    scratch = torch.empty(TILE * max(child.in_features for _, _, child in linears))
    chosen: dict[tuple[int, int], tuple[str, str]] = {}
    done: Counter[tuple[str, str]] = Counter()
    for parent, name, child in linears:
        shape = (child.out_features, child.in_features)
        weight = child.weight.detach().to(device)
        if shape not in chosen:
            chosen[shape] = _choose(weight, kind, scratch)
        new = _make(weight, chosen[shape][0], scratch)
        done[chosen[shape]] += 1
        if new is not None:
            setattr(parent, name, _with_bias(new, child))
    return _words(kind, done)


def _choose(weight: Tensor, kind: str, scratch: Tensor) -> tuple[str, str]:
    """(what this shape becomes, why not what was asked)."""
    why = ""
    for candidate in ("int4", "int8") if kind == "int4" else ("int8",):
        reason = _probe(weight, candidate, scratch)
        if not reason:
            return candidate, why
        why = why or reason
    return "none", why


def _probe(weight: Tensor, kind: str, scratch: Tensor) -> str:
    """Why this layer cannot be `kind` here; empty when its answers agree with the formula."""
    rows = torch.randn(2, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.device)
    try:
        layer = _make(weight, kind, scratch)
        if layer is None:
            return f"{weight.shape[1]} columns do not divide into groups"
        got = layer(rows.to(weight.dtype)).float()
    except (RuntimeError, NotImplementedError) as error:
        return " ".join(str(error).split())[:80]
    if isinstance(layer, Int8Linear):
        exact = layer.weight()
    else:
        group = group_of(weight.shape[1])
        exact = int4_weight(*int4_codes(weight, group), group)
    want = rows @ exact.T
    off = float((got - want).abs().max() / want.abs().max().clamp_min(1e-12))
    return "" if off <= TOLERANCE else f"the kernel is off by {off:.0%}"


def _make(weight: Tensor, kind: str, scratch: Tensor) -> nn.Module | None:
    if kind == "int8":
        return Int8Linear(weight, scratch)
    group = group_of(weight.shape[1])
    return Int4Linear(weight, group) if kind == "int4" and group else None


def _pack(codes: Tensor) -> Tensor:
    """In the layout of the device's kernel."""
    if not codes.is_cuda:
        convert: Callable[..., Tensor] = torch.ops.aten._convert_weight_to_int4pack_for_cpu
        return convert(codes, 1)
    pairs = (codes[:, ::2] << 4 | codes[:, 1::2]).to(torch.uint8).contiguous()
    return torch.ops.aten._convert_weight_to_int4pack(pairs, 8)  # type: ignore[no-any-return]


class _Biased(nn.Module):
    def __init__(self, layer: nn.Module, bias: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.bias  # type: ignore[no-any-return]


def _with_bias(new: nn.Module, old: nn.Linear) -> nn.Module:
    return new if old.bias is None else _Biased(new, old.bias.detach())


def _words(kind: str, done: Counter[tuple[str, str]]) -> str:
    """ "int4", and for what fell back: how many linears, to what, why."""
    total = sum(done.values())
    fallen = [f"{count} of {total} linears {what}: {why}" for (what, why), count in done.items() if what != kind]
    return "; ".join([kind, *fallen])
