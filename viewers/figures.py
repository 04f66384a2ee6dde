"""Numbers as they are written everywhere in the window."""

from __future__ import annotations


def counted(number: int) -> str:
    """A whole number in groups of three with no-break spaces: 512, 2 967, 193 650."""
    return f"{number:,}".replace(",", "\u00a0").replace("-", "−")


def rounded(value: float) -> str:
    """Three significant figures with a real minus sign: 0.125, −1.9, 12.3."""
    return f"{value:.3g}".replace("-", "−")


def percent(share: float) -> str:
    """Three significant figures, without an exponent: 12.5 %, 100 %, 1 220 %."""
    value = 100 * share
    return f"{counted(round(value)) if value >= 1000 else f'{value:.3g}'} %"
