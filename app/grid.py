"""How many panes stand beside and below each other. No Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST = 4
"""Rows, and columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Panes are counted row by row, from the top left one."""

    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= MOST and 1 <= self.columns <= MOST):
            raise ValueError(f"panes stand in 1 to {MOST} rows and 1 to {MOST} columns, not {self.rows} × {self.columns}")

    @classmethod
    def parse(cls, text: str) -> Grid:
        """`"2x3"` is two rows of three; raises ValueError with what was given."""
        found = re.fullmatch(r"\s*(\d)\s*[x×]\s*(\d)\s*", text)
        if found is None:
            raise ValueError(f"panes are written rows x columns, as 2x3, not {text[:20]!r}")
        return cls(int(found[1]), int(found[2]))

    @property
    def count(self) -> int:
        return self.rows * self.columns

    def place(self, number: int) -> tuple[int, int]:
        """Row and column of a pane."""
        return divmod(number, self.columns)

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"


ONE, TWO, FOUR = Grid(), Grid(1, 2), Grid(2, 2)
