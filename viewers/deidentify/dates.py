"""Dates moved by whole days, and ages that are too rare to be told."""

from __future__ import annotations

from datetime import date, timedelta

from viewers.deidentify.dummies import of_form

OLDEST = 90
"""Years: who is older is said to be of this age, as there are few."""


def shifted(vr: str, text: str, days: int) -> str | None:
    """A DA or DT moved by `days`; TM as it is, since whole days leave it alone. None for what is no such value or has no day."""
    text = text.strip(" \0")
    if not text:
        return ""
    if not of_form(vr, text):
        return None
    if vr == "TM":
        return text
    plain = text.replace(".", "") if vr == "DA" else text
    try:
        day = date(int(plain[:4]), int(plain[4:6]), int(plain[6:8])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{day.year:04d}{day.month:02d}{day.day:02d}{plain[8:]}"


def capped_age(text: str) -> str | None:
    """An AS of 90 years at most; None for what is no age."""
    text = text.strip(" \0")
    if not of_form("AS", text):
        return None
    number, unit = int(text[:3]), text[3]
    years = number / {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}[unit]
    return f"{OLDEST:03d}Y" if years > OLDEST - 1 else text
