"""A film with marks on it: the pane that a reader measures in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from viewers import drawn
from viewers.annotations.annotation import Annotation, Point
from viewers.annotations.document import Annotations
from viewers.dicom_view import RadiologyView
from viewers.film_hand import FilmHand
from viewers.film_layer import FilmLayer
from viewers.film_marks.calibration import calibrated
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import key_of
from viewers.geometry import Spacing
from viewers.gestures import Tool
from viewers.marking_hand import MarkingHand
from viewers.sources.dicom import Dicom


class MarkedFilm(RadiologyView):
    """`drawing` is the hand, `marks` the layer that is painted; both follow the document that `show_marks` gives them."""

    textWanted = Signal(object)
    """This view, after a double click on the text of its one selected mark."""
    wordsWanted = Signal(object, object)
    """This view, and an arrow or a calibration line of its hand that waits for what a person types."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.marks = FilmLayer(self)
        self.drawing = FilmHand(self._label_at, self)
        self.hand = MarkingHand(self, self.drawing, lambda: self.marks.visible, self.legend.over)
        self._before = Tool.REGION
        self.marks.changed.connect(self.update)
        self.drawing.changed.connect(self.update)
        self.drawing.toolChanged.connect(self._tool_changed)
        self.drawing.wordsWanted.connect(self._pass_on)
        self.frameChanged.connect(self._use_frame)

    def show_marks(self, document: Annotations | None, film: Film | None = None) -> None:
        """Whose marks are shown and drawn, and the frames they belong to; None for none."""
        self.marks.follow(document, film)
        self._use_frame()
        self.drawing.follow(document)

    @Slot(object)
    def _pass_on(self, mark: Annotation) -> None:
        self.wordsWanted.emit(self, mark)

    @Slot(int)
    def _use_frame(self, _: int = 0) -> None:
        film = self.marks.film
        key = film.keys[self.frame] if film is not None and self.frame < len(film.keys) else None
        if key != self.drawing.key:
            self.drawing.cancel()
        self.drawing.key = key
        self.drawing.select([one.id for one in self.drawing.selected if self.drawing.shows(one)])

    def closed(self) -> None:
        self.show_marks(None)
        super().closed()

    @property
    def settled(self) -> bool:
        return super().settled and self.marks.settled

    def set_marking(self, name: str) -> None:
        """Take a tool of `FilmTool`; "" gives the mouse back to the pane."""
        self.drawing.tool = name

    def set_tool(self, tool: Tool | str) -> None:
        if Tool(tool) != Tool.MARK:
            self.drawing.tool = ""
        super().set_tool(tool)

    def _tool_changed(self, name: str) -> None:
        if name and self.tool != Tool.MARK:
            self._before = self.tool
        super().set_tool(Tool.MARK if name else self._before)

    @property
    def spacing(self) -> Spacing | None:
        """As the reader calibrated the image that is shown, else as stated; ultrasound of several regions has none."""
        line, film = self.marks.line_of(self.frame), self.marks.film
        if line is None or film is None or (super().spacing is None and isinstance(film.source, Dicom) and film.source.regions):
            return super().spacing
        return calibrated(line, super().spacing) or super().spacing

    def go_to(self, mark: Annotation) -> None:
        """Show the frame a mark lies on, and the mark in the middle where it is not seen whole; it is selected."""
        film = self.marks.film
        number = film.numbers.get(key_of(mark)) if film is not None else None
        if number is None:
            return
        self.set_frame(number)
        x0, y0, x1, y1 = mark.geometry.bounds
        left, top, right, bottom = self.camera.visible()
        if x0 < left or y0 < top or x1 > right or y1 > bottom:
            self.centre_on((x0 + x1) / 2, (y0 + y1) / 2)
        self.marks.visible = True
        self.drawing.select([mark.id])
        self.setFocus()

    # painting

    def paint_hand(self, painter: QPainter) -> None:
        super().paint_hand(painter)
        if self.covered:
            return
        self.marks.paint(painter, self.camera, self._lettering, self.font(), self.drawing, self.frame)
        chosen = self.drawing.selected
        if self.marks.visible and self.drawing.moves and len(chosen) == 1 and self.drawing.shows(chosen[0]):
            one = self.drawing.carried.get(chosen[0].id, chosen[0])
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            drawn.draw_handles(painter, self.camera, self.drawing.corners(one))
            painter.restore()

    def corner_lines(self) -> Mapping[str, Sequence[str]]:
        lines = super().corner_lines()
        if self.marks.visible or self.drawing.document is None:
            return lines
        hidden = sum(self.drawing.shows(one) for one in self.drawing.document.marks.values())
        word = [] if not hidden else ["1 mark hidden" if hidden == 1 else f"{hidden} marks hidden"]
        return {**lines, "bottom-left": [*word, *lines.get("bottom-left", ())]}

    def _label_at(self, place: Point) -> tuple[Annotation, Point] | None:
        found = self.marks.label_at(QPointF(*self.camera.to_screen(*place)))
        if found is None or found.mark.id not in (self.drawing.document.marks if self.drawing.document else ()):
            return None
        middle = found.rect.center()
        return found.mark, self.camera.from_screen(middle.x(), middle.y())

    # events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.covered and self.hand.press(event):
            self.marks.visible = True  # nobody draws on what they do not see
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.hand.move(event):
            self.pointed_at(event.position())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self.hand.release(event):
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        if (
            left
            and not self.drawing.tool
            and self.marks.label_at(event.position()) is not None
            and len(self.drawing.selected) == 1
        ):
            self.textWanted.emit(self)
        elif not left or not (self.drawing.tool or self.hand.over_mark(event)):
            super().mouseDoubleClickEvent(event)
        elif not self.drawing.finish():
            self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        mine = self.give_up if event.key() == Qt.Key.Key_Escape else lambda: self.hand.key(event)
        if not self.live or not mine():
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.drawing.leave()
        super().leaveEvent(event)

    def give_up(self) -> bool:
        """What is being drawn goes, else the tool, else what is selected is let go; whether there was anything."""
        if self.hand.give_up():
            return True
        held = bool(self.drawing.tool)
        self.drawing.tool = ""
        return held

    def take_back(self) -> bool:
        """The last corner goes, else the selected marks; whether there was anything."""
        return self.hand.take_back()
