"""Looking at slides beyond pan and zoom, put together: what each of these actions does, and what ends with the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.labelling import Labelling
from app.linking import Linking
from app.panes import Panes


class Looking(QObject):
    noted = Signal(str)
    """What became of an action, in a few words."""

    def __init__(self, window: QWidget, panes: Panes) -> None:
        super().__init__(window)
        self.labelling = Labelling(window, panes)
        self.linking = Linking(panes)
        for part in (self.labelling, self.linking):
            part.noted.connect(self.noted)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "label-macro": self.labelling.ask,
            "link": self.linking.link,
            "unlink": self.linking.unlink,
        }

    def give_up(self) -> bool:
        """Escape: give up what was begun in the panes; whether there was anything."""
        return self.linking.give_up()

    def close(self) -> None:
        self.labelling.close()
