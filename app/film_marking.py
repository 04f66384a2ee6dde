"""Measuring on films, put together: the tools, the table of the study, and the files it leaves as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.choosing import chosen_file
from app.errands import Errands
from app.film_rows import Known, Picture, Row, forget_closed, rows
from app.film_words import FilmWords
from viewers.dicom_view import RadiologyView
from viewers.film_marks.exported import valued
from viewers.film_marks.film_mark import FilmTool
from viewers.film_marks.presentation import Shown
from viewers.film_marks.saving import Form, save_dicom, save_table
from viewers.film_marks.table import Sheet
from viewers.film_marks.wording import HINTS
from viewers.marked_film import MarkedFilm

if TYPE_CHECKING:
    from app.marking import Marking
    from app.panels.film_marks import FilmMarksPanel
    from app.panes import Pane, Panes

WRITES: Mapping[str, tuple[str, Form]] = {
    "Measurements of the study (*.csv)": (".csv", "csv"),
    "DICOM presentation state of this film (*.dcm)": (".dcm", "presentation"),
    "DICOM measurement report of this film, TID 1500 (*.dcm)": (".dcm", "report"),
}
PAUSE_MS = 150


@dataclass(frozen=True, slots=True)
class _Made:
    wish: int
    rows: tuple[Row, ...]


class FilmMarking(QObject):
    """The marks themselves are `Marking`'s: this only reads them."""

    noted = Signal(str)
    openWanted = Signal(object)
    """Path of a picture a reader wants to go to."""
    _made = Signal(object)

    def __init__(self, window: QWidget, panes: Panes, panel: FilmMarksPanel, marking: Marking) -> None:
        super().__init__(window)
        self._window, self._panes, self._panel, self._marking = window, panes, panel, marking
        self._errands = Errands("hilum-film-marking", self)
        self._known: Known = {}
        self._newest = 0
        self._wanted: Row | None = None
        self.words = FilmWords(window)
        self.words.noted.connect(self.noted)
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self._begin)
        self._made.connect(self._take)
        self._errands.refused.connect(self._say)
        marking.edited.connect(lambda _: self._pause.start())
        marking.marksShown.connect(self._shown)
        panes.viewMade.connect(self._meet)
        panel.exportWanted.connect(self.choose_export)
        panel.goWanted.connect(self.go_to)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        tools = {f"film-{tool}": partial(self._tool, tool) for tool in FilmTool}
        return {**tools, "film-text": lambda: self.words.ask_text(self.view)}

    @property
    def view(self) -> MarkedFilm | None:
        """The active pane's, where it is a film's."""
        view = self._panes.view
        return view if isinstance(view, MarkedFilm) and view.source is not None else None

    def attend(self) -> None:
        """The panel shows the measurements of the active pane's study."""
        self._panel.follow(self.view)
        path = self._panes.pane.standing
        word, bad = self._marking.word(path) if path is not None and self.view is not None else ("", False)
        self._panel.say(word, bad)
        self._pause.start()

    def close(self) -> None:
        self._pause.stop()
        self.words.close()
        self._errands.close()

    # drawing

    def _tool(self, tool: FilmTool) -> None:
        view = self.view
        if view is None:
            return
        if view.drawing.document is None:
            self.noted.emit("the marks of this picture are still being read")
            return
        view.set_marking("" if view.drawing.tool == tool else str(tool))
        view.setFocus()
        self.noted.emit(HINTS[tool] if view.drawing.tool else "")

    def _meet(self, pane: Pane) -> None:
        """A view is new in a pane."""
        if isinstance(pane.view, MarkedFilm):
            self.words.meet(pane.view)
            pane.view.drawing.toolChanged.connect(self._tool_laid_down)

    def _shown(self, pane: Pane) -> None:
        """A film has its marks: what waits to be gone to is gone to."""
        if self._wanted is not None and isinstance(pane.view, MarkedFilm) and pane.standing == self._wanted.path:
            wanted, self._wanted = self._wanted, None
            pane.view.go_to(wanted.valued.mark)
        self.attend()

    def _tool_laid_down(self, name: str) -> None:
        """Its hint goes with it."""
        if not name:
            self.noted.emit("")

    # the table

    def _begin(self) -> None:
        self._newest += 1
        path, view = self._panes.pane.standing, self.view
        held = [document.marks for document, _ in self._marking.films().values()]
        self._errands.start(path or Path(), "what was measured", partial(forget_closed, self._known, held))
        if path is None or view is None:
            self._panel.show_rows(())
            return
        pictures = self._pictures(path, view)
        wish = self._newest
        self._errands.start(path, path.name, partial(self._measure, wish, pictures, path))

    def _pictures(self, front: Path, view: MarkedFilm) -> list[Picture]:
        """The films of the study in front whose marks are known."""
        facts = view.source.facts if view.source is not None else None
        found = []
        for path, (document, film) in self._marking.films().items():
            other = film.source.facts
            same = bool(facts and other and facts.study_key and facts.study_key == other.study_key)
            if path == front or same:
                held = [pane.view for pane in self._panes.holding(path) if isinstance(pane.view, MarkedFilm)]
                shown = next((one.marks.film for one in held if one.marks.film is not None), None)
                found.append(Picture(path, shown or film, tuple(document.marks.values()), shown is not None))
        return found

    def _measure(self, wish: int, pictures: list[Picture], front: Path) -> None:
        if wish == self._newest:
            found = rows(pictures, front, self._known, lambda: wish == self._newest)
            self._errands.tell(self._made, _Made(wish, found))

    def _take(self, made: _Made) -> None:
        if made.wish == self._newest:
            self._panel.show_rows(made.rows)

    def go_to(self, row: Row) -> None:
        """In the pane that has it; else the picture is opened first."""
        for pane in self._panes.holding(row.path):
            if isinstance(pane.view, MarkedFilm):
                self._panes.activate(pane.number)
                pane.view.go_to(row.valued.mark)
                return
        self._wanted = row
        self.openWanted.emit(row.path)

    # files

    def choose_export(self) -> None:
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None or view.drawing.document is None or not view.drawing.document.marks:
            self._panel.say("There is nothing measured to export yet.")
            return
        endings = {words: ending for words, (ending, _) in WRITES.items()}
        chosen = chosen_file(self._window, "Export measurements", path.stem, endings)
        if chosen is not None:
            form = WRITES[chosen[1]][1]
            if chosen[0].suffix.lower() == ".csv":
                form = "csv"
            self.export(chosen[0], "report" if form == "csv" and chosen[0].suffix.lower() != ".csv" else form)

    def export(self, file: Path, form: Form) -> None:
        """The study's measurements as a table, or those of the film in the active pane as DICOM."""
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None or view.drawing.document is None or view.marks.film is None:
            return
        self.noted.emit(f"writing {file.name} …")
        film, marks = view.marks.film, tuple(view.drawing.document.marks.values())
        pictures, shown = self._pictures(path, view), _shown_as(view)

        def work() -> None:
            if form == "csv":
                sheets: dict[Path, list[Row]] = {}
                for row in rows(pictures, path, self._known, lambda: True):
                    sheets.setdefault(row.path, []).append(row)
                notes = save_table(file, [Sheet(one.name, tuple(row.valued for row in found)) for one, found in sheets.items()])
            else:
                notes = save_dicom(file, film, valued(film, marks), shown, form)
            self._errands.tell(self.noted, " ".join([f"saved {file.name}.", *notes]))

        self._errands.start(path, file.name, work)

    def _say(self, path: Path, sentence: str) -> None:
        self.noted.emit("")
        if self._panes.pane.standing == path:
            self._panel.say(sentence)


def _shown_as(view: RadiologyView) -> Shown:
    camera, shown = view.camera, view.shown
    through, bounds = (shown.through, shown.bounds) if shown is not None else (None, (0.0, 1.0))
    window = view.window_shown or through
    return Shown(view.frame, window, bounds, view.inverted, camera.angle, camera.flipped, view.spacing)
