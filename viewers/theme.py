"""Colours and sizes of what the panes draw over a picture. The window's own style sheet may read them too."""

from __future__ import annotations

from typing import NamedTuple

ACCENT = "#58a0e0"
"""The one accent colour: what a person selected, what has the focus."""
PROPOSED = "#e8b04b"
"""What a model drew; always dashed and tagged as well, so that colour is never the only sign."""
MEASURED = (111, 227, 193)
"""sRGB of what a person measured on a film; always solid, with a dark rim."""
SURROUND = "#1e2023"
PLATE = "#f21e2023"
"""#AARRGGBB behind a legend or a message: dark enough for light text on any picture (contrast at least 7:1)."""
PLATE_EDGE = "#4a4e55"
PLATE_TEXT = "#e6e8ea"
PLATE_FAINT = "#a9aeb5"
WARNING = "#f0b95b"
FAILED_TILE = "#8b8f96"

FONT = "DejaVu Sans"
"""Used where the system font is missing."""
TEXT_POINTS = 9.5
SMALL_POINTS = 9.0
"""No text is smaller."""
MARGIN = 8
"""Screen pixels between a pane's edge and what is written there (4/8 px grid)."""


class Ink(NamedTuple):
    """Text over a picture and the halo that keeps it legible."""

    text: str
    halo: str


LIGHT_INK = Ink("#f2f3f4", "#c0000000")
"""For black films."""
DARK_INK = Ink("#16181b", "#d8ffffff")
"""For white slides."""
