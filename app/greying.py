"""Windows, overlays and shutters of films, put together: what each of these actions does, and the windows a reader keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QWidget

from app import presets_file
from app.display_check import DisplayCheck
from app.errands import Errands
from app.panels.window import WindowPanel
from app.panes import Pane, Panes
from viewers import windows
from viewers.dicom_view import RadiologyView
from viewers.presets import BUILT_IN, LONGEST_NAME, Preset, preset_of, renamed, window_of


class Greying(QObject):
    noted = Signal(str)
    """What became of an action, in a few words."""
    presetsRead = Signal(object, str)
    """The windows in the reader's file, and a sentence."""

    def __init__(self, window: QWidget, panes: Panes, panel: WindowPanel) -> None:
        super().__init__(window)
        self._window, self._panes, self._panel = window, panes, panel
        self.presets: tuple[Preset, ...] = BUILT_IN
        self._errands = Errands("hilum-windows", self)
        self._errands.refused.connect(lambda _path, sentence: self.noted.emit(sentence))
        self.presetsRead.connect(self._use)
        panes.viewMade.connect(self._view_made)
        panel.keepWanted.connect(self.keep)
        panel.renameWanted.connect(self.rename)
        panel.removeWanted.connect(self.remove)
        path = presets_file.path_of()
        self._errands.start(path, path.name, lambda: self._errands.tell(self.presetsRead, *presets_file.load()))

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            **{f"window-{digit}": partial(self.choose, digit) for digit in range(1, windows.DIGITS + 1)},
            "next-window": lambda: self._on(RadiologyView.next_window),
            "fit-window": self._fit,
            "keep-window": self.keep,
            "shutter": self._toggle_shutter,
            "file-overlays": self._toggle_overlays,
            "check-display": self.check_display,
        }

    def name(self, actions: Mapping[str, QAction]) -> None:
        """What the digits mean on the picture in the active pane."""
        view = self._panes.view
        found = {one.digit: one.words for one in view.choices()} if isinstance(view, RadiologyView) else {}
        for digit in range(1, windows.DIGITS + 1):
            words = found.get(digit, "")
            actions[f"window-{digit}"].setText(f"Window {digit}: {words}" if words else f"Window {digit}")
            actions[f"window-{digit}"].setEnabled(bool(words))

    def choose(self, digit: int) -> None:
        view = self._panes.view
        if isinstance(view, RadiologyView):
            for one in view.choices():
                if one.digit == digit:
                    view.set_window(one.window)
                    return
            self.noted.emit(f"No window has the digit {digit} on this picture.")

    def keep(self) -> None:
        """The window that is shown, under a name."""
        view = self._panes.view
        shown = view.shown if isinstance(view, RadiologyView) else None
        if not isinstance(view, RadiologyView) or shown is None or shown.grayscale is None or view.source is None:
            self.noted.emit("Only grey pictures have windows to keep.")
            return
        grayscale, modality = shown.grayscale, view.source.modality
        now = windows.as_window(view.window_shown or shown.through, grayscale, shown.bounds)
        name = self._asked("Keep the window", f"Name, for {modality}", now.explanation[:LONGEST_NAME])
        if name is not None and self._change(lambda: (*self.presets, preset_of(name, now, grayscale, modality))):
            view.set_window(window_of(self.presets[-1], grayscale, modality))  # the same, with its name

    def rename(self, preset: Preset) -> None:
        name = self._asked("Rename the window", "Name", preset.name)
        if name is not None:
            self._change(lambda: renamed(self.presets, preset, name))

    def remove(self, preset: Preset) -> None:
        self._change(lambda: tuple(one for one in self.presets if one != preset))

    def check_display(self) -> None:
        """The test picture on the screen the window stands on."""
        check = DisplayCheck(self._window)
        check.setScreen(self._window.screen())
        check.showFullScreen()

    def close(self) -> None:
        """Returns when what is to be kept is written."""
        self._errands.close()

    def _asked(self, title: str, what: str, before: str) -> str | None:
        text, good = QInputDialog.getText(self._window, title, what, text=before)
        return text if good else None

    def _change(self, make: Callable[[], tuple[Preset, ...]]) -> bool:
        """Put another list in use and write it; what cannot be is said and changes nothing. Whether it changed."""
        try:
            presets = make()
        except ValueError as error:
            self._panel.say(str(error))
            self.noted.emit(str(error))
            return False
        self._use(presets, "")
        path = presets_file.path_of()
        self._errands.start(path, path.name, partial(presets_file.save, presets))
        return True

    def _use(self, presets: tuple[Preset, ...], sentence: str) -> None:
        self.presets = presets
        for pane in self._panes.panes:
            self._view_made(pane)
        self._panel.say(sentence)
        self._panel.refresh()
        if sentence:
            self.noted.emit(sentence)

    def _view_made(self, pane: Pane) -> None:
        if isinstance(pane.view, RadiologyView):
            pane.view.presets = self.presets

    def _on(self, work: Callable[[RadiologyView], object]) -> None:
        view = self._panes.view
        if isinstance(view, RadiologyView):
            work(view)

    def _fit(self) -> None:
        view = self._panes.view
        if isinstance(view, RadiologyView) and not view.fit_window():
            self.noted.emit("There is nothing to fit a window to: all values here are one, or the picture is in colour.")

    def _toggle_shutter(self) -> None:
        self._on(lambda view: view.draw_shutter(not view.shutter_drawn))

    def _toggle_overlays(self) -> None:
        self._on(lambda view: view.draw_overlays(not view.overlays_drawn))
