"""Linears of a bfloat16 decoder in the order of numbers that the processor's own library wants, arranged once.

oneDNN rearranges a weight at every call that finds it plain; for one row, a token, that is a third to a half of the time. The
products are the same to the last bit, the memory too. Float32, cards and builds of torch without oneDNN keep plain weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor, nn

ROWS = 1
"""For which the order is chosen: a token. Longer inputs are no slower by it."""
FEWEST, LARGE = 4, 1 << 21
"""Rows that a weight of at least so many numbers is multiplied with. With one alone a processor waits for its own sums: a token
of the 4B's width takes a third longer."""


class PackedLinear(nn.Module):
    """x [..., K] → [..., N] in bfloat16, as the nn.Linear it was made of."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self.product = torch.ops.mkldnn._linear_pointwise.default
        self.ordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self._fewest = FEWEST if linear.weight.numel() >= LARGE and not _tiles() else 1

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1 < self._fewest and x.ndim == 2:
            several: Tensor = self.product(x.expand(self._fewest, -1).contiguous(), self.ordered, self.bias, "none", [], "")
            return several[:1]
        found: Tensor = self.product(x, self.ordered, self.bias, "none", [], "")
        return found


def apply(layers: Iterable[nn.Module]) -> int:
    """Replace the bfloat16 linears of a decoder's layers that lie on the CPU; how many were."""
    done = 0
    for layer in layers:
        for parent in [*layer.modules()]:
            for name, child in [*parent.named_children()]:
                if isinstance(child, nn.Linear) and _can(child.weight):
                    setattr(parent, name, PackedLinear(child))
                    done += 1
    return done


@cache
def _tiles() -> bool:
    """Whether this processor multiplies tiles (AMX), which have several rows in any case."""
    return bool(torch.cpu.get_capabilities().get("amx_tile"))


def _can(weight: Tensor) -> bool:
    """Whether this build arranges such a weight."""
    if weight.dtype != torch.bfloat16 or weight.device.type != "cpu" or not torch._C._has_mkldnn:
        return False
    return hasattr(torch.ops.mkldnn, "_reorder_linear_weight") and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
