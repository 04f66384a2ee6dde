"""Our own CUDA kernels next to formulas in float64: on a card where one is, else with all threads played by the processor."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference import places, quantize
from inference.cuda import checked, kernels
from inference.cuda.fused import FusedStep
from inference.cuda.kernels import Kernels, NoKernels
from inference.cuda.linears import CardLinear
from inference.cuda.reading import FusedRead
from inference.decoder import Decoder
from inference.decoding import Prompt, read
from tests.inference.cuda_kernels import COMPILER, Emulated

NEVER = threading.Event()
KINDS = ("none", "int8", "int4")


@pytest.fixture(scope="module")
def played() -> Kernels:
    if torch.cuda.is_available():
        found = kernels.on_card(torch.cuda.current_device())
        assert not isinstance(found, NoKernels), found
        return found
    if COMPILER is None:
        pytest.skip("there is neither an NVIDIA card nor g++ here")
    return Emulated()


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def matrix(rows: int, columns: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * columns**-0.5
    return drawn.bfloat16().to(device())


def kept(kind: str, weight: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
    """(codes, scales) as the kernels read them, and the float64 weights they stand for."""
    if kind == "none":
        return weight, None, weight.double()
    if kind == "int8":
        q, scale = quantize.int8_codes(weight)
        return q, scale, q.double() * scale.double()[:, None]
    codes, scale_zero = quantize.int4_codes(weight, 128)
    exact = quantize.int4_weight(codes, scale_zero, 128)
    pairs = (codes[:, ::2] << 4 | codes[:, 1::2]).to(torch.uint8)
    return pairs, scale_zero, exact.double()


def off(got: Tensor, want: Tensor) -> float:
    return float((got.double() - want.double()).norm() / want.double().norm())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "columns", "many"), [(40, 256, 1), (16, 1408, 3), (72, 128, 8), (33, 2304, 2)])
def test_a_matrix_times_few_columns(played: Kernels, kind: str, rows: int, columns: int, many: int) -> None:
    codes, scales, exact = kept(kind, matrix(rows, columns))
    x = (torch.randn(many, columns, generator=torch.Generator().manual_seed(1)) * 3).bfloat16().to(device())
    y = torch.full((many, rows), float("nan"), dtype=torch.bfloat16, device=device())
    played.launch(f"rows_{kind}", (2, 1), [codes, scales, rows, columns, x, y, many])
    assert off(y, x.double() @ exact.T) < 0.003  # bfloat16 of the answer alone: 2^-9 at most


def evened(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x.double() * (x.double().square().mean() + eps) ** -0.5 * gain.double()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [128, 256])
def test_a_matrix_in_parts_of_its_columns(played: Kernels, kind: str, threads: int) -> None:
    rows, columns, parts = 64, 896, 3
    codes, scales, exact = kept(kind, matrix(rows, columns, 2))
    x = (torch.randn(columns, generator=torch.Generator().manual_seed(3)) * 3).bfloat16().to(device())
    part = torch.full((parts, rows), float("nan"), device=device())
    played.launch(f"parted_{kind}", (rows // 16, parts), [codes, scales, rows, columns, x, part], 2 * columns, threads)
    assert off(part.sum(0), exact @ x.double()) < 1e-5
    groups = columns // 128
    low, high = groups // 3 * 128, groups * 2 // 3 * 128
    assert off(part[1], exact[:, low:high] @ x[low:high].double()) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["settled", "settled_wide", "gated", "gated_wide"])
@pytest.mark.parametrize(("begun", "threads"), [(False, 256), (True, 128)])
def test_the_residual_stream_goes_on_before_a_matrix(played: Kernels, kind: str, what: str, begun: bool, threads: int) -> None:
    """By what a matrix gave in three parts; at the beginning of a token by nothing."""
    rows, columns, parts, eps = 96, 384, 3, 1e-6
    codes, scales, exact = kept(kind, matrix(rows, columns, 2))
    draw = torch.Generator().manual_seed(3)
    x = (torch.randn(columns, generator=draw) * 5).bfloat16().to(device())
    given = torch.randn(parts, columns, generator=draw).to(device())
    gains = [(torch.randn(columns, generator=draw) / 4).bfloat16().to(device()) for _ in range(2)]
    then = torch.zeros(columns, dtype=torch.bfloat16, device=device())
    gated = what.startswith("gated")
    y = torch.full(
        (rows // 2 if gated else rows,), float("nan"), dtype=torch.bfloat16 if gated else torch.float32, device=device()
    )
    added = (None, 1, None) if begun else (given, parts, gains[0])
    arguments = [codes, scales, rows, columns, x, *added, gains[1], then, y, eps]
    played.launch(f"{what}_{kind}", (2, 1), arguments, 2 * columns, threads)
    one, other = (1 + gain.double() for gain in gains)
    stream = x.double() if begun else x.double() + evened(given.double().sum(0), one, eps)
    assert off(then, stream) < 0.004
    want = exact @ evened(stream, other, eps)
    if gated:
        want = functional.gelu(want[: rows // 2], approximate="tanh") * want[rows // 2 :]
    assert off(y, want) < (0.015 if gated else 0.006)  # the stream, its norm and both halves are rounded to 2^-9


@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize(
    ("at", "places", "windowed"), [(0, 300, 0), (9, 300, 0), (257, 300, 0), (80, 300, 0), (5, 32, 1), (31, 32, 1), (77, 32, 1)]
)
def test_attention_over_a_cache(played: Kernels, width: int, at: int, places: int, windowed: int) -> None:
    """The new key and value lie in their slot, and the answer is softmax(q·k · scale)·v over all that is filled."""
    heads, sharing, splits, eps, scale = 2, 2, 3, 1e-6, width**-0.5
    draw = torch.Generator().manual_seed(at)
    given = torch.randn((heads * sharing + 2 * heads) * width, generator=draw).to(device())
    qkv = given.bfloat16()
    gains = (1 + torch.randn(heads * sharing + heads, width, generator=draw) / 4).to(device())
    angles = torch.randn(2, width // 2, generator=draw)
    turns = torch.stack([angles.cos(), angles.sin()], 1).bfloat16().float().contiguous().to(device())
    filled, slot = min(at + 1, places), at % places
    keys, values = (torch.full((heads, places, width), float("nan"), dtype=torch.bfloat16, device=device()) for _ in range(2))
    old = torch.randn(2, heads, filled, width, generator=draw).bfloat16().to(device())
    keys[:, :filled], values[:, :filled] = old
    part = torch.zeros(heads * sharing * splits * (width + 2), device=device())
    done = torch.zeros(heads, dtype=torch.int32, device=device())
    seen = torch.zeros(heads * sharing * width, dtype=torch.bfloat16, device=device())
    position = torch.tensor([at], device=device())
    arguments = [given, gains, turns, keys, values, position, places, windowed, eps, scale, part, done, seen]
    for _ in range(2):  # as good the second time: nothing is left behind
        played.launch(f"attend_{width}_{sharing}", (heads, splits), arguments)
    parts = qkv.view(-1, width).double()
    turning = parts[: heads * sharing + heads]
    even = turning * (turning.square().mean(-1, keepdim=True) + eps) ** -0.5 * gains.double()
    cosine, sine = turns[windowed].double()
    low, high = even.chunk(2, -1)
    turned = torch.cat([low * cosine - high * sine, high * cosine + low * sine], -1)
    want_keys, want_values = old.double()
    want_keys[:, slot], want_values[:, slot] = turned[heads * sharing :], parts[heads * sharing + heads :]
    assert off(keys[:, :filled], want_keys) < 0.005
    assert torch.equal(values[:, :filled].double(), want_values)
    queries = turned[: heads * sharing].view(heads, sharing, width)
    want = (queries @ want_keys.transpose(1, 2) * scale).softmax(-1) @ want_values
    assert off(seen, want.flatten()) < 0.012
    assert not done.any()


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_many_rows_are_as_few(played: Kernels, kind: str) -> None:
    codes, scales, exact = kept(kind, matrix(48, 256, 4))
    assert scales is not None
    linear = CardLinear(kind, codes, scales, played)
    x = torch.randn(2, 10, 256, generator=torch.Generator().manual_seed(5)).bfloat16().to(device())
    assert off(linear(x), x.double() @ exact.T) < 0.006  # int4 is rounded to bfloat16 here
    assert off(linear(x[0, :3]), x[0, :3].double() @ exact.T) < 0.003
    plain = torch.cat([linear.plain(0, 20), linear.plain(20, 48)])
    scale = scales[:, None] if kind == "int8" else 1
    assert off(plain.double() * scale, exact) < 0.003


def model(**more: object) -> Decoder:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=272, hidden_size=256, intermediate_size=384, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=64, query_pre_attn_scalar=64, sliding_window=16, sliding_window_pattern=3, max_position_embeddings=512,
        pad_token_id=0, eos_token_id=1, bos_token_id=2, **more,
    )  # fmt: skip
    made = Gemma3ForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            weight.normal_(0, weight.shape[-1] ** -0.5 if weight.ndim > 1 else 0.2)
            if "embed" in name:
                weight.mul_(0.5)
    return Decoder(made.bfloat16().to(device()))


def quantised(decoder: Decoder, kind: str, played: Kernels) -> None:
    for layer in decoder.layers:
        for name in ("qkv", "out", "gate_up", "down"):
            codes, scales, _ = kept(kind, getattr(layer, name).weight.detach())
            if scales is not None:
                setattr(layer, name, CardLinear(kind, codes, scales, played))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_the_decoders_own(played: Kernels, kind: str) -> None:
    """Pictures and words read in pieces, then tokens, over the end of the sliding window: logits and cache next to torch's."""
    ours, theirs = model(), model()
    for one in (ours, theirs):
        quantised(one, kind, played)
    ours.fused_read, step = FusedRead(ours, played), FusedStep(ours, played)
    ids = torch.randint(3, 272, (30,), generator=torch.Generator().manual_seed(6))
    blocks = torch.full((30,), -1)
    blocks[4:9], blocks[20:25] = 0, 1
    seen = torch.randn(5, 256, generator=torch.Generator().manual_seed(7)).to(device())
    with torch.inference_mode():
        caches = ours.cache(60), theirs.cache(60)
        got, want = (
            read(one, Prompt(ids, blocks), lambda number: seen * (1 + number), cache, NEVER, 12)
            for one, cache in zip((ours, theirs), caches, strict=True)
        )
        assert off(got, want) < 0.02
        for token in (100, 101, 102):
            at = torch.tensor([caches[0].length], device=device())
            got = step(torch.tensor([token], device=device()), at, caches[0])
            caches[0].advance(1)
            assert off(got, theirs.logits(theirs.step(token, caches[1], NEVER))) < 0.02
    one, other = (cache.keys + cache.values for cache in caches)
    for mine, its in zip(one, other, strict=True):
        assert off(mine, its) < 0.02


def test_kernels_that_do_not_agree_are_not_used(played: Kernels) -> None:
    decoder = model()
    assert checked.prepare(decoder, played) == ""
    assert isinstance(decoder.fused_step, FusedStep)
    assert isinstance(decoder.fused_read, FusedRead)

    class Wrong:
        blocks = played.blocks

        def launch(self, name: str, *more: Any) -> None:
            played.launch(name, *more)
            if name.startswith("attend"):
                more[1][-1].mul_(-1)

    decoder = model()
    assert re.fullmatch(r"our own kernels for this card are not used \(their answer was off by \d+%\): slower",
                        checked.prepare(decoder, Wrong()))  # fmt: skip
    assert decoder.fused_step is None
    assert checked.prepare(model(), NoKernels("there is no driver")) == (
        "our own kernels for this card are not used (there is no driver): slower"
    )
    assert torch.cuda.is_available() or checked.prepare(model()) == ""


def test_what_our_kernels_are_not_for(played: Kernels) -> None:
    with pytest.raises(NoKernels, match="heads of 64, 2 to a key"):
        FusedStep(model().float(), played)
    decoder = model()
    decoder.layers[1].down = quantize.made_of(
        quantize.codes_of(decoder.layers[1].down.weight.detach().cpu(), "int8"), torch.zeros(9)
    )
    with pytest.raises(NoKernels, match="not in a form"):
        FusedStep(decoder, played)
    assert isinstance(kernels.of(torch.device("cpu")), NoKernels)


def test_machine_code_is_kept_and_made_anew_where_it_is_damaged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def compiled(source: str, architecture: str) -> bytes:
        made.append(architecture)
        return f"code for {architecture}\n".encode() * 3

    monkeypatch.setattr(kernels, "compiled", compiled)
    first = kernels._kept_or_made("sm_90")
    assert kernels._kept_or_made("sm_90") == first
    assert kernels._kept_or_made("sm_80") != first
    assert made == ["sm_90", "sm_80"]
    for path in places.cache().rglob("*.cubin"):
        path.write_bytes(path.read_bytes()[:-1])
    assert kernels._kept_or_made("sm_90") == first
    assert made == ["sm_90", "sm_80", "sm_90"]
