"""Draws the slip of a laboratory analyser in large print, with the rows that stand on it.

A slip is square and its print so large that it can still be read in the 120 pixels that the demonstration's drafter sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

UNIT = 10
"""Pixels of a slip for one of the 120 that the drafter sees."""
SIDE = 120 * UNIT
COLUMNS = (3.0, 25.0, 46.0, 75.0, 112.5)
"""Where test, value, unit, reference and flag begin, in units."""
TOP, PITCH, EM = 18.0, 24.0, 8.6
"""Middle of the first line, distance of lines and size of the print, in units: each line lies in patches of its own."""
TITLE = "Laboratory"
MOST = 4
"""Rows of a slip."""
ALPHABET = "".join(sorted(set("0123456789.-/<HL WBCPLTNaKRPHbCrGluLIgdmonM%")))


@dataclass(frozen=True, slots=True)
class Test:
    """What is measured: name, unit, reference range as printed, digits after the point, and the values that occur."""

    name: str
    unit: str
    reference: str
    digits: int
    least: float
    most: float


TESTS = (
    Test("Hb", "g/dL", "12.0-16.0", 1, 6.0, 19.9), Test("Hb", "g/dL", "13.5-17.5", 1, 6.0, 19.9),
    Test("WBC", "/nL", "4.0-10.0", 1, 1.0, 29.9), Test("PLT", "/nL", "150-400", 0, 20, 699),
    Test("Na", "mmol/L", "135-145", 0, 118, 162), Test("K", "mmol/L", "3.5-5.1", 1, 2.0, 7.9),
    Test("CRP", "mg/L", "0.0-5.0", 1, 0.1, 99.9), Test("Glu", "mg/dL", "70-99", 0, 32, 420),
    Test("Cr", "mg/dL", "0.7-1.2", 1, 0.3, 9.9), Test("INR", "", "0.9-1.2", 1, 0.7, 5.9),
)  # fmt: skip
Row = tuple[str, str, str, str, str]
"""Test, value, unit, reference and flag as printed."""


@dataclass(frozen=True, slots=True, eq=False)
class Slip:
    """`pixels` uint8 (side, side, 3); the rows from top to bottom; every printed character with its middle in units."""

    pixels: NDArray[np.uint8]
    rows: tuple[Row, ...]
    print: tuple[tuple[str, float, float], ...]


def draw_rows(rng: np.random.Generator, count: int = 0) -> tuple[Row, ...]:
    """`count` tests, 0 for one to `MOST`, each once, half of them out of their range and flagged so."""
    rows: list[Row] = []
    for pick in rng.permutation(len(TESTS)):
        test = TESTS[pick]
        if test.name in (row[0] for row in rows):
            continue
        low, high = (float(end) for end in test.reference.split("-"))
        draw = rng.random()
        least, most = (low, high) if draw < 0.5 else (high, test.most) if draw < 0.75 else (min(test.least, low), low)
        value = round(float(rng.uniform(least, most)), test.digits)
        flag = "L" if value < low else "H" if value > high else ""
        rows.append((test.name, f"{value:.{test.digits}f}", test.unit, test.reference, flag))
    return tuple(rows[: count or int(rng.integers(1, MOST + 1))])


def draw_slip(rows: tuple[Row, ...], seed: int = 0) -> Slip:
    """Dark print on white paper, moved a little from where it belongs. Raises ValueError for more rows than fit."""
    if not 0 < len(rows) <= MOST:
        raise ValueError(f"a slip holds 1 to {MOST} rows, not {len(rows)}")
    rng = np.random.default_rng([seed, 61])
    white, ink = int(rng.integers(240, 256)), int(rng.integers(10, 60))
    right, down = rng.uniform(-0.4, 0.4), rng.uniform(-1.0, 1.0)
    page = Image.new("L", (SIDE, SIDE), white)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(EM * UNIT)
    pen.text(((COLUMNS[0] + right) * UNIT, (6.0 + down) * UNIT), TITLE, ink, font, anchor="lm")
    found = []
    for line, row in enumerate(rows):
        middle = TOP + down + PITCH * line
        for cell, column in zip(row, COLUMNS, strict=True):
            left = (column + right) * UNIT
            pen.text((left, middle * UNIT), cell, ink, font, anchor="lm")
            for at, letter in enumerate(cell):
                centre = left + font.getlength(cell[:at]) + 0.5 * font.getlength(letter)
                found.append((letter, centre / UNIT, middle))
    return Slip(np.repeat(np.asarray(page)[..., None], 3, 2), rows, tuple(found))
