"""The Window panel: how the values of the frame or region lie, which part of them is shown, and the windows to choose from."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QListWidget, QListWidgetItem, QWidget

from app.panels.parts import Column, button, label, row
from app.panels.range_slider import RangeSlider
from viewers import windows
from viewers.dicom_view import RadiologyView
from viewers.grayscale import Window
from viewers.presets import Preset
from viewers.region_values import bars, sampled

HISTOGRAM_PX = 96
DELAY_MS = 60
"""After the last change of the pane, before the histogram is made anew: scrolling never waits for it."""
FIGURE_SPACE = "\u2007"
_SHADE = (128, 128, 128)


class WindowPanel(Column):
    """Follows one view. What it changes is the screen alone: models get their own window."""

    wanted = Signal(bool)
    """Whether the view it follows has a window to set."""
    keepWanted = Signal()
    renameWanted = Signal(object)
    """The Preset."""
    removeWanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: RadiologyView | None = None
        self._choices: list[windows.Choice] = []
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self._measure)
        self.title = label("", "heading")
        self.slider = RangeSlider()
        self.slider.setAccessibleName("Ends of the window over the distribution of the values")
        self.slider.setToolTip("How often each value occurs (root scale). Drag the ends of the window.")
        self.slider.set_height(HISTOGRAM_PX)
        self.slider.changed.connect(self._ends_moved)
        self.numbers = label("", "soft")
        self.fit = button("Fit", self._fit, tip="A window fitted to the region, or to the frame: 1st to 99th percentile")
        self.full = button("Full range", self._full, tip="From the lowest to the highest value of the frame")
        self.own = button("File's own", self._own, tip="As the file asks to be shown")
        self.list = QListWidget()
        self.list.setObjectName("windows")
        self.list.setAccessibleName("Windows to choose from")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._chosen)
        self.list.itemActivated.connect(self._chosen)
        self.list.currentRowChanged.connect(lambda _: self._offer())
        self.keep = button("Keep…", self.keepWanted.emit, tip="Keep the window that is shown under a name, for this modality")
        self.rename = button("Rename…", lambda: self._on_preset(self.renameWanted), tip="Another name for a window kept")
        self.remove = button("Remove", lambda: self._on_preset(self.removeWanted), tip="Take a window off the list")
        self.shutter, self.overlays = QCheckBox("Shutter"), QCheckBox("Overlays of the file")
        self.shutter.toggled.connect(lambda on: self._view and self._view.draw_shutter(on))
        self.overlays.toggled.connect(lambda on: self._view and self._view.draw_overlays(on))
        self.word, self.undrawn = label("", "hint"), label("", "warn")
        self.column.addWidget(self.title)
        self.column.addWidget(self.slider)
        self.column.addWidget(self.numbers)
        self.column.addLayout(row(self.fit, self.full, self.own))
        self.column.addWidget(label("Windows", "heading"))
        self.column.addWidget(self.list, 1)
        self.column.addLayout(row(self.keep, self.rename, self.remove))
        for widget in (self.word, self.undrawn, self.shutter, self.overlays):
            self.column.addWidget(widget)
        self.column.addWidget(label("Models get their own window, whatever is set here.", "hint"))

    def follow(self, view: QWidget) -> None:
        """The view in the active pane, of whichever kind."""
        shown = view if isinstance(view, RadiologyView) else None
        if shown is not self._view:
            if self._view is not None:
                for signal in _signals(self._view):
                    signal.disconnect(self._timer.start)
                self._view.destroyed.disconnect(self._gone)
            self._view = shown
            if shown is not None:
                for signal in _signals(shown):
                    signal.connect(self._timer.start)
                shown.destroyed.connect(self._gone)
        self._measure()

    def say(self, sentence: str) -> None:
        self.word.setText(sentence)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._measure()

    def refresh(self) -> None:
        """The list of windows changed."""
        self._measure()

    def _gone(self) -> None:
        self._view = None

    def _measure(self) -> None:
        view = self._view
        shown = view.shown if view is not None else None
        there = shown is not None and shown.grayscale is not None
        self.wanted.emit(there)
        if view is None or shown is None or shown.grayscale is None or shown.stored is None or not self.isVisible():
            return
        region = view.selection if view.selection is not None and view.selection.frame == shown.look.frame else None
        shutter = shown.graphics.shutter
        values = sampled(shown.grayscale, shown.stored, region, shutter if view.shutter_drawn else None)
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        window = windows.as_window(view.window_shown or shown.through, shown.grayscale, shown.bounds)
        self.title.setText("Values of the region" if region else "Values of the frame")
        if not self.slider.held:  # the scale stays under a hand that drags
            self.slider.set_scale(low, high, bars(values, low, high))
        self.slider.set_range(*window.ends, _SHADE)
        self.numbers.setText(windows.named(view.window_shown or shown.through, shown.grayscale))
        self.undrawn.setText("\n".join(shown.graphics.notes))
        self.undrawn.setVisible(bool(shown.graphics.notes))
        self.shutter.setVisible(shutter is not None)
        self.overlays.setVisible(bool(shown.graphics.overlays))
        for box, on in ((self.shutter, view.shutter_drawn), (self.overlays, view.overlays_drawn)):
            box.blockSignals(True)
            box.setChecked(on)
            box.blockSignals(False)
        self._list(view)

    def _list(self, view: RadiologyView) -> None:
        choices = view.choices()
        if [(one.words, one.digit) for one in choices] != [(one.words, one.digit) for one in self._choices]:
            self.list.clear()
            for one in choices:
                item = QListWidgetItem(f"{one.digit or FIGURE_SPACE}   {one.words}")
                item.setToolTip("kept for this modality" if one.preset else "of the file")
                self.list.addItem(item)
        self._choices = choices
        current = view.window_shown or (view.shown.through if view.shown is not None else None)
        place = next((place for place, one in enumerate(choices) if one.window == current), -1)
        self.list.setCurrentRow(place)
        self._offer()

    def _offer(self) -> None:
        place = self.list.currentRow()
        kept = 0 <= place < len(self._choices) and self._choices[place].preset is not None
        self.rename.setEnabled(kept)
        self.remove.setEnabled(kept)

    def _on_preset(self, signal: SignalInstance) -> None:
        place = self.list.currentRow()
        preset: Preset | None = self._choices[place].preset if 0 <= place < len(self._choices) else None
        if preset is not None:
            signal.emit(preset)

    def _chosen(self, item: QListWidgetItem) -> None:
        place = self.list.row(item)
        if self._view is not None and 0 <= place < len(self._choices):
            self._view.set_window(self._choices[place].window)

    def _ends_moved(self, low: float, high: float) -> None:
        view = self._view
        shown = view.shown if view is not None else None
        if view is None or shown is None or shown.grayscale is None:
            return
        now = windows.as_window(view.window_shown or shown.through, shown.grayscale, shown.bounds)
        view.set_window(Window.reaching(low, high, now.function))

    def _fit(self) -> None:
        if self._view is not None:
            self._view.fit_window()

    def _full(self) -> None:
        if self._view is not None and self._view.shown is not None:
            self._view.set_window(Window.spanning(*self._view.shown.bounds, "full range"))

    def _own(self) -> None:
        if self._view is not None:
            self._view.set_window(None)


def _signals(view: RadiologyView) -> tuple[SignalInstance, ...]:
    return view.shownChanged, view.windowChanged, view.frameChanged, view.regionSelected
