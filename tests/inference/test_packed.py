"""Weights in the library's own order give the very products of plain ones."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn
from torch.nn import functional

from inference import packed, quantize
from inference.decoder import Decoder
from tests.bench.medgemma import by_us, model_of

SHAPE = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "head_dim": 32, "query_pre_attn_scalar": 32}
pytestmark = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor's library has no bfloat16 of its own"
)


@pytest.mark.parametrize("rows", [1, 2, 17, 600])
@pytest.mark.parametrize("bias", [False, True])
def test_the_products_are_those_of_a_linear(rows: int, bias: bool) -> None:
    """Against the sum in float64: as near as torch's own, within one rounding to bfloat16."""
    torch.manual_seed(rows)
    linear = nn.Linear(320, 72, bias=bias).bfloat16()
    x = torch.randn(rows, 320).bfloat16()
    with torch.inference_mode():
        got = packed.PackedLinear(linear)(x).double()
        exact = functional.linear(x.double(), linear.weight.double(), linear.bias.double() if bias else None)
    assert torch.allclose(got, exact, rtol=2**-7, atol=2**-7)


@pytest.mark.parametrize("tiles", [False, True])
def test_one_row_of_a_large_weight_is_that_of_a_linear(tiles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is multiplied alone or beside copies of itself; one that is NaN stays NaN."""
    monkeypatch.setattr(packed, "_tiles", lambda: tiles)
    torch.manual_seed(3)
    linear = nn.Linear(2048, 1024, bias=True).bfloat16()
    assert linear.weight.numel() == packed.LARGE
    x = torch.randn(1, 2048).bfloat16()
    with torch.inference_mode():
        layer = packed.PackedLinear(linear)
        got = layer(x)
        exact = functional.linear(x.double(), linear.weight.double(), linear.bias.double() if linear.bias is not None else None)
        assert got.shape == (1, 1024)
        assert torch.allclose(got.double(), exact, rtol=2**-7, atol=2**-6)
        assert layer(x.index_fill(1, torch.tensor([5]), torch.nan)).isnan().all()


def test_a_decoder_writes_the_same_text() -> None:
    ids = torch.randint(10, 8000, (80,), generator=torch.Generator().manual_seed(1))
    plain, ordered = (Decoder(model_of(SHAPE, torch.bfloat16)) for _ in range(2))
    assert packed.apply(ordered.layers) == 16
    with torch.inference_mode():
        assert by_us(ordered, ids, 40) == by_us(plain, ids, 40)


def test_quantised_and_float32_linears_stay_as_they_are() -> None:
    exact = Decoder(model_of(SHAPE, torch.float32))
    assert packed.apply(exact.layers) == 0
    light = Decoder(model_of(SHAPE, torch.bfloat16))
    quantize.apply(light.layers, "int8", torch.device("cpu"))
    assert packed.apply(light.layers) == 0


def test_it_stops_where_a_plain_one_does() -> None:
    from inference.errors import Cancelled

    decoder, cancel = Decoder(model_of(SHAPE, torch.bfloat16)), threading.Event()
    packed.apply(decoder.layers)
    cancel.set()
    with pytest.raises(Cancelled), torch.inference_mode():
        decoder.step(5, decoder.cache(8), cancel)
