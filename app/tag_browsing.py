"""The tags of the picture in the active pane, read beside the window; they follow the pane and its frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errands import Errands
from app.panels.tag_rows import Found
from app.panels.tags import TagWindow
from app.panes import Pane, Panes
from app.shelf import Shelf
from app.theme import ThemeName
from viewers.sources import FiledSource
from viewers.tags import HIDDEN, Tag, Tags, comparing, reading, search
from viewers.tags.comparing import Pair

FOLLOW_MS = 120
"""The frame must rest so long before its file is read."""
OFFERED = 60


class TagBrowsing(QObject):
    """One window, made when it is first asked for; nothing is read while it is shut."""

    _read = Signal(int, object, object)
    """Turn, Tags of the picture, Tags to compare with or None."""
    _found = Signal(int, object)
    _whole = Signal(int, str)

    def __init__(self, window: QWidget, panes: Panes, shelf: Shelf, theme: ThemeName) -> None:
        super().__init__(window)
        self._parent, self._panes, self._shelf = window, panes, shelf
        self._theme: ThemeName = theme
        self.window: TagWindow | None = None
        self._errands = Errands("hilum-tags", self)
        self._errands.refused.connect(self._refused)
        self._turn = 0
        self._tags: Tags | None = None
        self._other: Tags | None = None
        self._other_path: Path | None = None
        self._query, self._only = "", True
        self._file: Path | None = None
        self._rest = QTimer(self, singleShot=True, interval=FOLLOW_MS)
        self._rest.timeout.connect(self.attend)
        self._read.connect(self._take)
        self._found.connect(self._show)
        self._whole.connect(self._show_whole)
        panes.activated.connect(lambda _: self._rest.start())
        panes.viewMade.connect(self._follow)
        for pane in panes.panes:
            self._follow(pane)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"tags": self.toggle}

    def toggle(self) -> None:
        """Open the window, or shut it when it is in front."""
        if self.window is None:
            self.window = self._made()
        if self.window.isVisible() and self.window.isActiveWindow():
            self.window.close()
            return
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        self.attend()

    def attend(self) -> None:
        """Read the file behind what the active pane shows, if it is another one."""
        window = self.window
        if window is None or not window.isVisible():
            return
        window.others = self._others()
        file = self._shown_file()
        if file is None:
            self._file = self._tags = None
            window.show_found(Found((), ()), "")
        elif file != self._file:
            self._file = file
            self._load_beside()
        elif self._tags is not None:
            window.title.setText(self._title())

    def dress(self, theme: ThemeName) -> None:
        self._theme = theme
        if self.window is not None:
            self.window.dress(theme)

    def close(self) -> None:
        self._rest.stop()
        self._errands.close(2.0)
        if self.window is not None:
            self.window.close()

    def _made(self) -> TagWindow:
        made = TagWindow(self._theme, self._parent)
        made.searched.connect(self._search)
        made.revealed.connect(lambda _: self._narrow())
        made.otherWanted.connect(self._compare)
        made.otherFileWanted.connect(self._choose_other)
        made.differencesOnly.connect(self._show_differences)
        made.wholeWanted.connect(self._want_whole)
        return made

    def _follow(self, pane: Pane) -> None:
        pane.view.frameChanged.connect(lambda _: self._rest.start())
        self._rest.start()

    def _shown_file(self) -> Path | None:
        source = self._panes.view.source
        return source.file_of(self._panes.view.frame) if isinstance(source, FiledSource) else None

    def _others(self) -> list[tuple[Path, str]]:
        """What is open and DICOM, but not in the pane."""
        cards = [card for card in self._shelf.cards() if card.facts is not None and card.path != self._panes.pane.path]
        return [(card.path, f"{card.facts.study_date if card.facts else ''} {card.title}".strip()) for card in cards[:OFFERED]]

    def _title(self) -> str:
        view, path, file = self._panes.view, self._panes.pane.path, self._file
        if path is None or file is None:
            return ""
        ours = path not in file.parents and path.parent != file.parent  # unpacked from an archive, under a name of our own
        shown = path.name if ours or path.name == file.name else f"{path.name} · {file.name}"
        return f"{shown} · image {view.frame + 1} of {view.frames}" if view.frames > 1 else shown

    def _start(self, work: Callable[[int], None]) -> None:
        self._turn += 1
        assert self._file is not None
        self._errands.start(self._file, self._file.name, partial(self._if_wanted, self._turn, work))

    def _if_wanted(self, turn: int, work: Callable[[int], None]) -> None:
        if turn == self._turn:  # else another frame or word was asked for meanwhile
            work(turn)

    def _load_beside(self) -> None:
        """Read the file and the one beside it, which may be known; meanwhile there is nothing that a search could go before."""
        assert self._file is not None
        tags, beside, self._tags, self._other = self._tags, self._other, None, None
        self._start(partial(self._load, self._file, self._other_path, tags, beside))

    def _load(self, file: Path, other: Path | None, tags: Tags | None, beside: Tags | None, turn: int) -> None:
        """`tags` and `beside` are what was read already: of another frame the file beside it is the same."""
        if tags is None or tags.path != file:
            tags = reading.read(file)
        if other is None:
            beside = None
        elif beside is None:
            beside = reading.read(self._shelf.opener.file_of(other))
        self._errands.tell(self._read, turn, tags, beside)

    def _take(self, turn: int, tags: Tags, other: Tags | None) -> None:
        if turn == self._turn:
            self._tags, self._other = tags, other
            self._narrow()

    def _search(self, query: str) -> None:
        self._query = query
        self._narrow()

    def _show_differences(self, only: bool) -> None:
        self._only = only
        self._narrow()

    def _narrow(self) -> None:
        if self._tags is not None and self.window is not None and self._file is not None:
            revealed = self.window.rows.revealed
            self._start(partial(self._find, self._tags, self._other, self._query, self._only, revealed))

    def _find(self, tags: Tags, other: Tags | None, query: str, only: bool, revealed: bool, turn: int) -> None:
        if other is None:
            hits = search.found(tags.tags, query, revealed)
            many = (f"Only the first {search.MOST:,} matches are shown.",) if len(hits) == search.MOST and query.split() else ()
            kept = search.with_parents(tags.tags, hits)
            found = Found(tags.tags, kept, bool(query.split()), (*tags.notes, *many), tags.path)
        else:
            pairs = comparing.compared(tags, other)
            wanted = comparing.matching(pairs, comparing.differing(pairs) if only else range(len(pairs)), query, revealed)
            found = Found(pairs, wanted, bool(query.split()), (*tags.notes, *other.notes), tags.path)
        self._errands.tell(self._found, turn, found)

    def _show(self, turn: int, found: Found) -> None:
        if turn == self._turn and self.window is not None:
            beside = "" if self._other_path is None or self._other is None else self._other_path.name
            self.window.show_found(found, self._title(), beside)

    def _compare(self, path: Path | None) -> None:
        self._other_path, self._other = path, None
        if path is None:
            self._narrow()
        elif self._file is not None:
            self._load_beside()

    def _choose_other(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.window, "Compare with a DICOM file")
        if name:
            self._compare(Path(name))

    def _want_whole(self, held: Tag | Pair) -> None:
        if self._tags is not None:
            self._start(partial(self._read_whole, held, self._tags, self._other))

    def _read_whole(self, held: Tag | Pair, tags: Tags | None, other: Tags | None, turn: int) -> None:
        sides = [(tags, held.left), (other, held.right)] if isinstance(held, Pair) else [(tags, held)]
        revealed = self.window is not None and self.window.rows.revealed
        texts = [
            HIDDEN if tag.private and not revealed else reading.whole(of.path, tag, of.little_endian)
            for of, tag in sides if of is not None and tag is not None
        ]  # fmt: skip
        self._errands.tell(self._whole, turn, "\n\n".join(texts))

    def _show_whole(self, turn: int, text: str) -> None:
        if turn == self._turn and self.window is not None:
            self.window.show_whole(text)

    def _refused(self, path: Path, sentence: str) -> None:
        """The file is asked for again when the pane comes back to it."""
        if self.window is not None and path == self._file:
            self.window.title.setText(self._title())
            self._other_path = self._other = None
            self._tags = self._file = None
            self.window.say(sentence)
