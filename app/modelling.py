"""Choosing and measuring models from the window: looked at beside it, measured in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.lane import Lane
from app.theme import ThemeName

if TYPE_CHECKING:
    from app.panels.models_dialog import Known, ModelsDialog
    from app.settings import Settings
    from inference.quantisations import Quantisation

PATIENCE_S = 3.0


class Modelling(QObject):
    chosen = Signal(object)
    """Settings with other models: asked from the next question on."""
    predicted = Signal(object)
    """None where another drafter is asked from now on; later of it an `app.fits.Predicted`, where that can be said."""
    _looked = Signal(object, str, object)
    """What is known of the models, or None and a sentence; pictures on disk and their bytes."""
    _stepped = Signal(str)
    _measured = Signal(str, str)
    """What was found, or "" and a sentence."""

    def __init__(self, window: QWidget, now: Callable[[], Settings]) -> None:
        super().__init__(window)
        self._window, self._now = window, now
        self._lane, self._work = Lane("hilum-models"), Lane("hilum-measure")
        self._dialog: ModelsDialog | None = None
        self._writer: object = None
        self._running: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._looked.connect(self._show)
        self._stepped.connect(lambda words: self._dialog and self._dialog.show_measuring(words))
        self._measured.connect(self._end)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"models": self.show}

    def show(self) -> None:
        from app.panels.models_dialog import ModelsDialog

        if self._dialog is None:
            self._dialog = dialog = ModelsDialog(self._now().theme, self._window)
            dialog.useWanted.connect(self._use)
            dialog.measureWanted.connect(self._measure)
            dialog.stopWanted.connect(self._stop)
            dialog.keeping.unloadWanted.connect(lambda minutes: self.chosen.emit(replace(self._now(), unload_min=minutes)))
            dialog.keeping.mostWanted.connect(self._keep_pictures)
            dialog.keeping.forgetWanted.connect(lambda: self._lane.submit(self._forget))
            dialog.finished.connect(self._closed)
        self._dialog.show()
        self._dialog.raise_()
        self._lane.submit(self._look)

    def foretell(self) -> None:
        """`predicted` comes where the settings name another drafter than before."""
        now = self._now()
        writer = now.recipe, now.quantisation, now.device, now.endpoint
        if writer != self._writer:
            self._writer = writer
            self.predicted.emit(None)
            if now.endpoint is None:
                self._lane.submit(partial(self._foretell, now))

    def _foretell(self, asked: Settings) -> None:
        """Beside the window."""
        from app import fits

        said = fits.of_drafter(asked.drafter, asked.quantisation, fits.ground(asked.device))
        with contextlib.suppress(RuntimeError):  # the window was closed meanwhile
            if said is not None:
                self.predicted.emit(said)

    def dress(self, theme: ThemeName) -> None:
        if self._dialog is not None:
            self._dialog.dress(theme)

    def close(self) -> None:
        self._stop()
        for lane in (self._lane, self._work):
            lane.close(PATIENCE_S)

    def _closed(self) -> None:
        self._stop()
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None

    def _look(self) -> None:
        """Headers, cards and the processor's memory: beside the window."""
        from app import fits
        from app.panels.models_dialog import Known
        from inference import catalogue, kept_pictures, measured
        from inference.adapters import folder as adapters

        found, ground = [], fits.ground(self._now().device)
        try:
            taught = adapters.names()
            for one in catalogue.entries():
                told: dict[str, str] = {}
                for own in measured.of_model(one.id):
                    told.setdefault(own.kind, own.sentence)
                found.append(
                    Known(
                        one.id, one.title, one.role, catalogue.installed(one.id), fits.predicted(one, ground), told, one.remark,
                        taught.get(one.id, ()),
                    )
                )  # fmt: skip
        except OSError as error:
            self._looked.emit(None, f"The models could not be looked at ({error.strerror}).", (0, 0))
            return
        with contextlib.suppress(RuntimeError):  # the window was closed meanwhile
            self._looked.emit(found, "", kept_pictures.held())

    def _show(self, known: list[Known] | None, sentence: str, kept: tuple[int, int]) -> None:
        if self._dialog is None:
            return
        if known is None:
            self._dialog.say(sentence)
            return
        now = self._now()
        self._dialog.show_models(known, now.encoder, now.drafter, now.quantisation, now.adapter)
        self._dialog.keeping.show_kept(now.unload_min, now.pictures_gb, *kept)

    def _keep_pictures(self, most: float) -> None:
        self.chosen.emit(replace(self._now(), pictures_gb=most))
        self._lane.submit(self._look if most else self._forget)

    def _forget(self) -> None:
        """Beside the window."""
        from inference import kept_pictures

        try:
            kept_pictures.forget()
        except OSError as error:
            self._looked.emit(None, f"What is kept of pictures could not be removed ({error.strerror}).", (0, 0))
            return
        self._look()

    def _use(self, model: str, kind: str, adapter: str) -> None:
        now = self._now()
        one = next((known for known in (self._dialog._known if self._dialog else []) if known.id == model), None)
        if one is None:
            return
        changed = replace(now, encoder=model) if one.role == "encoder" else _with_drafter(now, model, kind, adapter)
        self.chosen.emit(changed)
        self._lane.submit(self._look)

    def _measure(self, model: str, kind: str) -> None:
        self._stopped.clear()
        if self._dialog is not None:
            self._dialog.show_measuring("measuring …")
        self._work.submit(lambda: self._run(model, kind))

    def _run(self, model: str, kind: str) -> None:
        """In a process of its own: it loads the model twice."""
        command = [sys.executable, "-m", "app", "models", "measure", model, "--quantisation", kind, "--json",
                   "--device", self._now().device]  # fmt: skip
        with self._lock:
            if self._stopped.is_set():
                self._measured.emit("", "Stopped; nothing was kept.")
                return
            self._running = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, encoding="utf-8"
            )
        process = self._running
        assert process.stderr is not None
        assert process.stdout is not None
        last = ""
        with process:
            for line in process.stderr:
                last = line.strip() or last
                self._stepped.emit(f"measuring: {last} …" if not last.startswith("hilum:") else "")
            said = process.stdout.read()
        code = process.returncode
        with self._lock:
            self._running = None
        if self._stopped.is_set():
            self._measured.emit("", "Stopped; nothing was kept.")
        elif code:
            self._measured.emit("", last.removeprefix("hilum: ") or f"The measuring ended early (exit code {code}).")
        else:
            self._measured.emit(str(json.loads(said)["when"]), "")

    def _stop(self) -> None:
        self._stopped.set()
        with self._lock:
            if self._running is not None:
                self._running.kill()

    def _end(self, when: str, sentence: str) -> None:
        if self._dialog is None:
            return
        self._dialog.show_measuring("")
        if when:
            self._lane.submit(self._look)
        else:
            self._dialog.say(f"{sentence[:1].upper()}{sentence[1:]}")


def _with_drafter(now: Settings, model: str, kind: str, adapter: str) -> Settings:
    return replace(now, drafter=model, quantisation=cast("Quantisation", kind), adapter=adapter)
