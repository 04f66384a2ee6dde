"""Numbers between two bounds, digit by digit, as JSON writes them (RFC 8259, section 6) and without an exponent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

DIGITS = 15
"""Before the point where a schema sets no bound: what a double holds exactly."""
DECIMALS = 6
"""After the point."""


@dataclass(frozen=True, slots=True)
class Numeral:
    """What follows `written` of a number from `low` to `high`, both times 10^`decimals`. Minus zero is not written."""

    low: int
    high: int
    decimals: int
    written: str = ""

    @classmethod
    def between(cls, low: Fraction | None, high: Fraction | None, whole: bool) -> Numeral | None:
        """None where no such number can be written: whole, or with DECIMALS digits after the point."""
        decimals = 0 if whole else DECIMALS
        most = 10 ** (DIGITS + decimals) - 1
        made = cls(-most if low is None else math.ceil(low * 10**decimals),
                   most if high is None else math.floor(high * 10**decimals), decimals)  # fmt: skip
        return made if made.low <= made.high else None

    @property
    def complete(self) -> bool:
        return self.written[-1:].isdigit() and self._ends(0)

    @property
    def shortest(self) -> int:
        """Characters of the shortest text that may follow."""
        if self.written in ("", "-"):
            return 1 + min(after.shortest for _, after in self.moves())
        return next(count for count in range(self.worst + 1) if self._ends(count))

    @property
    def worst(self) -> int:
        return len(str(max(abs(self.low), abs(self.high)) // 10**self.decimals)) + 2 + self.decimals

    def moves(self) -> Iterator[tuple[str, Numeral]]:
        """Each character that may follow, with what follows it."""
        text = self.written
        digits = text.lstrip("-")
        for sign in "0123456789-.":
            misplaced = {"-": bool(text), ".": not digits or "." in digits or not self.decimals}.get(sign, digits == "0")
            if misplaced:
                continue
            after = replace(self, written=text + sign)
            if after._can_end():
                yield sign, after

    def _can_end(self) -> bool:
        if self.written == "-":
            return self.low < 0
        return any(self._ends(count) for count in range(self.worst + 1))

    def _ends(self, count: int) -> bool:
        """Whether exactly `count` characters more can make a number within the bounds."""
        low, high = (max(1, -self.high), -self.low) if self.written.startswith("-") else (max(0, self.low), self.high)
        whole, point, fraction = self.written.lstrip("-").partition(".")
        value = int(whole + fraction)
        if point:
            decimals = len(fraction) + count
            return 0 < decimals <= self.decimals and _holds(value, 10 ** (self.decimals - decimals), 10**count, low, high)
        if _holds(value, 10**self.decimals, 10**count, low, high) and (value or not count):
            return True
        for decimals in range(1, min(self.decimals, count - 1) + 1):
            more = count - 1 - decimals  # digits before the point
            if (value or not more) and _holds(value, 10 ** (self.decimals - decimals), 10 ** (count - 1), low, high):
                return True
        return False


def _holds(value: int, step: int, count: int, low: int, high: int) -> bool:
    """Whether one of the `count` numbers from value·count on, each times `step`, lies from `low` to `high`."""
    first = max(value * count, -(-low // step))
    return first <= min(value * count + count - 1, high // step)
