"""Where a teaching stands, as one safetensors file that is either whole or the one before."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.errors import ModelRefused

PARTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW remembers of a parameter."""


def save(path: Path, learning: Mapping[str, nn.Parameter], optimiser: torch.optim.AdamW, position: Mapping[str, Any]) -> None:
    """Weights, optimiser and the state of the random numbers; `position` is plain values."""
    tensors: dict[str, Tensor] = {"random": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for name, weight in learning.items():
        tensors[f"weight.{name}"] = weight.detach().cpu().contiguous()
        for what in PARTS:
            tensors[f"{what}.{name}"] = optimiser.state[weight][what].detach().cpu().contiguous()
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"position": json.dumps(dict(position))})
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def position(path: Path) -> dict[str, Any] | None:
    """None where there is no checkpoint; raises ModelRefused for a damaged one."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            found: dict[str, Any] = json.loads(file.metadata()["position"])
    except (SafetensorError, OSError, ValueError, LookupError, TypeError) as error:
        raise ModelRefused(f"the checkpoint {path} cannot be read ({error}); remove {path.parent} to begin anew") from error
    return found


def restore(path: Path, learning: Mapping[str, nn.Parameter], optimiser: torch.optim.AdamW) -> None:
    """Put everything back as `save` found it."""
    with safe_open(path, framework="pt") as file:
        for name, weight in learning.items():
            weight.data.copy_(file.get_tensor(f"weight.{name}"))
            state = {part: file.get_tensor(f"{part}.{name}") for part in PARTS}
            optimiser.state[weight] = {
                part: value if part == "step" else value.to(weight.device) for part, value in state.items()
            }
        if torch.cuda.is_available():
            torch.cuda.set_rng_state(file.get_tensor("random.cuda"))
        torch.set_rng_state(file.get_tensor("random"))
