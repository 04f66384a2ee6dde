"""A whole slide with its fields, as the reader has them, and their outlines on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from app.slide_fields import Fields
from viewers import theme
from viewers.geometry import Region
from viewers.slide_view import SlideView


@dataclass(slots=True)
class Slide:
    """What the reader says of one slide, and its fields. `proposed` are those of the model, before they were swapped."""

    tissue: str = ""
    procedure: str = ""
    power: int = 10
    fields: Fields | None = None
    proposed: Fields | None = None
    chosen: Region | None = None
    pictures: dict[Region, QImage] = field(default_factory=dict)
    chosen_for: tuple[float, str] = (0.0, "")
    """µm per pixel and the model, when they were chosen."""

    def forget_fields(self) -> None:
        self.fields = self.proposed = self.chosen = None
        self.pictures.clear()


def paint(painter: QPainter, view: SlideView, slide: Slide) -> None:
    """Each field's outline, dashed as all that a model proposes, the reader's own drawn through; the chosen one stronger."""
    if slide.fields is None:
        return
    painter.save()
    for place in slide.fields.places:
        x0, y0, x1, y1 = view.camera.to_device((place.x, place.y, place.x + place.width, place.y + place.height))
        own = place in slide.fields.own
        pen = QPen(QColor(theme.ACCENT if own else theme.PROPOSED), (3.0 if place == slide.chosen else 1.0) * view.camera.ratio)
        pen.setStyle(Qt.PenStyle.SolidLine if own else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRect(QRectF(x0, y0, x1 - x0, y1 - y0))
    painter.restore()
