"""What a model runs on: the device, the number format, the threads. Imported only where torch may be."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from inference.errors import ModelRefused
from inference.fitting import SMALL as SMALL


@dataclass(frozen=True, slots=True)
class Place:
    """A device and the number format of its models; `words` is what the receipt says of the format."""

    device: torch.device
    dtype: torch.dtype
    words: str


def choose(device: str) -> torch.device:
    """ "auto" takes CUDA where torch has it; raises ModelRefused where "cuda" is asked for and is not there."""
    if device not in ("auto", "cpu", "cuda"):
        raise ModelRefused(f"there is no device {device!r}; choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelRefused("CUDA was asked for, but torch sees no CUDA device here; choose auto or cpu")
    return torch.device("cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda")


def place(device: torch.device, parameters: int, dtype: str = "auto") -> Place:
    """The number format for a model of `parameters` weights. `dtype` "auto", "bfloat16" or "float32".

    float16 is refused: activations of Gemma 3 exceed its range and the answer becomes NaN or empty.
    """
    if dtype in ("float16", "fp16", "half"):
        raise ModelRefused("float16 is refused: this model's activations exceed its range; choose bfloat16 or float32")
    if dtype not in ("auto", "bfloat16", "float32"):
        raise ModelRefused(f"there is no number format {dtype!r} here; choose bfloat16 or float32")
    if dtype != "auto":
        return Place(device, getattr(torch, dtype), dtype)
    if device.type == "cpu" and parameters < SMALL:
        return Place(device, torch.float32, "float32 (small model)")
    if native_bfloat16(device):
        return Place(device, torch.bfloat16, "bfloat16")
    return Place(device, torch.float32, "float32 (no native bfloat16 here)")


def native_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return any(bool(able.get(name)) for name in ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "arm_bf16"))


def set_threads(threads: int) -> int:
    """Use `threads` CPU threads, 0 for all cores but one, at least 1; returns the number."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = threads if threads > 0 else max(1, cores - 1)
    torch.set_num_threads(count)
    return count
