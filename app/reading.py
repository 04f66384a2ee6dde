"""Reading a case, put together: hanging, linked films, priors and what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.comparing import Comparing
from app.film_linking import FilmLinking
from app.hanging import Hanging
from app.linking import Linking
from app.panes import Panes
from app.shelf import Shelf
from viewers.dicom_view import RadiologyView


class Reading(QObject):
    noted = Signal(str)
    """What became of an action, in a few words."""

    def __init__(self, window: QWidget, panes: Panes, shelf: Shelf, slides: Linking, auto_hang: bool) -> None:
        """`slides` links panes with slides by the same key."""
        super().__init__(window)
        self._panes, self._slides = panes, slides
        self.linking = FilmLinking(panes)
        self.comparing = Comparing(window, panes, shelf, self.linking)
        self.hanging = Hanging(window, panes, shelf, self.linking, self.comparing, auto_hang)
        for part in (self.linking, self.comparing, self.hanging):
            part.noted.connect(self.noted)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "link": self._link,
            "unlink": self._unlink,
            **self.linking.by_id(),
            **self.comparing.by_id(),
            **self.hanging.by_id(),
        }

    def offer(self, actions: Mapping[str, QAction]) -> None:
        """Actions that are on or off say so."""
        for part in (self.linking, self.comparing, self.hanging):
            part.offer(actions)

    def give_up(self) -> bool:
        """Escape: what lies over a film goes; whether anything did."""
        return self.comparing.stop()

    def forget(self, path: Path) -> None:
        self.comparing.forget(path)

    def close(self) -> None:
        self.comparing.close()
        self.hanging.close()

    def _link(self) -> None:
        """Films with films where a film is in the active pane, else slides with slides."""
        if not isinstance(self._panes.view, RadiologyView):
            self._slides.link()
        elif not self.linking.link():
            self.noted.emit("two panes with films are needed to link them: press Ctrl+2")

    def _unlink(self) -> None:
        self._slides.unlink()
        self.linking.unlink()
