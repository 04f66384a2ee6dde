"""The quantisations there are, by name: of the decoder's linears, and with "+head" also of the head that chooses the token."""

from __future__ import annotations

from typing import Literal, get_args

Quantisation = Literal["none", "int8", "int4", "int8+head", "int4+head"]
ALL: tuple[Quantisation, ...] = get_args(Quantisation)
QUANTISED = ALL[1:]


def parts(name: str) -> tuple[str, bool]:
    """("int4", True) of "int4+head": of the linears, and whether the head is int8."""
    kind, _, head = name.partition("+")
    return kind, head == "head"
