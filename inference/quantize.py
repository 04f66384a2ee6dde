"""Weight-only int8 and int4 for the decoder's linears."""

from __future__ import annotations

from typing import Any


def apply(model: Any, kind: str) -> str:
    return "none"
