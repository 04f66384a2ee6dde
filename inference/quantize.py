"""Weight-only int8 and int4 for the decoder's linears, on kernels that live in torch; everything else keeps its format.

int8: one scale a row, weight = code · scale, code −127..127; how large ones are multiplied on some processors: `inference.int8`.
int4: groups of G along a row, weight = (code − 8) · scale + zero, code 0..15, scale and zero in bfloat16, see `inference.int4`.
nf4: see `inference.nf4`. On an NVIDIA card our own kernels multiply (`inference.cuda`), and torch's where those cannot be had.
Vision tower, projector, embeddings and head are never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import torch
from torch import Tensor, nn

from inference import int4, int8, ladder, nf4, quantisations
from inference.cuda import kernels, linears
from inference.errors import ModelRefused
from inference.fitting import group_of

FEW_ROWS = 16
"""Up to here the packed int8 kernel is faster (decoding), above it tiles of plain numbers are (prefill)."""
TILE = 1024
BLOCK = {"cpu": 1 << 17, "cuda": 1 << 24}
"""Weights that are brought to int4 at once: on a CPU they stay in its cache, on a card little memory is taken besides."""
TOLERANCE = 0.03
"""Greatest difference of a probed layer from its formula, relative to the largest value; bfloat16 activations cost 0.5 %."""


Keep = Callable[[int, Mapping[str, Tensor]], object]
"""Told a layer's number and what its quantised linears are, by "name.part"."""


class Int8Linear(nn.Module):
    """x [..., K] → [..., N]. `scratch` is flat float32 of TILE · K at least, shared by all layers, on the CPU only."""

    q: Tensor
    scale: Tensor
    narrow: Tensor
    """The scale as the kernel of few rows wants it."""

    def __init__(self, q: Tensor, scale: Tensor, scratch: Tensor) -> None:
        super().__init__()
        self.register_buffer("q", q)
        self.register_buffer("scale", scale)
        self.register_buffer("narrow", scale.bfloat16(), persistent=False)
        self.scratch = scratch

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2 and len(x) == 1 and x.dtype == torch.bfloat16:  # a token: the fewest calls
            return torch._weight_int8pack_mm(x.contiguous(), self.q, self.narrow)
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[0] <= FEW_ROWS:
            y = torch._weight_int8pack_mm(rows.bfloat16().contiguous(), self.q, self.narrow)
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


class Int4Linear(nn.Module):
    """x [..., K] → [..., N], activations in bfloat16 as the kernel wants them."""

    packed: Tensor
    scale_zero: Tensor

    def __init__(self, codes: Tensor, scale_zero: Tensor, group: int) -> None:
        super().__init__()
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
    """[N, K] → codes int32 [N, K] in 0..15, (scale, zero) bfloat16 [K / group, N, 2], by `int4.fitted`."""
    codes = torch.empty(weight.shape, dtype=torch.int32, device=weight.device)
    scale_zero = torch.empty(weight.shape[1] // group, weight.shape[0], 2, dtype=torch.bfloat16, device=weight.device)
    for part in _parts(weight):
        own, scale, zero = int4.fitted(weight[part].float().reshape(-1, weight.shape[1] // group, group))
        codes[part] = own.flatten(1).to(torch.int32)
        scale_zero[:, part] = torch.stack([scale, zero], -1).transpose(0, 1)
    return codes, scale_zero


def _parts(weight: Tensor) -> list[slice]:
    rows = max(1, BLOCK.get(weight.device.type, weight.numel()) // weight.shape[1])
    return [slice(start, start + rows) for start in range(0, weight.shape[0], rows)]


def int4_weight(codes: Tensor, scale_zero: Tensor, group: int) -> Tensor:
    """The weights the codes stand for, float32 [N, K]."""
    scale, zero = scale_zero.float().transpose(0, 1).repeat_interleave(group, 1).unbind(-1)
    return (codes.float() - 8) * scale + zero


def apply(layers: Iterable[nn.Module], kind: str, device: torch.device, keep: Keep | None = None) -> str:
    """Replace the linears of a decoder's layers by `kind` (none, int8, int4, nf4), one by one, on `device`; what was done.

    A shape that the kernel of int4 or nf4 cannot do, or does wrong when probed, falls back to int8, then to full precision; the
    words say how many and why. `keep` is told every layer's number and what its linears in int8 and int4 can be made of again.
    Raises ModelRefused for another `kind`, and for nf4 without bitsandbytes.
    """
    if kind == "none":
        return "none"
    if kind not in ("int8", "int4", "nf4"):
        raise ModelRefused(f"there is no quantisation {kind!r}; choose none, int8, int4 or nf4")
    quantisations.must_be_available(kind)
    every = [*layers]
    scratch = scratch_for(widest(every))
    chosen: dict[tuple[int, int], tuple[str, str]] = {}
    done: Counter[tuple[str, str]] = Counter()
    for number, layer in enumerate(every):
        kept: dict[str, Tensor] = {}
        for parent, name, child in _linears(layer):  # one layer after the other, so that no more is held twice
            shape = (child.out_features, child.in_features)
            weight = child.weight.detach().to(device)
            if shape not in chosen:
                chosen[shape] = _choose(weight, kind, scratch)
            done[chosen[shape]] += 1
            if chosen[shape][0] == "nf4":
                setattr(parent, name, nf4.linear(weight, child.bias))
            elif codes := codes_of(weight, chosen[shape][0]):
                if child.bias is not None:
                    codes["bias"] = child.bias.detach().to(device)
                setattr(parent, name, made_of(codes, scratch))
                if keep is not None:
                    kept |= {f"{name}.{part}": value for part, value in _narrow(codes).items()}
        if keep is not None:
            keep(number, kept)
    return _words(kind, done)


def light_head(head: nn.Linear, device: torch.device) -> tuple[nn.Module, str]:
    """The head in int8, and what is said of it; itself where the kernel is wrong here. The embedding, whose weights it shares,
    stays as it is."""
    weight, scratch = head.weight.detach().to(device), scratch_for(head.in_features)
    why = _probe(weight, "int8", scratch)
    if why:
        return head, f"head in full precision: {why}"
    return made_of(codes_of(weight, "int8"), scratch), "head int8"


def codes_of(weight: Tensor, kind: str) -> dict[str, Tensor]:
    """[N, K] as `kind` keeps it; empty where it cannot, or for "none"."""
    if kind == "int8":
        q, scale = int8_codes(weight)
        return {"q": q, "scale": scale}
    group = group_of(weight.shape[1])
    if kind != "int4" or not group:
        return {}
    if not weight.is_cuda:
        codes, scale_zero = int4_codes(weight, group)
        return {"codes": codes, "scale_zero": scale_zero}
    made = [int4_codes(weight[part], group) for part in _parts(weight)]  # two to a byte at once: a card's memory is dear
    return {"codes": torch.cat([_paired(codes) for codes, _ in made]), "scale_zero": torch.cat([one for _, one in made], 1)}


Made = Int8Linear | int8.BytesLinear | Int4Linear | linears.CardLinear


def made_of(kept: Mapping[str, Tensor], scratch: Tensor) -> Made | _Biased:
    """The linear of what was kept, on the device that lies on; codes of int4 may lie two in a byte."""
    if "bias" in kept:
        return _Biased(made_of({name: value for name, value in kept.items() if name != "bias"}, scratch), kept["bias"])
    own = kernels.of(next(iter(kept.values())).device)
    if "q" in kept:
        q, scale = kept["q"], kept["scale"]
        if not isinstance(own, kernels.NoKernels) and linears.can(q.shape[1]):
            return linears.CardLinear("int8", q, scale, own)
        return int8.BytesLinear(q, scale) if int8.can(q) else Int8Linear(q, scale, scratch)
    codes, scale_zero = kept["codes"], kept["scale_zero"]
    columns = codes.shape[1] * (2 if codes.dtype == torch.uint8 else 1)
    group = columns // scale_zero.shape[0]
    if not isinstance(own, kernels.NoKernels) and linears.can(columns, group):
        return linears.CardLinear("int4", _paired(codes), scale_zero, own)
    return Int4Linear(_single(codes), scale_zero, group)


def widest(layers: Iterable[nn.Module]) -> int:
    """Columns of the widest linear."""
    return max(child.in_features for layer in layers for _, _, child in _linears(layer))


def scratch_for(columns: int) -> Tensor:
    """For linears of at most so many columns."""
    return torch.empty(TILE * columns)


def _linears(layer: nn.Module) -> Iterable[tuple[nn.Module, str, nn.Linear]]:
    return [
        (parent, name, child)
        for parent in layer.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]


def _narrow(codes: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, two codes of int4 in a byte."""
    found = {name: value.cpu() for name, value in codes.items()}
    if "codes" in found:
        found["codes"] = _paired(found["codes"])
    return found


def _paired(codes: Tensor) -> Tensor:
    """Codes of int4 two to a byte, the even column in the upper half."""
    return codes if codes.dtype == torch.uint8 else (codes[:, ::2] << 4 | codes[:, 1::2]).to(torch.uint8)


def _single(codes: Tensor) -> Tensor:
    """Each for itself, int32."""
    return torch.stack([codes >> 4, codes & 15], -1).flatten(1).to(torch.int32) if codes.dtype == torch.uint8 else codes


def _choose(weight: Tensor, kind: str, scratch: Tensor) -> tuple[str, str]:
    """(what this shape becomes, why not what was asked)."""
    why = ""
    for candidate in dict.fromkeys((kind, "int8")):
        reason = _probe(weight, candidate, scratch)
        if not reason:
            return candidate, why
        why = why or reason
    return "none", why


def _probe(weight: Tensor, kind: str, scratch: Tensor) -> str:
    """Why this layer cannot be `kind` here; empty when its answers agree with the formula."""
    rows = torch.randn(2, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.device)
    try:
        if kind == "nf4":
            layer = nf4.linear(weight, None)
            exact = nf4.weight(layer)
        else:
            codes = codes_of(weight, kind)
            if not codes:
                return f"{weight.shape[1]} columns do not divide into groups"
            layer = made_of(codes, scratch)
            exact = _meant(codes)
        got = layer(rows.to(weight.dtype)).float()
    except (RuntimeError, NotImplementedError, AssertionError, ValueError) as error:
        if ladder.out_of_memory(error):
            raise
        return " ".join(str(error).split())[:80] or type(error).__name__
    want = rows @ exact.T
    off = float((got - want).abs().max() / want.abs().max().clamp_min(1e-12))
    return "" if off <= TOLERANCE else f"the kernel is off by {off:.0%}"


def _meant(codes: Mapping[str, Tensor]) -> Tensor:
    """The weights that the codes of a layer stand for, float32 [N, K]."""
    if "q" in codes:
        return codes["q"].float() * codes["scale"][:, None]
    single = _single(codes["codes"])
    return int4_weight(single, codes["scale_zero"], single.shape[1] // codes["scale_zero"].shape[0])


def _pack(codes: Tensor) -> Tensor:
    """In the layout of the device's kernel."""
    if not codes.is_cuda:
        convert: Callable[..., Tensor] = torch.ops.aten._convert_weight_to_int4pack_for_cpu
        return convert(codes, 1)
    return torch.ops.aten._convert_weight_to_int4pack(_paired(codes).contiguous(), 8)  # type: ignore[no-any-return]


class _Biased(nn.Module):
    def __init__(self, layer: nn.Module, bias: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.bias  # type: ignore[no-any-return]


def _words(kind: str, done: Counter[tuple[str, str]]) -> str:
    """ "int4", and for what fell back: how many linears, to what, why."""
    total = sum(done.values())
    fallen = [f"{count} of {total} linears {what}: {why}" for (what, why), count in done.items() if what != kind]
    return "; ".join([nf4.words() if kind == "nf4" else kind, *fallen])
