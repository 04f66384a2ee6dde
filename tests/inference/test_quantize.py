"""Quantised layers against the formulas written out in NumPy, and what a layer falls back to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from inference import int8, quantize
from inference.errors import ModelRefused


def random(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows * columns))


def test_int8_codes_are_round_to_nearest_of_a_row_scale() -> None:
    weight = random(48, 96)
    codes, scale = quantize.int8_codes(weight)
    exact = weight.numpy()
    step = np.abs(exact).max(axis=1) / np.float32(127)
    assert np.array_equal(scale.numpy(), step)
    assert np.array_equal(codes.numpy(), np.rint(exact / step[:, None]).astype(np.int8))


def test_int4_codes_scale_and_zero_stand_for_weights_in_the_stated_order() -> None:
    weight = random(32, 256)
    codes, scale_zero = quantize.int4_codes(weight, 64)
    scale, zero = (scale_zero[..., i].float().numpy().T for i in (0, 1))  # [N, K / G]
    grouped = codes.numpy().reshape(32, 4, 64)
    meant = (grouped - 8) * scale[..., None] + zero[..., None]
    assert np.array_equal(quantize.int4_weight(codes, scale_zero, 64).numpy(), meant.reshape(32, 256).astype(np.float32))
    nearest = np.clip(np.rint((weight.numpy().reshape(32, 4, 64) - zero[..., None]) / scale[..., None]) + 8, 0, 15)
    assert np.array_equal(grouped, nearest)


def least_to_greatest(groups: torch.Tensor) -> torch.Tensor:
    """What weights of a group become between its least and its greatest, to nearest."""
    low, high = groups.amin(-1, keepdim=True).bfloat16().float(), groups.amax(-1, keepdim=True)
    step = ((high - low) / 15).clamp_min(1e-6).bfloat16().float()
    return ((groups - low) / step).round().clamp(0, 15) * step + low


def half_quadratic(groups: torch.Tensor) -> torch.Tensor:
    """Badri and Shaji 2023, p = 0.7: the zero moves so that what is left after shrinking the error is least; 20 rounds."""
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    step = ((high - low) / 15).clamp_min(1e-6).bfloat16().float()
    zero, beta, best, kept = -low / step, 10.0, torch.inf, groups
    for _ in range(20):
        codes = (groups / step + zero).round().clamp(0, 15)
        meant = (codes - 8) * step + ((8 - zero) * step).bfloat16().float()
        error = float((groups - meant).abs().pow(0.7).mean())
        if error >= best:
            break
        best, kept = error, meant
        off = (groups - meant) / step
        shrunk = off.sign() * torch.relu(off.abs() - off.abs().clamp_min(1e-8) ** -0.3 / beta)
        zero = (codes - (groups / step - shrunk)).mean(-1, keepdim=True)
        beta *= 1.01
    return kept


@pytest.mark.parametrize("tails", ["normal", "laplace", "student"])
@pytest.mark.parametrize("group", [32, 128])
def test_int4_errs_less_than_half_quadratic_quantisation(tails: str, group: int) -> None:
    """In the weights and in their products with random inputs; scale and zero are bfloat16 for all, as the kernels want them."""
    torch.manual_seed(group)
    weight = {
        "normal": torch.randn(256, 1024),
        "laplace": torch.distributions.Laplace(0.0, 1.0).sample((256, 1024)),
        "student": torch.distributions.StudentT(3.0).sample((256, 1024)),
    }[tails]
    x, groups = torch.randn(64, 1024), weight.reshape(256, -1, group)
    ours = quantize.int4_weight(*quantize.int4_codes(weight, group), group)
    theirs, plain = (made(groups).reshape(256, 1024) for made in (half_quadratic, least_to_greatest))
    for measure in (lambda one: one - weight, lambda one: x @ (one - weight).T):
        errors = [float(measure(one).norm()) for one in (ours, theirs, plain)]
        assert errors[0] < errors[1]
        assert errors[0] < 0.97 * errors[2]


def test_int4_of_groups_without_a_span() -> None:
    """All weights one number, or nought: within bfloat16's rounding of it."""
    weight = torch.tensor([[0.0] * 64, [3.14159] * 64, [-1e-3] * 64])
    found = quantize.int4_weight(*quantize.int4_codes(weight, 32), 32)
    assert torch.allclose(found, weight, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 16, 17, 300])
def test_int8_layer_multiplies_by_what_its_codes_stand_for(rows: int) -> None:
    weight, x = random(1200, 128), random(rows, 128)
    layer = quantize.Int8Linear(*quantize.int8_codes(weight), torch.empty(quantize.TILE * 128))
    codes, scale = quantize.int8_codes(weight)
    want = x.double().numpy() @ (codes.double().numpy() * scale.double().numpy()[:, None]).T
    assert np.abs(layer(x).numpy() - want).max() <= (0.01 if rows <= 16 else 1e-5) * np.abs(want).max()


@pytest.mark.parametrize("fast", [True, False])
def test_int8_layer_reads_a_prompt_in_its_own_format(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "_fast_bfloat16", lambda: fast)
    weight, x = random(1200, 128), random(60, 128).bfloat16()
    layer = quantize.Int8Linear(*quantize.int8_codes(weight), torch.empty(quantize.TILE * 128))
    codes, scale = quantize.int8_codes(weight)
    want = x.double().numpy() @ (codes.double().numpy() * scale.double().numpy()[:, None]).T
    got = layer(x)
    assert got.dtype == torch.bfloat16
    assert np.abs(got.double().numpy() - want).max() <= 0.01 * np.abs(want).max()


@pytest.fixture
def large() -> tuple[torch.Tensor, torch.Tensor]:
    codes, scale = quantize.int8_codes(random(6144, 1024))
    if not int8.can(codes):
        pytest.skip("needs a processor that multiplies bytes (VNNI)")
    return codes, scale


@pytest.mark.parametrize("rows", [1, 8, 9, 300])
def test_large_int8_layers_lose_a_65024th_of_a_rows_greatest_and_no_more(
    large: tuple[torch.Tensor, torch.Tensor], rows: int
) -> None:
    codes, scale = large
    x = random(rows, 1024)
    x[:, 7] = 40.0  # the few large numbers that a language model's rows have
    layer = quantize.made_of({"q": codes, "scale": scale}, quantize.scratch_for(1024))
    assert isinstance(layer, int8.BytesLinear)
    exact = codes.double().numpy() * scale.double().numpy()[:, None]
    got, want = layer(x).double().numpy(), x.double().numpy() @ exact.T
    half_a_step = x.abs().amax(1).double().numpy()[:, None] / 65024
    assert (np.abs(got - want) <= half_a_step * np.abs(exact).sum(1) * 1.001 + 1e-5 * np.abs(want).max()).all()
    narrow = layer(x.bfloat16()).double().numpy()
    want = x.bfloat16().double().numpy() @ exact.T
    assert np.abs(narrow - want).max() <= 2.0**-8 * np.abs(want).max()


def test_rows_of_large_int8_layers_do_not_know_of_each_other(large: tuple[torch.Tensor, torch.Tensor]) -> None:
    layer = int8.BytesLinear(*large)
    x = random(140, 1024).bfloat16()
    x[3], x[5, 0], x[6, 1] = 0.0, torch.nan, torch.inf
    found = layer(x[None])[0]
    assert torch.equal(found[3], torch.zeros(6144, dtype=torch.bfloat16))
    assert found[5:7].isfinite().sum() == 0
    alone = torch.cat([layer(row[None]) for row in x])
    assert torch.equal(found[[*range(5), *range(7, 140)]], alone[[*range(5), *range(7, 140)]])


@pytest.mark.parametrize("rows", [1, 40])
def test_int4_layer_multiplies_by_what_its_codes_stand_for(rows: int) -> None:
    weight, x = random(64, 256), random(rows, 256)
    layer = quantize.Int4Linear(*quantize.int4_codes(weight, 128), 128)
    meant = quantize.int4_weight(*quantize.int4_codes(weight, 128), 128)
    want = x.double().numpy() @ meant.double().numpy().T
    assert np.abs(layer(x).numpy() - want).max() <= 0.01 * np.abs(want).max()


class Block(nn.Module):
    def __init__(self, columns: int) -> None:
        super().__init__()
        self.mlp = nn.Linear(columns, 64, bias=columns == 96)


class Toy(nn.Module):
    """The shape of a Gemma 3: model.language_model.layers, and a tower that must stay."""

    def __init__(self, *columns: int) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.language_model = nn.Module()
        self.model.language_model.layers = nn.ModuleList(Block(one) for one in columns)
        self.model.vision_tower = nn.Linear(96, 96)


def test_only_the_decoder_is_quantised_and_a_bias_is_kept() -> None:
    toy = Toy(96, 64)
    block = toy.model.language_model.layers[0]
    x = random(3, 96)
    before = block.mlp(x)
    assert quantize.apply(toy.model.language_model.layers, "int8", torch.device("cpu")) == "int8"
    assert isinstance(toy.model.vision_tower, nn.Linear)
    assert isinstance(toy.model.language_model.layers[1].mlp, quantize.Int8Linear)
    assert (block.mlp(x) - before).abs().max() < 0.03 * before.abs().max()


def test_a_shape_that_int4_cannot_do_falls_back_and_says_so() -> None:
    toy = Toy(64, 80)
    words = quantize.apply(toy.model.language_model.layers, "int4", torch.device("cpu"))
    assert isinstance(toy.model.language_model.layers[0].mlp, quantize.Int4Linear)
    assert not isinstance(toy.model.language_model.layers[1].mlp, quantize.Int4Linear)
    assert words.startswith("int4; 1 of 2 linears ")
    assert "80 columns do not divide" in words


def test_none_changes_nothing_and_another_word_is_refused() -> None:
    toy = Toy(64)
    assert quantize.apply(toy.model.language_model.layers, "none", torch.device("cpu")) == "none"
    assert isinstance(toy.model.language_model.layers[0].mlp, nn.Linear)
    with pytest.raises(ModelRefused, match="int2"):
        quantize.apply(toy.model.language_model.layers, "int2", torch.device("cpu"))
