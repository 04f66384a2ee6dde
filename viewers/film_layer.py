"""The marks of the frame that is shown, drawn over it with their values beside them. The painter's unit is the screen pixel."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtGui import QFont, QPainter

from viewers.annotations.annotation import Annotation
from viewers.annotations.document import Annotations
from viewers.camera import Camera
from viewers.drawn import screen_shape
from viewers.film_hand import FilmHand
from viewers.film_labels import Label, box_of, write_label
from viewers.film_marks.calibration import calibration_of
from viewers.film_marks.film import Film
from viewers.film_marks.wording import lines
from viewers.film_strokes import draw_marks
from viewers.film_values import FilmValues
from viewers.lettering import Lettering


class FilmLayer(QObject):
    """Follows the marks of one film. `changed`: paint again."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.values = FilmValues(self)
        self.values.changed.connect(self.changed)
        self._film: Film | None = None
        self._document: Annotations | None = None
        self._visible = True
        self.labels: tuple[Label, ...] = ()
        """As they were painted last, the uppermost last."""

    @property
    def film(self) -> Film | None:
        return self._film

    @property
    def visible(self) -> bool:
        return self._visible

    @visible.setter
    def visible(self, value: bool) -> None:
        self._visible = value
        self.changed.emit()

    def follow(self, document: Annotations | None, film: Film | None) -> None:
        self._document, self._film = document, film
        self.labels = ()
        self.values.follow(film)
        self.changed.emit()

    @property
    def settled(self) -> bool:
        return self.values.settled

    def line_of(self, number: int) -> Annotation | None:
        """The calibration that holds on a frame."""
        if self._document is None or self._film is None or not 0 <= number < len(self._film.keys):
            return None
        return calibration_of(self._document.marks.values(), self._film.keys[number].instance)

    def label_at(self, place: QPointF) -> Label | None:
        return next((one for one in reversed(self.labels) if one.rect.contains(place)), None) if self._visible else None

    def paint(self, painter: QPainter, camera: Camera, lettering: Lettering, base: QFont, hand: FilmHand, number: int) -> None:
        """All marks of a frame, and what is under the hand; texts last, so that no line crosses them."""
        self.labels = ()
        if self._film is None or self._document is None or not self._visible:
            return
        marks = [hand.carried.get(one.id, one) for one in self._document.marks.values() if hand.shows(one)]
        line, sketch = self.line_of(number), hand.sketch
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.values.begin()
        texts = [(mark, lines(mark, self.values.of(mark, number, line))) for mark in marks]
        if sketch is not None:
            texts.append((sketch, lines(sketch, self.values.sketch(sketch, number, line))))
        self.values.ask()
        shapes = [screen_shape(mark.geometry, camera) for mark, _ in texts]
        chosen = [mark is sketch or mark.id in hand.selected_ids for mark, _ in texts]
        for heavy in (False, True):
            drawn = [(mark, shape) for (mark, _), shape, one in zip(texts, shapes, chosen, strict=True) if one == heavy]
            draw_marks(painter, drawn, 2.6 if heavy else 1.6)
        placed, taken = list[Label](), list(shapes)
        for (mark, words), shape in zip(texts, shapes, strict=True):
            if words:
                placed.append(write_label(painter, camera, lettering, base, mark, words, shape, taken))
                taken.append(box_of(placed[-1].rect))
        self.labels = tuple(placed)
        painter.restore()
