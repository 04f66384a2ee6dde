"""An adapter put into the weights of its base: W + scale · B · A (arXiv 2106.09685), in float32, then in the base's format."""

from __future__ import annotations

import torch
from safetensors import safe_open
from torch import Tensor, nn

from inference.adapters.folder import Adapter
from inference.errors import ModelRefused

PREFIX = "base_model.model."
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def merge(model: nn.Module, adapter: Adapter) -> tuple[str, ...]:
    """Before anything joins or quantises the weights; the names of the linears that have others now.

    Memory that a weight lay in is left as it was, whoever shares it. Raises ModelRefused for an adapter that does not fit.
    """
    linears = {name: one for name, one in model.named_modules() if isinstance(one, nn.Linear)}
    with safe_open(adapter.weights, framework="pt") as file:
        names = set(file.keys())
        modules = {name.removesuffix(DOWN).removesuffix(UP) for name in names}
        for module in sorted(modules):
            linear = linears.get(module.removeprefix(PREFIX))
            if linear is None or not {module + DOWN, module + UP} <= names:
                raise ModelRefused(f"{adapter.weights} holds {module}, which is no layer of {adapter.base}; teach it again")
            changed = _merged(linear.weight, file.get_tensor(module + DOWN), file.get_tensor(module + UP), adapter)
            linear.weight.data = changed.to(linear.weight.dtype)
    return tuple(sorted(module.removeprefix(PREFIX) for module in modules))


def _merged(weight: Tensor, down: Tensor, up: Tensor, adapter: Adapter) -> Tensor:
    """[N, K] of [N, K], A [rank, K] and B [N, rank]."""
    if (up.shape[0], down.shape[1]) != tuple(weight.shape) or up.shape[1] != down.shape[0]:
        raise ModelRefused(f"{adapter.weights} does not fit the shape of {adapter.base}; teach it again")
    change = adapter.scale * (up.float() @ down.float()).to(weight.device)
    if not bool(torch.isfinite(change).all()):
        raise ModelRefused(f"{adapter.weights} holds NaN or infinity; teach it again with a smaller rate")
    return weight.float() + change
