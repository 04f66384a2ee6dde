"""The marks of the frame that is shown, drawn over it with their values beside them. The painter's unit is the screen pixel."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtGui import QFont, QPainter

from viewers.annotations.annotation import Annotation
from viewers.annotations.document import Annotations
from viewers.camera import Camera
from viewers.film_hand import FilmHand
from viewers.film_labels import Label
from viewers.film_marks.calibration import calibration_of
from viewers.film_marks.film import Film
from viewers.film_marks.wording import lines
from viewers.film_values import FilmValues
from viewers.film_written import Resting, Written, paint
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
        self._resting = Resting()
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
        self._resting.forget()
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
        """All marks of a frame, and over them what is under the hand, to which the texts of the others do not give way."""
        self.labels = ()
        if self._film is None or self._document is None or not self._visible:
            return
        line, sketch, chosen, carried = self.line_of(number), hand.sketch, hand.selected_ids, hand.carried
        resting, held = list[Written](), list[Written]()
        self.values.begin()
        for one in self._document.marks.values():
            if hand.shows(one):
                mark = carried.get(one.id, one)
                words = tuple(lines(mark, self.values.of(mark, number, line)))
                (held if mark.id in carried else resting).append(Written(mark, words, mark.id in chosen))
        if sketch is not None:
            held.append(Written(sketch, tuple(lines(sketch, self.values.sketch(sketch, number, line))), True))
        self.values.ask()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        below = self._resting.paint(painter, camera, lettering, base, resting)
        above = paint(painter, camera, lettering, base, held, below.taken)
        self.labels = below.labels + above.labels
        painter.restore()
