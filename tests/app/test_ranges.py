"""Values in their printed ranges, against fractions and against a table made by hand from printed sheets."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranges import compared

TENTHS = st.integers(-5000, 5000).map(lambda n: Fraction(n, 10))


def printed(number: Fraction, comma: bool) -> str:
    whole, part = divmod(abs(number.numerator * 10 // number.denominator), 10)
    return f"{'-' if number < 0 else ''}{whole}{',' if comma else '.'}{part}"


@given(TENTHS, TENTHS, TENTHS, st.booleans(), st.sampled_from(["-", " - ", "–", " to ", " … "]))
def test_a_number_in_a_span(value: Fraction, one: Fraction, other: Fraction, comma: bool, dash: str) -> None:
    low, high = sorted((one, other))
    want = "below" if value < low else "above" if value > high else "within"
    assert compared(printed(value, comma), f"{printed(low, comma)}{dash}{printed(high, comma)}").verdict == want


@given(TENTHS, TENTHS, st.sampled_from(["<", "<=", "≤", "up to", ">", ">=", "≥"]))
def test_a_number_against_a_bound(value: Fraction, bound: Fraction, sign: str) -> None:
    holds = {"<": value < bound, ">": value > bound, ">=": value >= bound, "≥": value >= bound}.get(sign, value <= bound)
    want = "within" if holds else "above" if sign in ("<", "<=", "≤", "up to") else "below"
    assert compared(printed(value, False), f"{sign} {printed(bound, False)}").verdict == want


@pytest.mark.parametrize(
    ("value", "reference", "want"),
    [
        ("<0.5", "0.5-1.0", "below"),
        ("<0.5", "<0.5", "within"),
        ("<0.5", "<1", "within"),
        ("≤0.5", "0.5-1.0", "not compared"),
        ("<0.7", "0.5-1.0", "not compared"),
        (">90", "> 60", "within"),
        (">60", "10-60", "above"),
        ("≥60", "10-60", "not compared"),
        ("5.1*", "(3.5 - 5.0)", "above"),
        ("139 mmol/L", "135-145 mmol/L", "within"),
        ("−2.5", "-2.0 - 2.0", "below"),
        ("1,234.5", "1,000.0-1,200.0", "above"),
        ("0,123", "0,2-0,4", "below"),
        ("1,200", "1,000-1,500", "not compared"),
        ("1.2", "0,5-1,5", "not compared"),
        ("negative", "negative", "not compared"),
        ("NaN", "1-2", "not compared"),
        ("inf", "1-2", "not compared"),
        ("1e3", "1-2", "not compared"),
        ("١٢", "1-2", "not compared"),
        ("", "1-2", "not compared"),
        ("5", "", "not compared"),
        ("14", "m 13-17, f 12-15", "not compared"),
        ("5", "6-4", "not compared"),
        ("9" * 500, "1-2", "above"),
    ],
)
def test_as_a_reader_would_say(value: str, reference: str, want: str) -> None:
    found = compared(value, reference, "mmol/L")
    assert found.verdict == want
    assert bool(found.why) == (want == "not compared")
