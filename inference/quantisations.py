"""The quantisations there are, by name: of the decoder's linears, and with "+head" also of the head that chooses the token."""

from __future__ import annotations

import importlib.util
from typing import Literal, get_args

from inference.errors import ModelRefused

Quantisation = Literal["none", "int8", "int4", "int8+head", "int4+head", "nf4"]
ALL: tuple[Quantisation, ...] = get_args(Quantisation)
QUANTISED = ALL[1:]
NF4_MISSING = "nf4 needs bitsandbytes, which is not installed; install hilum[qlora], or choose int4, which weighs the same"


def parts(name: str) -> tuple[str, bool]:
    """("int4", True) of "int4+head": of the linears, and whether the head is int8."""
    kind, _, head = name.partition("+")
    return kind, head == "head"


def available(name: str) -> bool:
    """Whether what a quantisation needs is installed; nothing is imported."""
    return parts(name)[0] != "nf4" or importlib.util.find_spec("bitsandbytes") is not None


def must_be_available(name: str) -> None:
    """Raises ModelRefused where it is not."""
    if not available(name):
        raise ModelRefused(NF4_MISSING)
