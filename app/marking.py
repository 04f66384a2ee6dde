"""The marks of slides and films that are open: read, kept as they are drawn, measured, exchanged, beside the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.choosing import chosen_file
from app.errands import Errands
from app.measuring import Measuring
from app.slide_identity import identity
from app.spacings import open_source
from app.storage import data_folder
from viewers.annotations.annotation import Annotation, Kind, new_id
from viewers.annotations.classes import AnnotationClass
from viewers.annotations.document import Annotations, Edit, Prepared, adding
from viewers.annotations.files import Loaded, load, save
from viewers.annotations.found import Stopped
from viewers.annotations.index import Index
from viewers.annotations.keeping import Keeping
from viewers.annotations.store import Store
from viewers.film_marks.film import Film, series_identity
from viewers.marked_film import MarkedFilm
from viewers.marked_slide import MarkedSlide
from viewers.sources import Source, TiledSource
from viewers.sources.dicom import Dicom
from viewers.views import Marked

if TYPE_CHECKING:
    from app.panels.marks import MarksPanel
    from app.panes import Pane, Panes

READS = "Marks (*.geojson *.json *.gz *.zip *.xml *.dcm);;All files (*)"
WRITES: Mapping[str, tuple[str, Literal["ann", "sr"]]] = {
    "GeoJSON for QuPath (*.geojson)": (".geojson", "ann"),
    "Measurements (*.csv)": (".csv", "ann"),
    "DICOM annotations (*.dcm)": (".dcm", "ann"),
    "DICOM measurement report, TID 1500 (*.dcm)": (".dcm", "sr"),
}
PATIENCE_S = 5.0
"""So long the marks of a picture wait for what is still written of it; the disk may refuse it."""
BOOKMARKS = "bookmarks"
TISSUE = "Tissue"


@dataclass(eq=False)
class Kept:
    """The marks in one file, and the thread that writes them: of one slide or film, or of a series opened as a folder and
    as single files, whose views are then views of one document."""

    store: Path
    document: Annotations
    keeping: Keeping
    notes: tuple[str, ...] = ()
    trouble: str = ""
    """Why the disk takes nothing now; "" while it does."""
    films: dict[Path, Film] = field(default_factory=dict)
    """The frames of each film that was opened, by its path; none for slides."""


class Marking(QObject):
    """Marks stay with their slide or film, wherever its file lies: they are found again by what the slide holds, or by the
    series and the instances of the film."""

    noted = Signal(str)
    """What becomes of a file, in a few words."""
    bookmarksRead = Signal(object, object)
    """path, the JSON value of its bookmarks."""
    bookmarksShared = Signal(object, object)
    """path, and another that is open and whose bookmarks are the same."""
    marksShown = Signal(object)
    """The Pane that has its marks now."""
    edited = Signal(object)
    """Path whose marks changed."""
    _opened = Signal(object, int, object)
    _filmed = Signal(object, object)
    """path, the Film of a source that is shown beside another of the same path."""
    _kept_on_disk = Signal(object, str)
    """The file of marks, "" after every write, one sentence while the disk refuses."""
    _prepared = Signal(object, object, str, str)

    def __init__(self, window: QWidget, panes: Panes, panel: MarksPanel) -> None:
        super().__init__(window)
        self._window, self._panes, self._panel = window, panes, panel
        self._errands = Errands("hilum-marking", self)
        self._files = Errands("hilum-marks-files", self)
        """What may take long: nothing else waits for it."""
        self._kept: dict[Path, Kept] = {}
        """By what was opened; the same one for all that have one file of marks."""
        self._opening: dict[Path, int] = {}
        """The newest wish for the marks of each path."""
        self._asked = 0
        self._ending: list[Keeping] = []
        """Of slides that were closed, until all of theirs is on disk."""
        self._closed = False
        self._measuring = Measuring(panes, panel, self._errands, self)
        self._opened.connect(self._take)
        self._filmed.connect(self._lay_film)
        self._kept_on_disk.connect(self._note_disk)
        self._errands.refused.connect(self._unread)
        self._files.refused.connect(self._say)
        self._prepared.connect(self._take_prepared)
        panel.importWanted.connect(self.choose_import)
        panel.exportWanted.connect(self.choose_export)
        panel.tissueWanted.connect(self.outline_tissue)

    @property
    def view(self) -> MarkedSlide | None:
        """The active pane's, where it is a slide's."""
        view = self._panes.view
        return view if isinstance(view, MarkedSlide) else None

    def kept(self, path: Path) -> Kept | None:
        return self._kept.get(path)

    def shown(self, pane: Pane) -> None:
        """A source stands in a pane anew: its marks are laid over it as soon as they are read."""
        view, path = pane.view, pane.standing
        if not isinstance(view, Marked) or path is None or view.source is None:
            return
        if path in self._kept:
            self._show_marks(path, pane, view, view.source, self._kept[path])
        elif path not in self._opening:
            self._asked += 1
            self._opening[path] = self._asked
            self._errands.start(path, "its marks", partial(self._read, path, self._asked, view.source))

    def _show_marks(self, path: Path, pane: Pane, view: Marked, source: Source, kept: Kept) -> None:
        """At once on a slide; on a film as soon as the frames of this very source are known."""
        view.drawing.bulk = partial(self._bulk, path)
        if isinstance(view, MarkedSlide):
            view.show_marks(kept.document)
            self.marksShown.emit(pane)
        elif (film := kept.films.get(path)) is not None and film.source is source:
            view.show_marks(kept.document, film)
            self.marksShown.emit(pane)
        else:
            work = partial(self._film, path, source)
            self._errands.start(path, "its frames", lambda: self._errands.tell(self._filmed, path, work()))

    def _film(self, path: Path, source: Source) -> Film:
        """On the thread."""
        return Film(source, "" if isinstance(source, Dicom) else identity(path, source))

    def _lay_film(self, path: Path, film: Film) -> None:
        kept = self._kept.get(path)
        if kept is None:
            return
        kept.films[path] = film
        for pane in self._panes.holding(path):
            if isinstance(pane.view, MarkedFilm) and pane.view.source is film.source:
                pane.view.show_marks(kept.document, film)
                self.marksShown.emit(pane)

    def films(self) -> Mapping[Path, tuple[Annotations, Film]]:
        """The marks and the frames of each film that is open."""
        held = ((path, kept.document, kept.films.get(path)) for path, kept in self._kept.items())
        return {path: (document, film) for path, document, film in held if film is not None}

    def word(self, path: Path) -> tuple[str, bool]:
        """What has to be said of the marks of a picture, and whether it is bad; "" for nothing."""
        kept = self._kept.get(path)
        if kept is not None:
            return kept.trouble or " ".join(kept.notes), bool(kept.trouble)
        return ("Reading the marks of this picture …" if path in self._opening else ""), False

    def attend(self) -> None:
        """The panel shows the marks of the active pane."""
        view, path = self.view, self._panes.pane.standing
        self._panel.follow(view)
        self._panel.say(*(self.word(path) if path is not None and view is not None else ("", False)))
        self._measuring.soon()

    def keep_bookmarks(self, path: Path, value: object) -> None:
        """Beside the marks of a slide; returns at once."""
        kept = self._kept.get(path)
        if kept is not None:
            kept.keeping.keep_note(BOOKMARKS, value)

    def forget(self, path: Path) -> None:
        """Its picture was closed: what is left to write is written, however long that takes."""
        kept = self._kept.pop(path, None)
        self._opening.pop(path, None)
        if kept is None:
            return
        kept.films.pop(path, None)
        if kept not in self._kept.values():
            self._ending = [one for one in self._ending if one.unwritten]
            self._ending.append(kept.keeping)
            kept.keeping.end()

    def unsaved(self, path: Path | None = None) -> dict[str, str]:
        """Pictures with edits that the disk refuses, by name, and why; of all, or what closing one would lose."""
        looked = [(one, kept) for one, kept in self._kept.items() if path is None or [path] == self._paths(kept) == [one]]
        return {one.name: kept.trouble for one, kept in looked if kept.trouble and kept.keeping.unwritten}

    def _paths(self, kept: Kept) -> list[Path]:
        """What is open and has these marks."""
        return [path for path, one in self._kept.items() if one is kept]

    def close(self) -> None:
        """Returns when what was drawn is on disk, or cannot be."""
        self._closed = True
        self._measuring.stop()
        self._errands.close()
        self._files.close()
        for keeping in dict.fromkeys([*self._ending, *(kept.keeping for kept in self._kept.values())]):
            keeping.close()

    # in and out

    def choose_import(self) -> None:
        if self.view is None:
            self._panel.say("Open a slide first: drop a file here, or press Ctrl+O.")
            return
        name, _ = QFileDialog.getOpenFileName(self._window, "Import marks onto this slide", "", READS)
        if name:
            self.import_file(Path(name))

    def import_file(self, file: Path) -> None:
        """Add a file's marks to the slide in the active pane, as one edit."""
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None or view.source is None:
            return
        size = view.source.size
        self.noted.emit(f"reading {file.name} …")

        def work() -> None:
            from viewers.maps.dicom_slides import level_0

            found = load(file, size, self._go_on, reference=level_0(path, size))
            self._add(path, found, f"{_marks(len(found.marks))} from {file.name}")

        self._files.start(path, file.name, work)

    def _go_on(self, _: float) -> None:
        """Called by what takes long; ends it when the window closes."""
        if self._closed:
            raise Stopped

    def choose_export(self) -> None:
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None or view.drawing.document is None or not view.drawing.document.marks:
            self._panel.say("There are no marks to export yet.")
            return
        endings = {words: ending for words, (ending, _) in WRITES.items()}
        chosen = chosen_file(self._window, "Export marks", path.stem, endings)
        if chosen is not None:
            self.export(chosen[0], WRITES[chosen[1]][1])

    def export(self, file: Path, form: Literal["ann", "sr"] = "ann") -> None:
        """The marks of the slide in the active pane, in the form the file's name ends in; `form` says which of DICOM's."""
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None or view.source is None or view.drawing.document is None:
            return
        document, source, spacing = view.drawing.document, view.source, view.source.spacing
        snapshot, classes = document.snapshot, document.classes
        self.noted.emit(f"writing {file.name} …")

        def work() -> None:
            from viewers.maps.dicom_slides import level_0

            slide, own = level_0(path, source.size), identity(path, source)
            notes = save(file, tuple(snapshot), classes, spacing=spacing, form=form, reference=slide, identity=own)
            self._errands.tell(self.noted, " ".join([f"saved {file.name}.", *notes]))

        self._files.start(path, file.name, work)

    def outline_tissue(self) -> None:
        """The tissue of the slide in the active pane as marks that can be changed; pen ink is left out."""
        path, view = self._panes.pane.standing, self.view
        if path is None or view is None:
            return
        self.noted.emit("looking for tissue …")
        self._files.start(path, path.name, partial(self._outline, path))

    def _outline(self, path: Path) -> None:
        from contextlib import closing

        import shapely

        from viewers.tissue import tissue

        with closing(open_source(path)) as source:
            found = tissue(source)
        parts = shapely.get_parts(found.shape)
        marks = tuple(Annotation(part, Kind.POLYGON, class_name=TISSUE, name=TISSUE) for part in parts)
        self._add(path, Loaded(marks, (), (found.words,), Index(())), found.words)

    def _add(self, path: Path, found: Loaded, words: str) -> None:
        """On the thread: what a file holds becomes one edit of the slide's marks."""
        kept = self._kept.get(path)
        if kept is not None:
            document = kept.document
            prepared = document.prepare(lambda marks: _taken_over(marks, document.classes, found))
            self._errands.tell(self._prepared, path, prepared, words, " ".join(found.notes))

    def _prepare(
        self, path: Path, document: Annotations, make: Callable[[Mapping[str, Annotation]], Edit], words: str, notes: str
    ) -> None:
        self._errands.start(
            path, path.name, lambda: self._errands.tell(self._prepared, path, document.prepare(make), words, notes)
        )

    def _bulk(self, path: Path, make: Callable[[Mapping[str, Annotation]], Edit]) -> None:
        """An edit of very many marks, worked out on the thread."""
        kept = self._kept.get(path)
        if kept is None:
            return
        self.noted.emit("working …")
        self._prepare(path, kept.document, make, "", "")

    # results

    def _read(self, path: Path, number: int, source: Source) -> None:
        film = None if isinstance(source, TiledSource) else self._film(path, source)
        own = (series_identity(source) if film is not None else "") or identity(path, source)
        store = Store(data_folder() / "marks" / f"{own}.marks")
        for ending in list(self._ending):  # closed just now, and opened again before its last edits were written
            ending.ended(store.path, PATIENCE_S)
        marks, classes = store.load()
        document = Annotations(marks, classes, Index(marks).prepare())
        self._errands.tell(self._opened, path, number, (document, store, store.note(BOOKMARKS), film))

    def _take(self, path: Path, number: int, found: tuple[Annotations, Store, object, Film | None]) -> None:
        document, store, bookmarks, film = found
        if self._closed or self._opening.get(path) != number:  # it was closed meanwhile, perhaps opened again
            store.close()
            return
        del self._opening[path]
        kept = next((one for one in self._kept.values() if one.store == store.path), None)
        if kept is None:
            kept = self._kept[path] = self._begun(document, store)
            self.bookmarksRead.emit(path, bookmarks)
        else:  # another way to the same picture is open: what was read here is that document, perhaps an edit behind
            store.close()
            self.bookmarksShared.emit(path, self._paths(kept)[0])
            self._kept[path] = kept
        if film is not None:
            kept.films[path] = film
        for pane in self._panes.holding(path):
            if isinstance(pane.view, Marked) and pane.view.source is not None:
                self._show_marks(path, pane, pane.view, pane.view.source, kept)
        if self._panes.pane.standing == path:
            self.attend()

    def _begun(self, document: Annotations, store: Store) -> Kept:
        keeping = Keeping(store, lambda sentence: self._errands.tell(self._kept_on_disk, store.path, sentence))
        kept = Kept(store.path, document, keeping, tuple(store.notes))

        def edited(_: Edit) -> None:
            for path in self._paths(kept):
                self.edited.emit(path)

        document.listen(keeping.tell)
        document.listen(lambda _: self._measuring.soon())
        document.listen(edited)
        return kept

    def _take_prepared(self, path: Path, prepared: Prepared, words: str, notes: str) -> None:
        kept = self._kept.get(path)
        if kept is None:
            self.noted.emit("")
            return
        if not kept.document.commit(prepared):
            self._prepare(path, kept.document, prepared.make, words, notes)  # the reader drew meanwhile
            return
        double = prepared.edit.what == "import" and not prepared.edit.changes
        self.noted.emit("all of these marks are there already" if double else words)
        if self._panes.pane.standing == path and notes:
            self._panel.say(notes, bad=False)

    def _note_disk(self, store: Path, sentence: str) -> None:
        """Whichever picture is in front: marks that are not on disk concern the reader now."""
        kept = next((one for one in self._kept.values() if one.store == store), None)
        if kept is not None and kept.trouble != sentence:
            kept.trouble = sentence
            paths = self._paths(kept)
            self.noted.emit(f"{paths[0].name}: {sentence}" if sentence else "the marks are on disk")
            if self._panes.pane.standing in paths:
                self._panel.say(sentence)

    def _unread(self, path: Path, sentence: str) -> None:
        """The slide's own marks cannot be read: the next look at it asks again."""
        self._opening.pop(path, None)
        self._say(path, sentence)

    def _say(self, path: Path, sentence: str) -> None:
        self.noted.emit("")
        if self._panes.pane.standing == path:
            self._panel.say(sentence)


def _marks(count: int) -> str:
    return "1 mark" if count == 1 else f"{count} marks"


def _taken_over(marks: Mapping[str, Annotation], classes: tuple[AnnotationClass, ...], found: Loaded) -> Edit:
    """What a file holds as one edit. A mark that is there already, the same id and shape, is left out; another mark's id is given
    anew; keys that are taken are given up."""
    keys, names = {one.key for one in classes if one.key}, {one.name for one in classes}
    new = [replace(one, key="" if one.key in keys else one.key) for one in found.classes if one.name not in names]
    there = (one for one in found.marks if one.id not in marks or not one.geometry.equals(marks[one.id].geometry))
    edit = adding((replace(one, id=new_id()) if one.id in marks else one for one in there), (*classes, *new), "import")
    after = edit.classes[1] if edit.classes is not None else (*classes, *new)
    return replace(edit, classes=(classes, after) if after != classes else None)
