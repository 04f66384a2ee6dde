"""The way from the action to a slide's label and macro: a warning, a button, a thread that records and reads."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from app.errands import answered
from app.label_pictures import LabelPictures, has_label_pictures, reveal
from app.lane import Lane
from app.panels.label_dialog import LabelDialog
from app.panes import Panes
from app.spacings import open_source

PATIENCE_S = 2.0


class Labelling(QObject):
    noted = Signal(str)
    _read_to_end = Signal(object, object, str)

    def __init__(self, window: QWidget, panes: Panes) -> None:
        super().__init__(window)
        self._window, self._panes = window, panes
        self._disk = Lane("hilum-label")
        self.dialog: LabelDialog | None = None
        self._closed = threading.Event()
        self._read_to_end.connect(self._show)

    @Slot()
    def ask(self) -> None:
        """For the slide in the active pane."""
        source, path = self._panes.view.source, self._panes.pane.standing
        if source is None or path is None or not has_label_pictures(source):
            self.noted.emit("no label or macro in this file" if source is not None else "open a slide first")
            return
        self.give_up()
        self.dialog = dialog = LabelDialog(source.name, self._window)
        dialog.revealWanted.connect(partial(self._reveal, dialog, path))
        dialog.open()

    def give_up(self) -> None:
        """Close the window with the pictures."""
        if self.dialog is not None and isValid(self.dialog):
            self.dialog.close()
        self.dialog = None

    def close(self) -> None:
        self.give_up()
        self._closed.set()
        self._disk.close(PATIENCE_S)

    def _reveal(self, dialog: LabelDialog, path: Path) -> None:
        self._disk.submit(partial(self._read, id(dialog), path))

    def _read(self, which: int, path: Path) -> None:
        """On its own thread, with a handle of its own."""

        def look() -> LabelPictures:
            with closing(open_source(path)) as source:
                return reveal(source)

        found, sentence = answered(look, "The label cannot be read")
        if not self._closed.is_set():
            self._read_to_end.emit(which, found, sentence)

    def _current(self, which: int) -> LabelDialog | None:
        dialog = self.dialog
        return dialog if dialog is not None and isValid(dialog) and id(dialog) == which else None

    @Slot(object, object, str)
    def _show(self, which: int, found: LabelPictures | None, sentence: str) -> None:
        dialog = self._current(which)
        if dialog is not None and found is not None:
            dialog.show_pictures(found)
        elif dialog is not None:
            dialog.say(sentence)
