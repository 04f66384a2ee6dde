"""When memory runs out: how that is told, and what may be given up for it."""

from __future__ import annotations

from collections.abc import Sequence

from inference.fitting import Room, machine

LIGHTER = ("none", "int8", "int4")
"""nf4 weighs what int4 does: nothing here is lighter than it."""
_SAID = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate", "cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error is a card's or the machine's memory run out, whoever raised it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SAID)


def lower(quantisation: str) -> Sequence[str]:
    """Those that need less, the mildest first."""
    kind, _, head = quantisation.partition("+")
    lighter = LIGHTER[LIGHTER.index(kind) + 1 :] if kind in LIGHTER else ()
    return [f"{one}+{head}" if head else one for one in lighter]


def place_of(device: str, parameters: int) -> tuple[int, Room]:
    """(bytes of a number in the format a model of so many weights has there, what is free and there is in all)."""
    import torch

    from inference import device as devices

    place = devices.place(devices.choose(device), parameters)
    if place.device.type != "cuda":
        return place.dtype.itemsize, machine()
    free, total = torch.cuda.mem_get_info()
    return place.dtype.itemsize, Room("cuda", torch.cuda.get_device_name(), free, total)
