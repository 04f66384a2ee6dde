"""Looking at slides beyond pan and zoom, put together: what each of these actions does, and what ends with the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.bookmarking import Bookmarking
from app.covering import Covering
from app.labelling import Labelling
from app.linking import Linking
from app.panes import Panes
from app.screening import Screening


class Looking(QObject):
    noted = Signal(str)
    """What became of an action, in a few words."""

    def __init__(self, window: QWidget, panes: Panes) -> None:
        super().__init__(window)
        self.labelling = Labelling(window, panes)
        self.linking = Linking(panes)
        self.bookmarking = Bookmarking(window, panes)
        self.covering = Covering(window, panes)
        self.screening = Screening(self.covering)
        for part in (self.labelling, self.linking, self.bookmarking, self.covering, self.screening):
            part.noted.connect(self.noted)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "label-macro": self.labelling.ask,
            "next-field": partial(self.screening.step, 1),
            "previous-field": partial(self.screening.step, -1),
            "coverage": self.covering.toggle,
            "export-coverage": self.covering.choose_export,
            "bookmark": self.bookmarking.add,
            "bookmarks": self.bookmarking.show_list,
            "next-bookmark": partial(self.bookmarking.step, 1),
            "previous-bookmark": partial(self.bookmarking.step, -1),
        }

    def give_up(self) -> bool:
        """Escape: give up what was begun in the panes; whether there was anything."""
        return self.linking.give_up()

    def forget(self, path: Path) -> None:
        """A source was closed."""
        self.bookmarking.forget(path)
        self.covering.forget(path)

    def close(self) -> None:
        self.bookmarking.close()
        self.covering.close()
        self.labelling.close()
