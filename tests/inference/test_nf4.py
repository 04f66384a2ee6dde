"""nf4: refused in a sentence where bitsandbytes is missing; with it, layers beside the published code, and never saved."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from inference import catalogue, fitting, ladder, measured, measuring, quantisations, quantised_files, quantize
from inference.answers import Draft
from inference.decoder import Decoder
from inference.engine import Engine, EngineSpec
from inference.errors import ModelRefused
from inference.medgemma import Drafter
from inference.questions import Decoding, FreeQuestion
from tests.inference import tiny

needs_it = pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
ASKED = FreeQuestion("left?", Decoding(4))
SENTENCE = r"nf4 needs bitsandbytes, which is not installed; install hilum\[qlora\], or choose int4"


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without bitsandbytes."""
    found: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "bitsandbytes" else found(name, *more))


@pytest.mark.usefixtures("missing")
def test_without_bitsandbytes_it_is_refused_before_anything_is_loaded(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("inference.gemma.load", never)
    assert not quantisations.available("nf4")
    assert all(quantisations.available(one) for one in quantisations.ALL if one != "nf4")
    with pytest.raises(ModelRefused, match=SENTENCE):
        Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, "nf4", "cpu", 1, "torch")).answer(ASKED, [tiny.picture()])
    with pytest.raises(ModelRefused, match=SENTENCE):
        measuring.measure(tiny.DRAFTER, "nf4", "cpu", [], lambda _: frozenset(), lambda _: None, threading.Event())
    with pytest.raises(ModelRefused, match=SENTENCE):
        quantize.apply([nn.Linear(64, 64)], "nf4", torch.device("cpu"))


def test_it_weighs_half_a_byte_and_a_scale_of_two_for_64_and_nothing_is_lighter() -> None:
    assert fitting._bytes(64, 128, "nf4", 2) == 64 * 128 // 2 + 64 * 128 // 64 * 2
    assert list(ladder.lower("nf4")) == []
    assert "nf4" not in ladder.lower("none")
    assert {*fitting.SHARES["cpu"]} == {*fitting.SHARES["cuda"]} == {quantisations.parts(one)[0] for one in quantisations.ALL}


def test_it_has_no_place_on_disk() -> None:
    with pytest.raises(ValueError, match="nf4 are not kept"):
        quantised_files.folder("m", "r", "", "nf4", torch.device("cpu"))


def nearest(weight: np.ndarray) -> np.ndarray:
    """arXiv 2305.14314 §3 and its authors' code: quantiles of N(0, 1), eight above nought, seven below, nought; blocks of 64."""
    above, below = (norm.ppf(np.linspace(0.9677083, 0.5, count)[:-1]) for count in (9, 8))
    table = np.concatenate([-below, [0.0], above])
    table /= np.abs(table).max()
    blocks = weight.reshape(-1, 64)
    scale = np.abs(blocks).max(1, keepdims=True)
    codes = np.abs((blocks / scale)[..., None] - table).argmin(-1)
    return np.asarray(table[codes] * scale).reshape(weight.shape)


@needs_it
@pytest.mark.parametrize("rows", [1, 40])
def test_a_layer_multiplies_by_the_published_code(rows: int) -> None:
    """The greatest of a block is a number of 8 bits itself, hence the 1 %; activations are bfloat16."""
    from inference import nf4

    torch.manual_seed(0)
    weight, bias, x = torch.randn(96, 256), torch.randn(96), torch.randn(rows, 256)
    want = nearest(weight.numpy())
    layer = nf4.linear(weight, bias)
    assert np.abs(nf4.weight(layer).numpy() - want).max() <= 0.02 * np.abs(want).max()
    product = x.numpy() @ want.T + bias.numpy()
    assert np.abs(layer(x).numpy() - product).max() <= 0.03 * np.abs(product).max()


@needs_it
def test_a_layer_is_never_saved_neither_before_nor_after_it_ran() -> None:
    from inference import nf4

    layer = nf4.linear(torch.randn(64, 128), None)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="never saved"):
            nn.Sequential(layer).state_dict()
        layer(torch.randn(1, 128))


@needs_it
def test_a_shape_that_it_cannot_do_falls_back_and_says_so() -> None:
    layers = [nn.Sequential(nn.Linear(128, 64, bias=False)), nn.Sequential(nn.Linear(80, 33, bias=False))]
    x = torch.randn(2, 80)
    before = layers[1](x)
    words = quantize.apply(layers, "nf4", torch.device("cpu"))
    assert words.startswith("nf4 (bitsandbytes ")
    assert (layers[1](x) - before).abs().max() < 0.2 * before.abs().max()
    if isinstance(layers[1][0], quantize.Int8Linear):
        assert "1 of 2 linears int8: " in words


@needs_it
def test_a_drafter_in_nf4_answers_alike_each_time_and_nothing_of_it_lies_on_disk(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantised_files, "WORTH", 1)
    texts = []
    for _ in range(2):
        engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, "nf4", "cpu", 1, "torch"))
        for _ in range(2):
            answer = engine.answer(ASKED, [tiny.picture()])
            assert isinstance(answer, Draft)
            texts.append(answer.text)
        assert answer.receipt.quantisation.startswith("nf4 (bitsandbytes ")
        assert answer.receipt.quantisation.endswith(measured.NOT_MEASURED)
        engine.close()
    assert len({*texts}) == 1
    assert not (models.parent / "quantised").exists()


@needs_it
def test_every_linear_of_a_drafter_holds_the_published_code(models: Path) -> None:
    full = Drafter(models / tiny.DRAFTER, catalogue.entry(tiny.DRAFTER), "cpu")
    light = Drafter(models / tiny.DRAFTER, catalogue.entry(tiny.DRAFTER), "cpu", "nf4")
    for one, other in zip(_linears(full.decoder), _linears(light.decoder), strict=True):
        x = torch.randn(3, one.weight.shape[1])
        want = x.numpy() @ nearest(one.weight.numpy()).T
        assert np.abs(other(x).detach().numpy() - want).max() <= 0.03 * np.abs(want).max()


def _linears(decoder: Decoder) -> list[nn.Module]:
    return [getattr(layer, name) for layer in decoder.layers for name in ("qkv", "out", "gate_up", "down")]
