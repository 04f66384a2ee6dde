"""What is open and where it is shown: browser, opener and panes brought together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.offers import NO_TRACES, Offer
from app.opening import Described, Listed, Opener, is_container
from app.panels.browser import Browser
from app.panes import Pane, Panes
from app.placing import Card
from app.priors import Known, Prior, priors
from app.spacings import Spacings, spaced
from inference.questions import Modality
from viewers.sources import ScannedSource, Source


class Shelf(QObject):
    """Opening never blocks and never interrupts: a bad file becomes a line in the browser that says why."""

    shown = Signal(object, int)
    """path, pane: a source is on the screen."""
    known = Signal(object)
    """Described."""
    failed = Signal(object, str)
    """path, sentence: it cannot be shown."""
    attachedFound = Signal(object)
    """Path of what is no picture but says something about pictures: read it."""
    attachedChosen = Signal(object)
    """Its line was chosen."""
    closed = Signal(object)
    """Path."""

    def __init__(self, browser: Browser, panes: Panes, encoder: str, drafter: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._browser, self._panes = browser, panes
        self._known: dict[Path, Described] = {}
        self._roots: dict[Path, Path] = {}
        self._wanted: Path | None = None
        self._waiting: set[Path] = set()
        self._patients: dict[str, dict[Path, Known]] = {}
        self._attached: set[Path] = set()
        self._offers: Mapping[str, Offer] = {}
        """By kind, once other models were chosen than those of the start."""
        self.opener = Opener(encoder, drafter, self)
        self.opener.listed.connect(self._listed)
        self.opener.opened.connect(self._opened)
        self.opener.described.connect(self._described)
        self.opener.failed.connect(self.refuse)
        self.opener.attachedFound.connect(self._attach)
        self.opener.spacingsKept.connect(self._spaced)
        self.opener.offered.connect(self._offered)
        panes.spacingGiven.connect(self.opener.keep_spacing)
        browser.chosen.connect(self.show)
        panes.dropped.connect(self._dropped)

    def open_paths(self, paths: Iterable[Path], select: Path | None = None) -> None:
        """Add files and folders; `select` (default: the first) is shown when nothing is shown yet or it was asked for."""
        listed = list(dict.fromkeys(path.absolute() for path in paths))
        if listed:
            self._wanted = select or listed[0]
        for path in listed:
            if path.is_dir() or is_container(path):
                self.opener.list(path)
            else:
                self._listed([Listed(path)])

    def show(self, path: Path) -> None:
        """Show a source in the active pane, if it is not there already."""
        self.show_in(path, self._panes.active)

    def show_in(self, path: Path, number: int) -> None:
        """The same in any pane, which need not be the active one."""
        pane = self._panes.panes[number]
        if path in self._attached:
            self.attachedChosen.emit(path)
            return
        if pane.path == path:
            return
        pane.path = path
        pane.view.set_status(f"Opening {path.name} …")
        self.opener.open(path, pane.number)

    def describes(self, path: Path) -> Described | None:
        return self._known.get(path)

    def known_of(self, path: Path | None) -> Known | None:
        """What priors and hanging go by; None where it is not described, or no DICOM."""
        described = self._known.get(path) if path is not None else None
        return described.known if described is not None else None

    def stands(self, pane: Pane) -> bool:
        """Whether the pane shows the source it is meant to, not still the one before."""
        return pane.view.source is not None and pane.standing == pane.path

    def say_kind(self, path: Path, kind: Modality) -> None:
        """The reader says what a picture is whose file does not."""
        described = self._known.get(path)
        if described is not None and described.guessed and described.modality != kind:
            self.opener.say_kind(path, kind)

    @property
    def waiting(self) -> int:
        """How many of those listed are still to be described."""
        return len(self._waiting)

    def of_patient(self, key: str) -> list[Known]:
        """The DICOM sources that were described, of one `Facts.patient_key`."""
        return list(self._patients.get(key, {}).values())

    def priors(self, path: Path) -> list[Prior]:
        """Earlier pictures of the same patient and body part that are open, the latest first."""
        known = self.known_of(path)
        return priors(known, self.of_patient(known.facts.patient_key)) if known is not None else []

    def paths(self) -> list[Path]:
        return [item.path for item in self._browser.model.items()]

    def roots(self) -> list[Path]:
        """What a reader opened to get at all that is open: files, folders, archives; each once."""
        return list(dict.fromkeys(self._roots.get(path, path) for path in self.paths()))

    def root_of(self, path: Path) -> Path:
        """What was opened to get at a source: opened again, it finds the same files."""
        return self._roots.get(path, path)

    def regained_by(self, path: Path) -> Path | None:
        """What has to be opened to get a source again as it is now; None where its path alone does."""
        root = self.root_of(path)
        lies_inside = root == path or root in path.parents
        return root if root != path and (self.opener.several(path) or not lies_inside) else None

    def cards(self) -> list[Card]:
        """What the browser knows of each source, in the order they were opened."""
        return [item.card for item in self._browser.model.items()]

    def close_path(self, path: Path) -> None:
        for pane in self._panes.showing(path):
            self._panes.clear(pane)
        gone = self._known.pop(path, None)
        if gone is not None and gone.known is not None:
            self._patients[gone.known.facts.patient_key].pop(path, None)
        self._waiting.discard(path)
        self._roots.pop(path, None)
        self._attached.discard(path)
        self.opener.forget(path)
        self._browser.remove(path)
        self.closed.emit(path)

    def ask_others(self, encoder: str, drafter: str) -> None:
        """Other models will be asked about what is open and what comes."""
        self.opener.ask_others(encoder, drafter)

    def close(self) -> None:
        self.opener.close()

    def _dropped(self, path: Path, number: int) -> None:
        """From the browser onto a pane, which becomes the active one."""
        self.show_in(path, number)
        self._panes.activate(number)

    def _listed(self, found: list[Listed]) -> None:
        problems = {item.path: item.problem for item in found if item.problem and not item.attached}
        new = {card.path for card in self._browser.add_cards((item.card or Card(item.path) for item in found), problems)}
        for item in found:
            if item.path in new:
                if item.root is not None:
                    self._roots[item.path] = item.root
                if item.attached:
                    self._attach(item.path)
                elif not item.problem:
                    self._waiting.add(item.path)
                    self.opener.describe(item.path)
        self._select_wanted(found)

    def _select_wanted(self, found: list[Listed]) -> None:
        if self._wanted is None:
            return
        good = [item.path for item in found if not item.problem]
        first = next((path for path in good if self._wanted in (path, self.root_of(path), *path.parents)), None)
        if first is not None:
            self._wanted = None
            self._browser.select(first)
            self.show(first)

    def _opened(self, path: Path, number: int, source: Source) -> None:
        pane = self._panes.panes[number]
        if pane.path != path:
            source.close()
            return
        self._panes.show_source(pane, source)
        self.shown.emit(path, number)

    def _described(self, described: Described) -> None:
        if self._browser.model.item_of(described.path) is None:
            return  # closed since
        self._known[described.path] = self._as_offered(replace(described, picture=None))  # the browser keeps it
        if described.known is not None:
            self._patients.setdefault(described.known.facts.patient_key, {})[described.path] = described.known
        self._waiting.discard(described.path)
        self._browser.file(described.card)
        self._browser.describe(described.path, described.line, described.picture)
        self.known.emit(described)

    def _offered(self, offers: Mapping[str, Offer]) -> None:
        self._offers = offers
        for path, described in self._known.items():
            self._known[path] = self._as_offered(described)
        shown = self._panes.pane.path
        if shown is not None and shown in self._known:
            self.known.emit(self._known[shown])

    def _as_offered(self, described: Described) -> Described:
        """A trace is never offered anything."""
        if described.offer.no_words == NO_TRACES:
            return described
        return replace(described, offer=self._offers.get(described.modality, described.offer))

    def _spaced(self, known: Spacings) -> None:
        """What the reader gave changes what stands on the screen at once."""
        for pane in self._panes.panes:
            source = pane.view.source
            if isinstance(source, ScannedSource) and pane.path is not None:
                source.give_spacing(None)
                spaced(source, known)
                pane.strip.show_for(source)
                pane.view.update()
                self.opener.describe(pane.path)

    def tell_attached(self, path: Path, line: str, study_key: str) -> bool:
        """What was read of it, for its line in the browser; whether it stands with its study now."""
        known = next((one.card for one in self._known.values() if one.card.study and one.card.study == study_key), None)
        if known is not None and known.facts is not None:
            self._browser.file(replace(known, path=path, modality="", images=0, who=None))
        self._browser.describe(path, line, None)
        return known is not None

    def _attach(self, path: Path) -> None:
        self._attached.add(path)
        self._waiting.discard(path)
        self._browser.add(path)
        for pane in self._panes.showing(path):  # it was opened before it was known what it is
            pane.path = pane.standing
            pane.view.set_status("")
        self.attachedFound.emit(path)

    def refuse(self, path: Path, sentence: str) -> None:
        """It cannot be shown."""
        self._waiting.discard(path)
        self._browser.add(path)
        self._browser.fail(path, sentence)
        for pane in self._panes.showing(path):
            if pane.view.source is not None and pane.standing != path:
                self._panes.clear(pane)  # the picture before it must not stand there under another's name
                pane.path = path
            if pane.view.source is None:
                pane.view.set_status(sentence)
        self.failed.emit(path, sentence)
