"""Quantised layers against the formulas written out in NumPy, and what a layer falls back to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from inference import quantize
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


def test_int4_codes_stand_for_the_weights_within_half_a_step() -> None:
    weight = random(32, 256)
    codes, scale_zero = quantize.int4_codes(weight, 64)
    scale, zero = (scale_zero[..., i].float().numpy().T for i in (0, 1))  # [N, K / G]
    grouped = codes.numpy().reshape(32, 4, 64)
    assert grouped.min() == 0
    assert grouped.max() == 15
    meant = (grouped - 8) * scale[..., None] + zero[..., None]
    assert np.array_equal(quantize.int4_weight(codes, scale_zero, 64).numpy(), meant.reshape(32, 256).astype(np.float32))
    off = np.abs(meant - weight.numpy().reshape(32, 4, 64))
    assert (off <= 0.52 * scale[..., None] + 0.01 * np.abs(zero[..., None])).all()  # bfloat16 rounds scale and zero


@pytest.mark.parametrize("rows", [1, 16, 17, 300])
def test_int8_layer_multiplies_by_what_its_codes_stand_for(rows: int) -> None:
    weight, x = random(1200, 128), random(rows, 128)
    layer = quantize.Int8Linear(weight, torch.empty(quantize.TILE * 128))
    codes, scale = quantize.int8_codes(weight)
    want = x.double().numpy() @ (codes.double().numpy() * scale.double().numpy()[:, None]).T
    assert np.abs(layer(x).numpy() - want).max() <= (0.01 if rows <= 16 else 1e-5) * np.abs(want).max()


@pytest.mark.parametrize("fast", [True, False])
def test_int8_layer_reads_a_prompt_in_its_own_format(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "_fast_bfloat16", lambda: fast)
    weight, x = random(1200, 128), random(60, 128).bfloat16()
    layer = quantize.Int8Linear(weight, torch.empty(quantize.TILE * 128))
    want = x.double().numpy() @ layer.weight().double().numpy().T
    got = layer(x)
    assert got.dtype == torch.bfloat16
    assert np.abs(got.double().numpy() - want).max() <= 0.01 * np.abs(want).max()


@pytest.mark.parametrize("rows", [1, 40])
def test_int4_layer_multiplies_by_what_its_codes_stand_for(rows: int) -> None:
    weight, x = random(64, 256), random(rows, 256)
    layer = quantize.Int4Linear(weight, 128)
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
