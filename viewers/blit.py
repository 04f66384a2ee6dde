"""Draws the visible part of an image, however large the zoom."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from viewers.camera import Box


def blit(painter: QPainter, image: QImage, target: Box, bounds: Box, source: Box | None = None) -> None:
    """Draw `image` (or its part `source`, in image pixels) so that it fills `target`.

    `target` is in device pixels, which the painter's unit must be; `bounds` is the box to stay within, see
    `Camera.device_bounds`. Only what falls inside is drawn: Qt's rasteriser counts in 16.16 fixed point and fails on
    targets wider than 32767.
    """
    u0, v0, u1, v1 = source or (0.0, 0.0, float(image.width()), float(image.height()))
    x0, y0, x1, y1 = target
    if x1 <= x0 or y1 <= y0 or u1 <= u0 or v1 <= v0:
        return
    left, right, u0, u1 = _visible(x0, x1, u0, u1, bounds[0], bounds[2])
    top, bottom, v0, v1 = _visible(y0, y1, v0, v1, bounds[1], bounds[3])
    if right > left and bottom > top:
        painter.drawImage(QRectF(left, top, right - left, bottom - top), image, QRectF(u0, v0, u1 - u0, v1 - v0))


def snapped(box: Box) -> Box:
    """The nearest whole device pixels: neighbours that share an edge still share it, so no seam shows."""
    x0, y0, x1, y1 = (float(math.floor(edge + 0.5)) for edge in box)
    return x0, y0, x1, y1


def _visible(x0: float, x1: float, u0: float, u1: float, low: float, high: float) -> tuple[float, float, float, float]:
    """The part of (x0, x1) within low … high, widened to whole source pixels, and the source pixels it shows."""
    scale = (x1 - x0) / (u1 - u0)
    first = max(u0, math.floor(u0 + (low - x0) / scale) - 1.0)
    last = min(u1, math.ceil(u0 + (high - x0) / scale) + 1.0)
    return x0 + (first - u0) * scale, x0 + (last - u0) * scale, first, last
