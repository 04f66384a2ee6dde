"""Quantised linears on an NVIDIA card: few rows by our own kernels, straight from the codes; many by torch, from plain weights
that are made of the codes part by part.

What torch itself has for one row (2.11, on an H200) reads int8 at a twentieth of our pace, 0.1 TB/s; int4 as quickly, in an order
of its own, where ours are read as they lie on disk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.cuda.kernels import Argument, Kernels
from inference.fitting import PLAIN

FEW_ROWS = 8
"""Up to here a matrix is read once by our kernel whatever the rows."""
GROUP = 128
"""Columns that share a scale in int4, and of which every matrix has a multiple."""
PART = PLAIN // 2
"""Weights that are made plain at once, all of any matrix of the 4B."""


class CardLinear(nn.Module):
    """x [..., K] → [..., N] in the format of x. `kind` "int8": codes int8 [N, K], scales float32 [N]; "int4": codes uint8
    [N, K / 2], the even column in the upper half, scales bfloat16 [K / 128, N, 2] (scale, zero)."""

    codes: Tensor
    scales: Tensor

    def __init__(self, kind: str, codes: Tensor, scales: Tensor, kernels: Kernels) -> None:
        super().__init__()
        self.kind, self.kernels = kind, kernels
        self.out_features, self.in_features = codes.shape[0], codes.shape[1] * (2 if kind == "int4" else 1)
        self.register_buffer("codes", codes.contiguous())
        self.register_buffer("scales", scales.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features).bfloat16().contiguous()
        found = self._few(rows) if len(rows) <= FEW_ROWS else self._many(rows)
        return found.to(x.dtype).view(*x.shape[:-1], self.out_features)

    def _few(self, rows: Tensor) -> Tensor:
        y = torch.empty(len(rows), self.out_features, dtype=torch.bfloat16, device=rows.device)
        grid = -(-self.out_features // 16), 1
        arguments: list[Argument] = [self.codes, self.scales, self.out_features, self.in_features, rows, y, len(rows)]
        self.kernels.launch(f"rows_{self.kind}", grid, arguments)
        return y

    def _many(self, rows: Tensor) -> Tensor:
        count = max(1, PART // self.in_features // 64) * 64  # torch's products want output rows of whole blocks
        parts = [self._part(rows, start, min(start + count, self.out_features)) for start in range(0, self.out_features, count)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def _part(self, rows: Tensor, start: int, end: int) -> Tensor:
        found = rows @ self.plain(start, end).T
        return found.mul_(self.scales[start:end]) if self.kind == "int8" else found

    def plain(self, start: int, end: int) -> Tensor:
        """Rows from `start` to `end` in bfloat16; of int8 the codes alone, which bfloat16 holds exactly."""
        plain = torch.empty(end - start, self.in_features, dtype=torch.bfloat16, device=self.codes.device)
        grid = 8 * self.kernels.blocks, 1
        if self.kind == "int8":
            self.kernels.launch("unpack_int8", grid, [self.codes[start:end], plain, plain.numel() // 4])
        else:
            arguments: list[Argument] = [self.codes, self.scales, plain, self.out_features, self.in_features, start, end - start]
            self.kernels.launch("unpack_int4", grid, arguments)
        return plain


def can(columns: int, group: int = GROUP) -> bool:
    """Whether a matrix of so many columns, in groups of so many, is one for our kernels."""
    return group == GROUP and columns % GROUP == 0
