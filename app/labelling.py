"""The way from the action to a slide's label and macro: a warning, a button, a thread that records and reads."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from app.label_pictures import LabelPictures, has_label_pictures, reveal
from app.lane import Lane
from app.panels.label_dialog import LabelDialog
from app.panes import Panes
from app.spacings import open_source
from viewers.errors import SourceError

PATIENCE_S = 2.0


class Labelling(QObject):
    noted = Signal(str)
    _revealed = Signal(object, object)
    _refused = Signal(object, str)

    def __init__(self, window: QWidget, panes: Panes) -> None:
        super().__init__(window)
        self._window, self._panes = window, panes
        self._disk = Lane("hilum-label")
        self.dialog: LabelDialog | None = None
        self._revealed.connect(self._show)
        self._refused.connect(self._say)

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
        self._disk.close(PATIENCE_S)

    def _reveal(self, dialog: LabelDialog, path: Path) -> None:
        self._disk.submit(partial(self._read, id(dialog), path))

    def _read(self, which: int, path: Path) -> None:
        """On its own thread, with a handle of its own."""
        try:
            with closing(open_source(path)) as source:
                self._revealed.emit(which, reveal(source))
        except SourceError as error:
            self._refused.emit(which, str(error))
        except Exception as error:  # at the bridge: whatever a decoder does costs one sentence
            self._refused.emit(which, f"The label cannot be read ({type(error).__name__}).")

    def _current(self, which: int) -> LabelDialog | None:
        dialog = self.dialog
        return dialog if dialog is not None and isValid(dialog) and id(dialog) == which else None

    @Slot(object, object)
    def _show(self, which: int, found: LabelPictures) -> None:
        if dialog := self._current(which):
            dialog.show_pictures(found)

    @Slot(object, str)
    def _say(self, which: int, sentence: str) -> None:
        if dialog := self._current(which):
            dialog.say(sentence)
