"""NF4 of the published QLoRA (arXiv 2305.14314 §3) for the decoder's linears, by bitsandbytes where that is installed.

A weight is the nearest of 16 quantiles of the normal distribution, times the greatest of its block of 64; those greatest ones are
8-bit numbers themselves. On a CPU bitsandbytes rearranges the weights for good as soon as they are multiplied with, and what it
would save afterwards is garbage: they are made anew at every load, and a layer refuses to be saved.
"""

from __future__ import annotations

import importlib
import logging
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn


def linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
    """x [..., K] → [..., N], activations in bfloat16, of a weight [N, K] on the device it lies on. Raises what bitsandbytes
    raises for a shape that its kernel cannot do, some of it at the first call only."""
    library = _library()
    made = library.Linear4bit(
        weight.shape[1], weight.shape[0], bias is not None, compute_dtype=torch.bfloat16, quant_type="nf4", device="meta"
    )  # fmt: skip
    plain = library.Params4bit(weight.detach().contiguous(), requires_grad=False, quant_type="nf4", module=made)
    made.weight = plain.to(weight.device)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().to(weight.device), requires_grad=False)
    made.register_state_dict_pre_hook(_refuse)
    layer: nn.Module = made.eval()
    return layer


def weight(layer: Any) -> Tensor:
    """The weights that the codes of a layer stand for, float32 [N, K]. Of one that was not called yet."""
    functional = importlib.import_module("bitsandbytes.functional")
    found: Tensor = functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return found.float()


def words() -> str:
    """For a receipt."""
    return f"nf4 (bitsandbytes {version('bitsandbytes')})"


def _library() -> Any:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it misses kernels of the hub, which are not wanted
    return importlib.import_module("bitsandbytes.nn")


def _refuse(*_: object) -> None:
    raise RuntimeError("layers in nf4 are never saved: quantise the published weights again")
