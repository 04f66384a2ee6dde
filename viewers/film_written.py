"""Marks with their texts, painted; those at rest are kept as an image. The painter's unit is the screen pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QImage, QPainter
from shapely.geometry.base import BaseGeometry

from viewers.annotations.annotation import Annotation
from viewers.camera import Camera
from viewers.drawn import screen_shape
from viewers.film_labels import Label, box_of, write_label
from viewers.film_strokes import draw_marks
from viewers.lettering import Lettering, clear_image


@dataclass(frozen=True, slots=True)
class Written:
    """A mark as it is, what stands beside it, and whether it is drawn with heavy lines."""

    mark: Annotation
    words: tuple[str, ...]
    heavy: bool


@dataclass(frozen=True, slots=True)
class Painted:
    """Where the texts stand, the uppermost last, and what they and the lines take up."""

    labels: tuple[Label, ...] = ()
    taken: tuple[BaseGeometry, ...] = ()


class Resting:
    """Paints what does not move under the hand. What is alike a second time is kept as an image from then on."""

    def __init__(self) -> None:
        self._look: tuple[object, ...] = ()
        self._painted = Painted()
        self._image: QImage | None = None

    def forget(self) -> None:
        self._look, self._painted, self._image = (), Painted(), None

    def paint(self, painter: QPainter, camera: Camera, lettering: Lettering, base: QFont, marks: Sequence[Written]) -> Painted:
        """The labels and what is taken up, as `paint` gives them."""
        if not marks:
            self.forget()
            return self._painted
        places = (camera.to_screen(0, 0), camera.to_screen(1, 0), camera.to_screen(0, 1))
        ratio = painter.device().devicePixelRatioF()
        look = places, camera.width, camera.height, ratio, base.key(), tuple(marks)
        if look != self._look:
            self._look, self._image = look, None
            self._painted = paint(painter, camera, lettering, base, marks)
            return self._painted
        if self._image is None:
            self._image = clear_image(camera.width, camera.height, ratio)
            inside = QPainter(self._image)
            inside.setRenderHints(painter.renderHints())
            paint(inside, camera, lettering, base, marks)
            inside.end()
        painter.drawImage(QPointF(0, 0), self._image)
        return self._painted


def paint(
    painter: QPainter,
    camera: Camera,
    lettering: Lettering,
    base: QFont,
    marks: Sequence[Written],
    taken: Sequence[BaseGeometry] = (),
) -> Painted:
    """Lines first, so that none crosses a text; texts keep clear of what is `taken`, of the lines and of each other."""
    shapes = [screen_shape(one.mark.geometry, camera) for one in marks]
    for heavy in (False, True):
        drawn = [(one.mark, shape) for one, shape in zip(marks, shapes, strict=True) if one.heavy == heavy]
        draw_marks(painter, drawn, 2.6 if heavy else 1.6)
    placed, full = list[Label](), [*taken, *shapes]
    for one, shape in zip(marks, shapes, strict=True):
        if one.words:
            placed.append(write_label(painter, camera, lettering, base, one.mark, one.words, shape, full))
            full.append(box_of(placed[-1].rect))
    return Painted(tuple(placed), tuple(full))
