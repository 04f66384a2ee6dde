"""Who writes for the window: the drafter of this machine, or a server that the reader entered and confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app import endpoints, settings
from app.lane import Lane

if TYPE_CHECKING:
    from app.panels.server_dialog import ServerDialog
    from app.settings import Settings
    from inference.endpoint_address import Endpoint

PATIENCE_S = 3.0
"""So long a closing window waits for a server that does not answer."""


class Serving(QObject):
    """Nothing connects before the reader asks; the keyring and the disk are touched beside the window."""

    chosen = Signal(object)
    """Endpoint or None: it is kept, and writes from the next question on."""
    _answered = Signal(object, str)
    """Names of models, or None and a sentence."""
    _kept = Signal(object, str)

    def __init__(self, window: QWidget, now: Callable[[], Settings]) -> None:
        super().__init__(window)
        self._window, self._now = window, now
        self._lane = Lane("hilum-server")
        self._dialog: ServerDialog | None = None
        self._keys: dict[str, str] = {}
        self._answered.connect(self._show_answer)
        self._kept.connect(self._show_kept)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"server": self.show}

    def key(self, endpoint: Endpoint | None) -> str:
        """What was typed since the start for this server, "" where nothing was: the keyring may know."""
        return self._keys.get(endpoint.url, "") if endpoint is not None else ""

    def show(self) -> None:
        from app.panels.server_dialog import ServerDialog
        from inference import catalogue

        if self._dialog is None:
            now = self._now()
            one = now.endpoint
            recipes = [(entry.title, entry.id) for entry in catalogue.entries() if entry.role == "drafter" and entry.repository]
            self._dialog = dialog = ServerDialog(one, now.drafter, recipes, self._window)
            dialog.lookWanted.connect(self._look)
            dialog.useWanted.connect(self._use)
            dialog.finished.connect(self._closed)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.url.setFocus()

    def close(self) -> None:
        self._lane.close(PATIENCE_S)

    def _closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    def _look(self, one: Endpoint, key: str) -> None:
        from inference.engine import EngineSpec
        from inference.errors import InferenceError

        def look() -> None:
            from inference.endpoint import EndpointEngine

            try:
                known = key or self.key(one) or endpoints.kept_key(one)
                with closing(EndpointEngine(EngineSpec(endpoint=one), key=known)) as engine:
                    self._answered.emit(engine.models(), "")
            except InferenceError as error:
                self._answered.emit(None, str(error))

        self._lane.submit(look)

    def _use(self, one: Endpoint | None, key: str) -> None:
        def keep() -> None:
            from app.pacs.credentials import Credentials
            from app.pacs.errors import PacsError

            where = ""
            try:
                if one is not None and key:
                    self._keys[one.url] = key
                    where = Credentials().keep(endpoints.place_of_key(one), key)
                settings.save(replace(settings.load(), endpoint=one))
            except PacsError as error:
                self._kept.emit(None, str(error))
            except OSError as error:
                self._kept.emit((one,), f"It is used until the window closes, but could not be kept ({error.strerror}).")
            else:
                memory = "This machine has no keyring: the key is forgotten when the window closes." if where == "memory" else ""
                self._kept.emit((one,), memory)

        self._lane.submit(keep)

    def _show_answer(self, names: tuple[str, ...] | None, sentence: str) -> None:
        if self._dialog is not None:
            if names is None:
                self._dialog.say(f"{sentence[:1].upper()}{sentence[1:]}.".replace("..", "."))
            else:
                self._dialog.show_models(names)

    def _show_kept(self, kept: tuple[Endpoint | None] | None, sentence: str) -> None:
        """`kept` None: nothing was changed."""
        if kept is not None:
            self.chosen.emit(kept[0])
        if self._dialog is None:
            return
        if kept is not None:
            self._dialog.show_now(kept[0], self._now().drafter)
            self._dialog.key.clear()
        self._dialog.say(sentence or "Used from the next question on.", "bad" if sentence else "good")
