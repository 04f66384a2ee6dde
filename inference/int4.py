"""The sixteen levels of a group of weights: chosen so that the sum of squared errors is least.

From least to greatest is a poor choice where weights have heavy tails. Here the ends are drawn in step by step, each time scale
and zero follow from the codes by least squares, and the best of all is kept, group by group. On normal, Laplace and Student
distributed weights its error, of the weights and of the products, is below that of half-quadratic quantisation (Badri and
Shaji 2023), which moves the zero alone. Nothing but the weights is needed.
"""

from __future__ import annotations

import torch
from torch import Tensor

ENDS = (1.0, 0.95, 0.9, 0.8)
"""Shares of a group's span that are tried."""
LEAST = 1e-6


def fitted(groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """float32 [..., G] → codes 0..15 [..., G] as float32, scale and zero bfloat16 [...]: weight = (code - 8) · scale + zero, with
    the rounding of scale and zero to bfloat16 in the reckoning."""
    low, high = groups.amin(-1), groups.amax(-1)
    middle, half = (low + high) / 2, (high - low) / 2
    mean = groups.mean(-1, keepdim=True)
    away = groups - mean
    best: tuple[Tensor, Tensor, Tensor] | None = None
    least = torch.empty(0)
    for share in ENDS:
        scale = _kept((2 * half * share / 15).clamp_min(LEAST))
        zero = _kept(middle - half * share + 8 * scale)
        for _ in range(2):
            codes = ((groups - zero[..., None]) / scale[..., None] + 8).round_().clamp_(0, 15)
            error = torch.addcmul(zero[..., None] - groups, codes - 8, scale[..., None]).square_().sum(-1)
            if best is None:
                best, least = (codes.clone(), scale, zero), error
            else:
                better = error < least
                least = torch.where(better, error, least)
                best = (
                    torch.where(better[..., None], codes, best[0]),
                    torch.where(better, scale, best[1]),
                    torch.where(better, zero, best[2]),
                )
            scale, zero = _least_squares(away, mean, codes, scale)
    assert best is not None  # ENDS is not empty
    return best[0], best[1].bfloat16(), best[2].bfloat16()


def _least_squares(away: Tensor, mean: Tensor, codes: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and zero that fit the codes best; the scale stays where all codes are one."""
    steps = codes - 8
    centre = steps.mean(-1, keepdim=True)
    steps = steps - centre
    spread = steps.square().sum(-1)
    found = torch.where(spread > 0, (steps * away).sum(-1) / spread.clamp_min(LEAST), scale).clamp_min(LEAST)
    found = _kept(found)
    return found, _kept(mean[..., 0] - found * centre[..., 0])


def _kept(values: Tensor) -> Tensor:
    """As bfloat16 keeps them."""
    return values.bfloat16().float()
