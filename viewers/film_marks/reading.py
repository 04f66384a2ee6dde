"""A measured value that cannot part from its unit, nor from the word that says what a millimetre is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viewers.figures import counted
from viewers.geometry import Provenance, Spacing

NO_SPACING = "(no spacing)"
SQUARE = "(no spacing, square pixels assumed)"
_WORDS = {Provenance.PATIENT: "in patient plane", Provenance.REGION: "in ultrasound region"}


@dataclass(frozen=True, slots=True)
class Reading:
    """`str` is how it is written everywhere: "42.1 mm at detector", "118 px (no spacing)", "34.2°", "0.48"."""

    name: str
    value: float
    unit: str = ""
    word: str = ""
    decimals: int = 1
    """Shown; whole numbers have none unless they are lengths or angles."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.figure, self.word) if part)

    @property
    def figure(self) -> str:
        """Value and unit without the word."""
        number = _number(self.value, self.unit, self.decimals)
        return f"{number}°" if self.unit == "°" else f"{number} {self.unit}".rstrip()


def spacing_word(spacing: Spacing | None) -> str:
    """What stands behind every length and area: where its spacing came from."""
    if spacing is None:
        return NO_SPACING
    return _WORDS.get(spacing.provenance, str(spacing.provenance))


def length(name: str, value: float, spacing: Spacing | None) -> Reading:
    return Reading(name, value, "mm" if spacing else "px", spacing_word(spacing))


def area(name: str, value: float, spacing: Spacing | None) -> Reading:
    return Reading(name, value, "mm²" if spacing else "px²", spacing_word(spacing))


def _number(value: float, unit: str, decimals: int) -> str:
    """Areas and lengths in pixels have decimals below 100 only; values of pixels as many as say something."""
    if not math.isfinite(value):
        return "–"
    if unit in ("mm", "°") or decimals > 1:
        return f"{value:.{decimals}f}".replace("-", "−")
    if unit in ("mm²", "px", "px²"):
        return f"{value:.{decimals}f}" if value < 100 else counted(round(value))
    if value == round(value) or abs(value) >= 10_000:
        return f"{value:.7g}".replace("-", "−")
    return (f"{value:.{decimals}f}" if abs(value) >= 1 else f"{value:.3g}").replace("-", "−")
