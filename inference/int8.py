"""Linears in int8 on processors that multiply bytes themselves (VNNI, AMX), by oneDNN's kernels, which live in torch.

The weights stay what `inference.quantize` made of them: code · scale, one scale a row. Activations go in as numbers of 16 bits,
in steps of 1/32512 of the row's greatest: their upper and lower bytes are two rows of one product in whole numbers, which is
exact. So they lose less than in bfloat16, a row gives the same however many are beside it, and a weight is read once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST = 5 << 20
"""Weights of a linear from which it is faster than the kernel that wants no preparation."""
MOST_COLUMNS = 1 << 16
"""255 · 127 of each still fit into 32 bits."""
ROWS = 128
"""Rows of activations at once; sums of them in float32 stay small."""
FEWEST = 4
"""Rows of bytes at once: with two a processor waits for itself, and takes a quarter longer."""
SHIFT, STEP = torch.tensor([[32896.5]]), torch.tensor([[1 / 32512]])
"""32768 + 128 make both bytes positive, with their zeros at 128; the half rounds. 32512 = 127 · 256."""


def can(codes: Tensor) -> bool:
    """Whether codes int8 [N, K] are to be multiplied that way here."""
    known = getattr(torch.cpu, "_is_vnni_supported", None)
    return (
        codes.device.type == "cpu"
        and codes.numel() >= LEAST
        and codes.shape[1] <= MOST_COLUMNS
        and known is not None
        and bool(known())
        and hasattr(torch.ops.onednn, "qlinear_prepack")
    )


class BytesLinear(nn.Module):
    """x [..., K] → [..., N] in the format of x. Holds the codes once, in oneDNN's order."""

    def __init__(self, q: Tensor, scale: Tensor) -> None:
        """Codes int8 [N, K], scale float32 [N]."""
        super().__init__()
        self.out_features, self.in_features = q.shape
        self.product = torch.ops.onednn.qlinear_pointwise.default
        self.ordered: Tensor = torch.ops.onednn.qlinear_prepack(q, [2, self.in_features])
        self.scale, self.zero = scale.float(), torch.zeros(self.out_features, dtype=torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2 and len(x) <= ROWS:
            return self._product(x)
        rows = x.reshape(-1, self.in_features)
        found = self._product(rows) if len(rows) <= ROWS else torch.cat([self._product(part) for part in torch.split(rows, ROWS)])
        return found.view(*x.shape[:-1], self.out_features)

    def _product(self, rows: Tensor) -> Tensor:
        count = len(rows)
        step = rows.abs().amax(1, keepdim=True) * STEP  # NaN stays NaN; 0 gives rubbish times 0
        shifted = torch.addcdiv(SHIFT, rows.float(), step).to(torch.int32)
        two = torch.empty(max(2 * count, FEWEST), self.in_features, dtype=torch.uint8)
        two[:count].copy_(shifted)  # the lowest byte of each number; of rows beyond the second of these nothing is looked at
        two[count : 2 * count].copy_(shifted >> 8)
        sums = self.product(two, 1.0, 128, self.ordered, self.scale, self.zero, None, 1.0, 0, torch.float32, "none", [], "")
        found: Tensor = torch.add(sums[:count], sums[count : 2 * count], alpha=256).mul_(step)
        return found.to(rows.dtype)
