"""When memory runs out: how that is told, and what may be given up for it."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from inference.errors import ModelFailed
from inference.fitting import Room, machine

T = TypeVar("T")
LIGHTER = ("none", "int8", "int4")
"""nf4 weighs what int4 does: nothing here is lighter than it."""
_SAID = (
    "out of memory", "can't allocate memory", "not enough memory", "failed to allocate", "cannot allocate memory",
    "unable to allocate", "allocaterawinternal", "std::bad_alloc", "bad allocation", "can't start new thread",
    "failed to map segment",
)  # fmt: skip
_ONEDNN = re.compile(r"could not create a (primitive$|memory)")
"""What oneDNN says where it has no room for its code; a primitive that it does not have is called otherwise."""
RAISED = (RuntimeError, MemoryError, OSError, ImportError)
"""By libraries whose memory ran out: torch, NumPy, the system asked for a file, the loader of a library."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error is a card's or the machine's memory run out, whoever raised it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    said = str(error).lower().strip()
    return isinstance(error, RAISED) and (any(words in said for words in _SAID) or bool(_ONEDNN.search(said)))


def must_be_another(error: Exception) -> None:
    """Raises MemoryError in the place of an error that is memory run out, so that it is never told as something else."""
    if out_of_memory(error):
        raise MemoryError(str(error)) from error


def tried(work: Callable[[], T]) -> T | None:
    """What it gives; None where memory ran out, and nothing of the attempt is held then."""
    try:
        return work()
    except RAISED as error:
        if not out_of_memory(error):
            raise
    return None


@contextmanager
def told(model: str) -> Iterator[None]:
    """Where nothing can be given up: memory that runs out within is ModelFailed."""
    try:
        yield
    except RAISED as error:
        if not out_of_memory(error):
            raise
        raise ModelFailed(f"{model} needs more memory than is free; close other programs or choose a smaller model") from error


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
