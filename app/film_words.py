"""What a reader types beside a mark on a film: the length of a calibration line, an arrow's text, words for a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QInputDialog, QWidget
from shiboken6 import isValid

from viewers.annotations.annotation import Annotation
from viewers.film_marks.calibration import known_length
from viewers.film_marks.film_mark import LONGEST_TEXT, FilmTool, film_mark, key_of, tool_of, with_text
from viewers.marked_film import MarkedFilm


class FilmWords(QObject):
    """Asks in a dialog that stops nothing; the mark may be gone by the time it is answered."""

    noted = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.dialog: QInputDialog | None = None

    def meet(self, view: MarkedFilm) -> None:
        """Once for a view: from now on it may ask for words."""
        view.wordsWanted.connect(self._ask_words)
        view.textWanted.connect(self.ask_text)

    def ask_text(self, view: MarkedFilm | None) -> None:
        """The reader's own words beside the one selected mark."""
        chosen = view.drawing.selected if view is not None else []
        if view is None or len(chosen) != 1:
            self.noted.emit("select one measurement first")
            return
        self._ask(view, "Text", "Your words beside this measurement", chosen[0].name, partial(_change_text, view, chosen[0]))

    def close(self) -> None:
        if self.dialog is not None and isValid(self.dialog):
            self.dialog.close()

    def _ask_words(self, view: MarkedFilm, mark: Annotation) -> None:
        if tool_of(mark) is FilmTool.CALIBRATION:
            question = "Length of this line in the patient, in mm (or 2.5 cm)"
            self._ask(view, "Calibrate", question, "", partial(_calibrate, view, mark))
        else:
            keep = partial(_keep_text, view, mark)
            self._ask(view, "Arrow", "Text beside the arrow", "", keep, partial(keep, ""))

    def _ask(
        self,
        view: MarkedFilm,
        title: str,
        question: str,
        text: str,
        then: Callable[[str], str],
        otherwise: Callable[[], object] | None = None,
    ) -> None:
        """`then` takes what was typed and answers with what has to be noted; `otherwise` is called where nothing was."""
        self.dialog = dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.setLabelText(question)
        dialog.setTextValue(text)
        dialog.textValueSelected.connect(partial(self._answered, then))
        dialog.rejected.connect(otherwise or partial(_drop, view))
        dialog.open()

    def _answered(self, then: Callable[[str], str], text: str) -> None:
        word = then(text[:LONGEST_TEXT])
        if word:
            self.noted.emit(word)


def _drop(view: MarkedFilm) -> None:
    if isValid(view):
        view.drawing.drop()


def _calibrate(view: MarkedFilm, mark: Annotation, text: str) -> str:
    """Keeps the line with its length."""
    known = known_length(text)
    if not isValid(view):
        return ""
    if known is None:
        view.drawing.drop()
        return f"{text[:40]!r} is no length: type millimetres, such as 25 or 2.5 cm"
    view.drawing.keep(replace(film_mark(FilmTool.CALIBRATION, mark.geometry, key_of(mark), known_mm=known), id=mark.id))
    return "calibrated by the reader: lengths on this image follow"


def _keep_text(view: MarkedFilm, mark: Annotation, text: str) -> str:
    if isValid(view):
        view.drawing.keep(with_text(mark, text))
    return ""


def _change_text(view: MarkedFilm, mark: Annotation, text: str) -> str:
    document = view.drawing.document if isValid(view) else None
    now = document.marks.get(mark.id) if document is not None else None
    if document is not None and now is not None:
        document.replace([with_text(now, text)], "change text")
    return ""
