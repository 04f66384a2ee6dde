"""The memory that models take, of this process or of its card."""

from __future__ import annotations

import ctypes
import gc
import sys


def used(device: str) -> tuple[int, int]:
    """(used, total) bytes: the card's where one is used, else this process in the machine's memory."""
    if device.startswith("cuda"):
        import torch

        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            free, total = torch.cuda.mem_get_info()
            return total - free, total
    import psutil

    return psutil.Process().memory_info().rss, psutil.virtual_memory().total


def give_back(device: str) -> None:
    """What nothing holds any more, to the card and to the machine: the C library of Linux keeps what was freed for itself."""
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
        if trim is not None:
            trim(0)
