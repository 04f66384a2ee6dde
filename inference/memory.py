"""The memory that models take, of this process or of its card."""

from __future__ import annotations

import gc


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
    """What nothing holds any more."""
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()
