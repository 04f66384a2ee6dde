"""The scale bar: a round length, drawn to scale."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter

from viewers.figures import counted
from viewers.geometry import Provenance, Spacing
from viewers.lettering import Lettering
from viewers.theme import Ink

BAR = 4.0
"""Screen pixels the bar is high."""


def bar_for(spacing: Spacing | None, scale: float, longest: float) -> tuple[float, str]:
    """Its width in screen pixels and its label, for `scale` screen pixels per level-0 pixel.

    The length is the largest 1, 2 or 5 × 10ⁿ not wider than `longest`; in µm below 1 mm, in px where no spacing is known.
    A length that is not the patient's own says so.
    """
    if spacing is None:
        length = round_length(longest / scale)
        return length * scale, f"{counted(round(length)) if length >= 1 else f'{length:g}'} px"
    length = round_length(longest / scale * spacing.x_mm)
    label = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm" if length >= 1 else f"{length * 1000:g} µm"
    uncorrected = spacing.provenance in (Provenance.DETECTOR, Provenance.MAGNIFIED)
    return length / spacing.x_mm * scale, f"{label} {spacing.provenance}" if uncorrected else label


def round_length(most: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that is at most `most` (above 0)."""
    power = math.floor(math.log10(most) + 1e-9)
    return max(step * 10.0**power for step in (1, 2, 5) if step * 10.0**power <= most * (1 + 1e-9))


def draw_scale_bar(
    painter: QPainter, lettering: Lettering, font: QFont, ink: Ink, left: float, bottom: float, width: float, label: str
) -> float:
    """Draw with the bar's left end at `left` and its lower edge at `bottom` (screen pixels); returns the top."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    bar = QRectF(left, bottom - BAR, width, BAR)
    painter.fillRect(bar.adjusted(-1.5, -1.5, 1.5, 1.5), QColor(ink.halo))
    painter.fillRect(bar, QColor(ink.text))
    painter.restore()
    top = bottom - BAR - 3 - lettering.height(font)
    lettering.draw(painter, label, left, top, font, ink, Qt.AlignmentFlag.AlignLeft)
    return top
