"""Opening files, listing folders and making thumbnails, away from the GUI thread."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

from PySide6.QtCore import QObject, Signal

from app.lane import Lane
from app.modality import modality_of, named_modality
from app.offers import Offer, none_for_traces, offered
from app.placing import Card
from app.priors import Known
from app.spacings import open_source, remember, spaced
from app.storage import data_folder
from inference.questions import Modality
from viewers.errors import SourceError
from viewers.figures import counted
from viewers.geometry import Region
from viewers.sources import NamedSource, Source, TracedSource, dicomdir, discover, packed
from viewers.sources.attached import Attached
from viewers.sources.facts import Facts
from viewers.sources.folder import DICOMDIR, Failure, Item
from viewers.sources.packed import PackedItem
from viewers.sources.unpacked import Unpacked, sweep
from viewers.thumbnail import Thumbnail

THUMBNAIL = 96
"""Longest side of a thumbnail in the browser, in pixels."""
MOST = 20_000
"""Items listed of one folder."""
PIECE = 32
PIECE_S = 0.1
"""What was found is told at the latest after so long."""
PATIENCE_S = 2.0
"""So long each thread may finish what it reads when the window closes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One thing found below a folder: it can be opened, or `problem` says in a sentence why not."""

    path: Path
    problem: str = ""
    card: Card | None = None
    attached: bool = False
    """It is no picture but says something about pictures."""
    root: Path | None = None
    """The folder, archive or directory of a medium it was found in."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What is known of a source without showing it. Whoever is told keeps `picture`."""

    path: Path
    line: str
    picture: Thumbnail | None
    offer: Offer
    facts: Facts | None
    info: Mapping[str, object]
    card: Card
    guessed: bool = False
    """Whether its file does not say what it is: what it was taken for may be corrected."""

    @property
    def modality(self) -> Modality:
        return self.offer.kind

    @property
    def known(self) -> Known | None:
        """What tells whose it is and of what; None for files that are not DICOM."""
        if self.facts is None:
            return None
        return Known(self.path, self.card.modality, self.facts, self.card.who.series if self.card.who is not None else "")


class Opener(QObject):
    """One thread opens, one describes what was listed, one what the reader looks at; results arrive on the GUI thread as queued
    signals, none after `close`. `encoder` and `drafter` are who will be asked."""

    listed = Signal(object)
    """list[Listed], in pieces as they are found."""
    opened = Signal(object, int, object)
    """path, pane, Source; whoever receives it closes it."""
    described = Signal(object)
    failed = Signal(object, str)
    """path, sentence."""
    attachedFound = Signal(object)
    """Path of what is no picture but says something about pictures."""
    offered = Signal(object)
    """Mapping[Modality, Offer]: what the models asked from now on can be asked."""
    spacingsKept = Signal(object)
    """Spacings: all that is remembered now."""

    def __init__(self, encoder: str, drafter: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models = encoder, drafter
        self._now = Lane("hilum-open")
        self._soon = Lane("hilum-describe-first")
        self._later = Lane("hilum-describe")
        self._closed = threading.Event()
        self._items: dict[Path, Item] = {}
        self._unpacked = Unpacked(data_folder() / "unpacked")
        self._later.submit(partial(sweep, data_folder() / "unpacked"))
        self._attached: dict[Path, Callable[[], Path]] = {}
        self._told: dict[Path, tuple[int, int]] = {}
        """At which count of closings and of sizes of a pixel and kinds given each path was described."""
        self._describing: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._closings: Counter[Path] = Counter()
        self._given = 0
        self._said: dict[Path, Modality] = {}

    def source(self, path: Path) -> Source:
        """Open here and now, from any thread; a series that was listed opens as the files it was listed with."""
        item = self._items.get(path)
        return open_source(path) if item is None else spaced(item.open())

    def attached_file(self, path: Path) -> Path:
        """The file of what is no picture, also where it was found in an archive. Not for the GUI thread. Raises SourceError."""
        unpack = self._attached.get(path)
        return path if unpack is None else unpack()

    def file_of(self, path: Path) -> Path:
        """One file of a source: the middle one of a series. Not for the GUI thread."""
        item = self._items.get(path)
        if item is None:
            return path
        file = item.sample().files[0]
        return item.unpack(file) if isinstance(item, PackedItem) else file

    def files_of(self, path: Path) -> tuple[Path, ...]:
        """All files of a source. Not for the GUI thread."""
        item = self._items.get(path)
        if item is None:
            return (path,)
        return tuple(item.unpack(file) for file in item.files) if isinstance(item, PackedItem) else item.files

    def several(self, path: Path) -> bool:
        """Whether it was listed as several files, which its path alone does not give back."""
        item = self._items.get(path)
        return item is not None and len(item.files) > 1

    def list(self, path: Path) -> None:
        """Everything that can be opened below a folder; a file stands for itself."""
        self._start(self._later, path, lambda: self._list(path))

    def open(self, path: Path, pane: int) -> None:
        """Open for a pane, and then describe before all that only lies in the browser: questions wait for it."""
        self._start(self._now, path, lambda: self._open(path, pane))

    def describe(self, path: Path) -> None:
        self._start(self._later, path, lambda: self._describe(path, brief=True))

    def keep_spacing(self, path: Path, mpp: float | None, scanner: str) -> None:
        """Remember µm per pixel of a slide, or of a scanner where one is named; None forgets. Described sources are so anew."""
        self._start(self._now, path, lambda: self._keep_spacing(path, mpp, scanner))

    def ask_others(self, encoder: str, drafter: str) -> None:
        """Other models will be asked: `offered` tells what for."""
        self._models = encoder, drafter
        self._now.submit(self._offer_anew)

    def say_kind(self, path: Path, kind: Modality) -> None:
        """The reader says what a picture is whose file does not; it is described anew. As long as it is open."""
        self._said[path] = kind
        self._given += 1
        self.describe(path)

    def said(self, path: Path) -> Modality | None:
        """What the reader said that it is."""
        return self._said.get(path)

    def forget(self, path: Path) -> None:
        """It was closed: opened again, it is described again, even if a description of before is still being made."""
        self._closings[path] += 1
        self._said.pop(path, None)

    def close(self) -> None:
        """End the threads; what was not begun is dropped, and a read that hangs is left behind."""
        self._closed.set()
        deadline = time.monotonic() + PATIENCE_S
        for pool in (self._now, self._soon, self._later):
            pool.close(max(0.0, deadline - time.monotonic()))
        self._unpacked.close()

    def _start(self, pool: Lane, path: Path, work: Callable[[], None]) -> None:
        if not self._closed.is_set():
            pool.submit(partial(self._guarded, path, work))

    def _guarded(self, path: Path, work: Callable[[], None]) -> None:
        """At the bridge: whatever a decoder does costs one file and one sentence."""
        if self._closed.is_set():
            return
        try:
            work()
        except Attached:
            self._emit(self.attachedFound, path)
        except SourceError as error:
            self._emit(self.failed, path, str(error))
        except Exception as error:
            self._emit(self.failed, path, f"{path.name} cannot be read ({type(error).__name__}: {error}).")

    def _list(self, path: Path) -> None:
        if not path.is_dir() and not is_container(path):
            self._emit(self.listed, [Listed(path)])
            return
        piece: list[Listed] = []
        total, told = 0, time.monotonic()
        for item in self._found(path):
            if isinstance(item, Item):
                self._items[item.path] = item
                piece.append(Listed(item.path, card=_listed(item), root=path))
            else:
                if item.unpack is not None:
                    self._attached[item.path] = item.unpack
                piece.append(Listed(item.path, item.sentence, attached=item.attached, root=path))
            total += 1
            if len(piece) == PIECE or time.monotonic() - told > PIECE_S:
                self._emit(self.listed, piece)
                piece, told = [], time.monotonic()
            if self._closed.is_set():
                return
            if total >= MOST:
                piece.append(Listed(path, f"{path.name} holds more than {MOST:,} pictures and series: open a folder inside it."))
                break
        if total == 0:
            raise SourceError(path, f"{path.name} holds no picture, DICOM file or slide that can be opened.")
        if piece:
            self._emit(self.listed, piece)

    def _found(self, path: Path) -> Iterator[Item | Failure]:
        if path.is_dir():
            return discover(path, eager=True)
        if path.name.upper() == DICOMDIR:
            return dicomdir.discovered(dicomdir.media_of(path))
        return packed.discovered(path, self._unpacked)

    def _open(self, path: Path, pane: int) -> None:
        source = self.source(path)
        if not self._emit(self.opened, path, pane, source):
            source.close()
        self._start(self._soon, path, lambda: self._describe(path))  # not before: both would read the same headers at once

    def _keep_spacing(self, path: Path, mpp: float | None, scanner: str) -> None:
        try:
            kept = remember(path, mpp, scanner)
        except OSError as error:
            raise SourceError(path, f"The size of a pixel could not be kept ({error.strerror}): check the disk.") from error
        self._given += 1
        self._emit(self.spacingsKept, kept)

    def _describe(self, path: Path, *, brief: bool = False) -> None:
        """Once, and again where a size of a pixel was given meanwhile: what was read before it is not told. `brief`: of a series
        nobody looked into yet only one file is read. What was closed meanwhile is told to nobody."""
        item, opening = self._items.get(path), self._closings[path]
        if brief and item is not None and item.unread and len(item.files) > 1:
            if self._told.get(path, (-1, 0))[0] != opening:
                self._emit(self.described, self._briefly(path, item))
            return
        while self._told.get(path) != (known := (opening, self._given)) and not self._closed.is_set():
            with self._claimed(path, known) as mine:
                if not mine:
                    return
                found = self._described(path)
                if self._closings[path] != opening:
                    return
                if known[1] == self._given:
                    self._told[path] = known
                    self._emit(self.described, found)

    @contextmanager
    def _claimed(self, path: Path, known: tuple[int, int]) -> Iterator[bool]:
        """Whether no other lane describes it just now."""
        with self._lock:
            mine = self._describing.get(path) != known  # what a lane makes for another opening is told to nobody
            if mine:
                self._describing[path] = known
        try:
            yield mine
        finally:
            with self._lock:
                if mine and self._describing.get(path) is known:
                    del self._describing[path]

    def _described(self, path: Path) -> Described:
        with closing(self.source(path)) as source:
            region = Region.whole(source.size, source.frames // 2)
            pixels = source.read(region, source.size.fitted(THUMBNAIL))
            offer, guess = self._offer(source, path), named_modality(source) is None
            card, facts, info = card_of(source, path), source.facts, dict(source.info())
            return Described(path, summary(source, card), Thumbnail.of(pixels), offer, facts, info, card, guess)

    def _briefly(self, path: Path, item: Item) -> Described:
        """By its middle file."""
        with closing(item.sample().open()) as source:
            pixels = source.read(Region.whole(source.size), source.size.fitted(THUMBNAIL))
            offer = self._offer(source, path)
            card = replace(card_of(source, path), images=len(item.files))
            info = {**source.info(), "kind": item.kind, "frames": len(item.files)}
            line = summary(source, card, len(item.files))
            return Described(path, line, Thumbnail.of(pixels), offer, source.facts, info, card)

    def _offer_anew(self) -> None:
        self._emit(self.offered, {kind: offered(kind, *self._models) for kind in get_args(Modality)})

    def _offer(self, source: Source, path: Path) -> Offer:
        if source.kind == "waveform":
            return none_for_traces()
        said = self._said.get(path) if named_modality(source) is None else None
        return offered(modality_of(source, said=said)[0], *self._models)

    def _emit(self, signal: object, *values: object) -> bool:
        """False when the window is closing and nobody listens any more."""
        if self._closed.is_set():
            return False
        signal.emit(*values)  # type: ignore[attr-defined]
        return True


def is_container(path: Path) -> bool:
    """Whether its name says that a file holds others: a ZIP, or the directory of a medium."""
    return path.suffix.lower() == ".zip" or path.name.upper() == DICOMDIR


def summary(source: Source, card: Card, images: int = 0) -> str:
    """The browser's second line: what it is and how large; `images` of a series of which one was read."""
    coded = " ".join(card.coded) if card.title != " ".join(card.coded) else source.modality
    words = {"radiograph": coded or "radiograph", "series": f"{coded or 'series'} · {images or source.frames} images"}
    kind = "series" if images else source.kind
    if isinstance(source, TracedSource):
        return f"{source.sort} · {len(source.groups[0].channels)} leads · {source.groups[0].duration_s:.3g} s"
    if source.modality == "DOC":
        return f"document · {source.frames} page{'s' if source.frames > 1 else ''}"
    return f"{words.get(kind, kind)} · {counted(source.size.width)} × {counted(source.size.height)}"


def card_of(source: Source, path: Path) -> Card:
    """What the browser files it by; slides and plain pictures stand alone."""
    if isinstance(source, NamedSource):
        return Card(path, source.modality, source.frames, source.facts, source.who)
    return Card(path, source.modality)


def _listed(item: Item) -> Card:
    return Card(item.path, item.modality, len(item.files) if len(item.files) > 1 else 0, item.facts, item.who)
