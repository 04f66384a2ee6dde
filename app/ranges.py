"""Whether a printed value lies in its printed reference range, by our own arithmetic: a model's flag is never taken for it.

Numbers are compared as decimals, exactly. What can be read in two ways is not compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Verdict = Literal["within", "below", "above", "not compared"]

_INFINITE = Decimal("Infinity")
_NUMBER = r"[+\-−]?(?:[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]+(?:[.,][0-9]+)?)"
_SIGN = r"<=|>=|≤|≥|<|>"
_VALUE = re.compile(rf"({_SIGN})?\s*({_NUMBER})\s*\*?")
_SPAN = re.compile(rf"({_NUMBER})\s*(?:-|–|—|−|\.\.\.?|…|\bto\b)\s*({_NUMBER})", re.IGNORECASE)
_BOUND = re.compile(rf"({_SIGN}|up\s+to)\s*({_NUMBER})", re.IGNORECASE)
_EITHER_WAY = re.compile(r"[+\-−]?[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Compared:
    """`why` says in words what was not compared, "" where it was."""

    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Interval:
    """From `low` to `high`; an end that is `open` is not part of it."""

    low: Decimal = -_INFINITE
    high: Decimal = _INFINITE
    low_open: bool = True
    high_open: bool = True

    def below(self, other: _Interval) -> bool:
        """All of it lies under all of the other."""
        return self.high < other.low or (self.high == other.low and (self.high_open or other.low_open))

    def inside(self, other: _Interval) -> bool:
        low = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        high = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return low and high


def compared(value: str, reference: str, unit: str = "") -> Compared:
    """`unit` may stand behind either and is left out of it."""
    value, reference = (_bare(one, unit) for one in (value, reference))
    if not value:
        return Compared("not compared", "no value is printed")
    if not reference:
        return Compared("not compared", "no range is printed")
    found = _VALUE.fullmatch(value)
    if found is None:
        return Compared("not compared", f"the value “{value[:40]}” is no number")
    span, bound = _SPAN.fullmatch(reference), _BOUND.fullmatch(reference)
    if span is None and bound is None:
        return Compared("not compared", f"“{reference[:48]}” is no single range")
    numbers = [found[2], *(span.groups() if span else [bound[2]] if bound else [])]
    if unclear := _unclear(numbers):
        return Compared("not compared", f"“{unclear}” can be read in two ways")
    own = _interval(found[1] or "", _decimal(found[2]))
    if span:
        wanted = _Interval(_decimal(span[1]), _decimal(span[2]), low_open=False, high_open=False)
        if wanted.low > wanted.high:
            return Compared("not compared", f"the range “{reference[:48]}” runs backwards")
    else:
        wanted = _interval(_sign(bound[1]) if bound else "", _decimal(numbers[1]))
    if own.below(wanted):
        return Compared("below")
    if wanted.below(own):
        return Compared("above")
    if own.inside(wanted):
        return Compared("within")
    return Compared("not compared", f"“{value[:40]}” may lie within its range or not")


def _sign(word: str) -> str:
    """ "up to" as its sign."""
    return word if word[0] in "<>≤≥" else "≤"


def _bare(text: str, unit: str) -> str:
    """Without brackets, and without the unit behind it."""
    text = " ".join(text.split())
    while len(text) > 1 and (text[0], text[-1]) in (("(", ")"), ("[", "]")):
        text = text[1:-1].strip()
    unit = " ".join(unit.split())
    return text[: -len(unit)].strip() if unit and text.endswith(unit) else text


def _interval(sign: str, number: Decimal) -> _Interval:
    if sign in ("<", "<=", "≤"):
        return _Interval(high=number, high_open=sign == "<")
    if sign in (">", ">=", "≥"):
        return _Interval(low=number, low_open=sign == ">")
    return _Interval(number, number, low_open=False, high_open=False)


def _unclear(numbers: list[str]) -> str:
    """A number whose comma or dot may part decimals or thousands, "" where all are clear."""
    commas = [one for one in numbers if "," in one and "." not in one]
    for one in commas:
        if _EITHER_WAY.fullmatch(one):
            return one
    mixed = [one for one in numbers if "." in one] if commas else []
    return mixed[0] if mixed else ""


def _decimal(text: str) -> Decimal:
    text = text.replace("−", "-")
    return Decimal(text.replace(",", "") if "." in text else text.replace(",", "."))
