"""The words around a picture: corners, sides, scale bar, legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QPainter

from viewers import marks, theme
from viewers.camera import Camera
from viewers.geometry import Spacing
from viewers.legend import Legend, Room, beside
from viewers.lettering import Lettering, pane_font
from viewers.overlay import HeatmapLayer
from viewers.scalebar import bar_for, draw_scale_bar
from viewers.theme import Ink

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
_WIDEST_BAR = 160.0


@dataclass(frozen=True, slots=True)
class Pointed:
    """What lies under the pointer; `str` says it in words. x and y are level-0 pixels."""

    x: float
    y: float
    value: float | None = None
    unit: str = ""
    over: str = ""
    """What heatmaps and marks over it say."""

    def __str__(self) -> str:
        place = f"x {self.x:.0f}  y {self.y:.0f}"
        if self.value is not None:
            place = f"{place}   {self.value:.6g} {self.unit}".replace("-", "−").rstrip()
        return f"{place}   {self.over}" if self.over else place


@dataclass(frozen=True, slots=True)
class Words:
    """`corners` are lines for each corner, `sides` the patient's sides at the (left, right, top, bottom) edge.

    `inset` is the height in screen pixels that something else takes in the top-right corner. `heatmap` None shows no legend.
    """

    corners: Mapping[str, Sequence[str]]
    sides: tuple[str, str, str, str]
    spacing: Spacing | None
    inset: float
    legend: Legend
    heatmap: HeatmapLayer | None
    bar: bool = True
    """Whether lengths on the picture mean anything."""


def paint_words(painter: QPainter, lettering: Lettering, base: QFont, ink: Ink, camera: Camera, words: Words) -> None:
    """Paint onto a pane of the camera's size; the painter's unit is the screen pixel."""
    margin = float(theme.MARGIN)
    area = QRectF(margin, margin, camera.width - 2 * margin, camera.height - 2 * margin)
    used = {}
    for corner in CORNERS:
        space = area.adjusted(0, words.inset, 0, 0) if corner == "top-right" else area
        used[corner] = marks.draw_lines(painter, lettering, base, ink, words.corners.get(corner, ()), corner, space)
    width, label = bar_for(words.spacing, camera.scale, min(_WIDEST_BAR, camera.width / 3))
    foot = area.bottom() - used["bottom-left"] - 6
    small = pane_font(base, theme.SMALL_POINTS)
    if words.bar:
        draw_scale_bar(painter, lettering, small, ink, area.left() + 2, foot, width, label)
    right = area.right()
    if words.heatmap is None:
        words.legend.hide()
    else:
        room = _room(area, camera, used, words.inset, foot - lettering.height(small) - 2 * margin)
        place = words.legend.paint(painter, lettering, words.heatmap, base, ink, room)
        if place.right() > area.right() - 3 * margin and place.top() - margin < area.center().y() < place.bottom() + margin:
            right = place.left() - margin
    marks.draw_edge_letters(painter, lettering, base, ink, words.sides, area, right)


def _room(area: QRectF, camera: Camera, used: Mapping[str, float], inset: float, bar_top: float) -> Room:
    """What the corner texts, the scale bar (from `bar_top` on) and the inset leave beside the picture."""
    left, top, right, bottom = camera.on_screen((0, 0, camera.size.width, camera.size.height))
    picture, gap = QRectF(left, top, right - left, bottom - top), theme.MARGIN
    above = inset + used["top-right"]
    free_right = area.top() + above + (gap if above else 0), area.bottom() - used["bottom-right"] - gap
    free_left = area.top() + used["top-left"] + gap, bar_top
    return Room(area, beside(area, picture, free_right, free_left))
