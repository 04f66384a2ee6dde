"""Bookmarks of the slides that are open: keeping a place, going there, the list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QInputDialog, QWidget
from shiboken6 import isValid

from app.panels.bookmark_list import BookmarkList
from app.panes import Panes
from viewers.bookmarks import MOST, Bookmark, Bookmarks
from viewers.slide_view import SlideView

Keep = Callable[[Path, object], None]
"""Takes a slide's path and the JSON value of its bookmarks; returns at once."""


class Bookmarking(QObject):
    """Per slide. Every change is handed to `keep` at once; `put_back` takes what was kept earlier."""

    noted = Signal(str)

    def __init__(self, window: QWidget, panes: Panes, keep: Keep = lambda _path, _value: None) -> None:
        super().__init__(window)
        self._window, self._panes = window, panes
        self.keep = keep
        self._of: dict[Path, Bookmarks] = {}
        self.dialog: QInputDialog | None = None
        self.list: BookmarkList | None = None

    def of(self, path: Path) -> Bookmarks:
        if path not in self._of:
            made = self._of[path] = Bookmarks(lambda: self._changed(made))
        return self._of[path]

    def put_back(self, path: Path, value: object) -> None:
        """What was kept of a slide. Bookmarks made before it was read stay, behind the others, and are kept with them."""
        bookmarks = self.of(path)
        made = list(bookmarks)
        bookmarks.take(value)
        _add_missing(bookmarks, made)

    def share(self, path: Path, other: Path) -> None:
        """Two ways to one slide are open: its bookmarks are one list, with those made here meanwhile."""
        made, self._of[path] = list(self._of.get(path, ())), self.of(other)
        _add_missing(self._of[path], made)

    def forget(self, path: Path) -> None:
        """The slide was closed."""
        self._of.pop(path, None)

    def add(self) -> None:
        """It is kept under a name of its own at once; the dialog that comes up only gives it another."""
        found = self._here()
        if found is None:
            return
        view, bookmarks = found
        try:
            at = bookmarks.add(Bookmark.of(view.camera, bookmarks.free_name(), view.frame))
        except ValueError as error:
            self.noted.emit(str(error))
            return
        self.noted.emit(f"{bookmarks[at].name} kept")
        self._ask_name(bookmarks, at)

    def step(self, by: int) -> None:
        """To the next one (1) or the one before (-1)."""
        found = self._here()
        if found is None:
            return
        view, bookmarks = found
        bookmark = bookmarks.step(by)
        if bookmark is None:
            self.noted.emit("no bookmarks on this slide yet: Ctrl+D keeps a place")
        else:
            self._show(view, bookmarks, bookmark)

    def show_list(self) -> None:
        found = self._here()
        if found is None:
            return
        view, bookmarks = found
        spacing = view.source.spacing if view.source is not None else None
        self.list = BookmarkList(bookmarks, None if spacing is None else spacing.mpp, self._window)
        self.list.wanted.connect(partial(self._go, view, bookmarks))
        self.list.show_over(self._window)

    def close(self) -> None:
        for dialog in (self.dialog, self.list):
            if dialog is not None and isValid(dialog):
                dialog.close()

    def _go(self, view: SlideView, bookmarks: Bookmarks, index: int) -> None:
        if isValid(view) and view.source is not None:
            bookmarks.at = index
            self._show(view, bookmarks, bookmarks[index])

    def _show(self, view: SlideView, bookmarks: Bookmarks, bookmark: Bookmark) -> None:
        view.set_frame(bookmark.frame)
        bookmark.show(view.camera)
        view.moved_along()
        self.noted.emit(f"{bookmark.name}  ({bookmarks.at + 1} of {len(bookmarks)})")

    def _ask_name(self, bookmarks: Bookmarks, at: int) -> None:
        self.dialog = dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("Bookmark")
        dialog.setLabelText("Name of this place")
        dialog.setTextValue(bookmarks[at].name)
        dialog.textValueSelected.connect(partial(_rename, bookmarks, bookmarks[at]))
        dialog.open()

    def _here(self) -> tuple[SlideView, Bookmarks] | None:
        view, path = self._panes.view, self._panes.pane.standing
        if isinstance(view, SlideView) and view.source is not None and path is not None:
            return view, self.of(path)
        self.noted.emit("bookmarks are for slides: open one first")
        return None

    def _changed(self, bookmarks: Bookmarks) -> None:
        path = next((path for path, one in self._of.items() if one is bookmarks), None)
        if path is not None:  # else its slide was closed under the dialog
            self.keep(path, bookmarks.to_json())


def _add_missing(bookmarks: Bookmarks, made: Iterable[Bookmark]) -> None:
    for bookmark in made:
        if bookmark not in bookmarks and len(bookmarks) < MOST:
            bookmarks.add(bookmark)


def _rename(bookmarks: Bookmarks, bookmark: Bookmark, name: str) -> None:
    """Wherever it stands by now; nothing where it is gone."""
    if bookmark in bookmarks:
        bookmarks.rename(list(bookmarks).index(bookmark), name)
