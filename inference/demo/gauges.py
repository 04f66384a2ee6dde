"""What reads, in training only, whether the demonstration drafter knows what its pictures show: its loss is added to that of the
words, which alone would teach a picture too slowly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from inference.demo.chest import SLOTS
from inference.demo.further import LETTERS, SHOWN
from inference.demo.pages import ALPHABET
from inference.demo.sentences import TISSUES
from inference.demo.wholes import KNOWN

MEASURED = 10
"""Findings and organs whose amount and box the gauge reads."""


class Gauge(torch.nn.Module):
    """Reads what is known off the hidden state behind a picture; used in training only: half-way through the layers the amounts
    and boxes of the picture itself, one layer later the amounts of the picture before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, 5 * MEASURED))
        self.recall = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, len(SLOTS)))

    def loss(self, states: Sequence[Tensor], goal: Tensor) -> Tensor:
        """Mean distance to `goal` (pictures, 5 · measured + findings): amounts, boxes, amounts before; nan is not asked.

        `states` are the hidden states behind every picture (pictures, width), from the embeddings on.
        """
        read = torch.cat([self.read(states[2]), self.recall(states[3])], -1)
        return _apart(read, goal)


class Tally(torch.nn.Module):
    """As the gauge, for slices and fields: reads half-way through the layers what is seen on the picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, len(KNOWN) + len(TISSUES)))

    def loss(self, states: Sequence[Tensor], goal: Tensor) -> Tensor:
        """Mean distance to `goal` (pictures, 7); nan is not asked."""
        return _apart(self.read(states[2]), goal)


class Pulse(torch.nn.Module):
    """As the gauge, for frames of a heart: half-way through the layers how full it is and whether there is fluid, one layer later
    how much that changed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, 2))
        self.recall = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, 1))

    def loss(self, states: Sequence[Tensor], goal: Tensor) -> Tensor:
        """Mean distance to `goal` (pictures, 3), as `Further.measures`."""
        now, changed = self.read(states[2]), self.recall(states[3])
        return _apart(torch.cat([now[:, :1], changed, now[:, 1:]], -1), goal)


class Glance(torch.nn.Module):
    """As the gauge, for photographs: half-way through the layers what they show."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, SHOWN))

    def loss(self, states: Sequence[Tensor], goal: Tensor) -> Tensor:
        """Mean distance to `goal` (pictures, 7), as `Further.shown`; nan is not asked."""
        return _apart(self.read(states[2]), goal)


class Print(torch.nn.Module):
    """Reads printed characters off the tower's patches; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, LETTERS * (1 + len(ALPHABET))))

    def loss(self, features: Tensor, letters: Tensor) -> Tensor:
        """Mean cross-entropy of `letters` int64 (slips, patches, 3); places without a character count a tenth."""
        read = self.read(features).reshape(-1, 1 + len(ALPHABET))
        wanted = letters.flatten()
        weight = torch.where(wanted > 0, 1.0, 0.1)
        return (functional.cross_entropy(read, wanted, reduction="none") * weight).sum() / weight.sum()


def _apart(read: Tensor, goal: Tensor) -> Tensor:
    """Four times the mean distance where the goal is known, not nan."""
    known = ~goal.isnan()
    apart = functional.smooth_l1_loss(read, goal.nan_to_num(0.0), beta=0.05, reduction="none")
    return 4.0 * (apart * known).sum() / known.sum().clamp(min=1)
