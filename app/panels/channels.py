"""Channels and planes of the slide in the active pane: what is shown, how bright, in which colour."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QColorDialog, QFrame, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from app.panels.parts import Column, ScrolledColumn, button, label, row
from app.panels.range_slider import RangeSlider
from viewers.channels import Channel, Mix, scale_of
from viewers.figures import counted
from viewers.slide_view import SlideView

EMPTY = "Slides with channels, z or t have their controls here."


class ChannelsPanel(Column):
    """Follows one view; what it changes is the screen alone, models get the file's own ranges and colours."""

    wanted = Signal(bool)
    """Whether the view it follows has anything to set here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: SlideView | None = None
        self._rows: list[ChannelRow] = []
        self._counts: dict[str, QLabel] = {}
        self._lines = ScrolledColumn()
        self.column.addWidget(self._lines)
        self.z, self.t = _plane_slider("z"), _plane_slider("t")
        self._fill()

    def follow(self, view: QWidget) -> None:
        """The view in the active pane, of whichever kind."""
        shown = view if isinstance(view, SlideView) and view.channel_source is not None else None
        if self._view is not None and shown is not self._view:
            self._view.mixChanged.disconnect(self._show_mix)
            self._view.frameChanged.disconnect(self._show_frame)
            self._view.destroyed.disconnect(self._gone)
        if shown is not None and shown is not self._view:
            shown.mixChanged.connect(self._show_mix)
            shown.frameChanged.connect(self._show_frame)
            shown.destroyed.connect(self._gone)
        if shown is not self._view:
            self._view = shown
            self._fill()
        source = shown.channel_source if shown is not None else None
        self.wanted.emit(source is not None and bool(source.mix.channels or source.frames > 1))

    def _gone(self) -> None:
        self._view = None

    def _fill(self) -> None:
        self._lines.clear()
        self._rows = []
        source = self._view.channel_source if self._view is not None else None
        if source is None or self._view is None:
            self._lines.add(label(EMPTY, "hint"))
            return
        self.z, self.t = _plane_slider("z"), _plane_slider("t")
        if source.frames > 1:
            self._lines.add(label("Planes", "heading"))
            for name, slider, count in (("z", self.z, source.z), ("t", self.t, source.t)):
                if count > 1:
                    slider.setRange(0, count - 1)
                    slider.valueChanged.connect(self._planes_moved)
                    self._lines.add(_boxed(label(name, "soft", wrap=False), slider, self._count(name), stretch=1))
        if source.mix.channels:
            self._lines.add(label("Channels", "heading"))
            for number, channel in enumerate(source.mix.channels):
                one = ChannelRow(channel, source.histograms[number])
                one.changed.connect(partial(self._channel_changed, number))
                self._rows.append(one)
                self._lines.add(one)
            self._lines.add(_boxed(button("Reset all", self._reset, tip="The file's own colours and ranges"), stretch=-1))
            self._lines.add(label("Models get the file's own ranges and colours, whatever is set here.", "hint"))
        self._show_mix(self._view.mix)
        self._show_frame(self._view.frame)

    def _count(self, name: str) -> QLabel:
        """Which plane of how many stands beside a slider."""
        self._counts[name] = label("", "soft", wrap=False)
        return self._counts[name]

    def _channel_changed(self, number: int, channel: Channel) -> None:
        if self._view is not None:
            mix = self._view.mix
            self._view.set_mix(Mix((*mix.channels[:number], channel, *mix.channels[number + 1 :])))

    def _reset(self) -> None:
        source = self._view.channel_source if self._view is not None else None
        if self._view is not None and source is not None:
            self._view.set_mix(source.mix)

    def _planes_moved(self) -> None:
        source = self._view.channel_source if self._view is not None else None
        if self._view is not None and source is not None:
            self._view.set_frame(self.t.value() * source.z + self.z.value())

    def _show_mix(self, mix: Mix) -> None:
        for one, channel in zip(self._rows, mix.channels, strict=False):
            one.show_channel(channel)

    def _show_frame(self, frame: int) -> None:
        source = self._view.channel_source if self._view is not None else None
        if source is None:
            return
        t, z = divmod(frame, source.z)
        for slider, value, count in ((self.z, z, source.z), (self.t, t, source.t)):
            if count > 1:
                slider.blockSignals(True)
                slider.setValue(value)
                slider.blockSignals(False)
                self._counts["z" if slider is self.z else "t"].setText(f"{value + 1} / {count}")


class ChannelRow(QFrame):
    """Swatch, name, check; below it the range with its numbers, and the way back to the file's own."""

    changed = Signal(object)
    """The Channel as it is wanted now."""

    def __init__(self, channel: Channel, counts: tuple[float, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("row")
        """`channel` is the file's own, `counts` its histogram."""
        self._file, self._shown = channel, channel
        self.swatch = QToolButton()
        self.swatch.setFixedSize(20, 20)
        self.swatch.setToolTip("Colour")
        self.swatch.setAccessibleName(f"Colour of {channel.name}")
        self.swatch.clicked.connect(self._choose_colour)
        self.check = QCheckBox(channel.name)
        self.check.toggled.connect(lambda on: self._want(visible=on))
        self.range = RangeSlider()
        self.range.setAccessibleName(f"Range of {channel.name}")
        self.range.set_scale(*scale_of(channel), counts)
        self.range.changed.connect(lambda low, high: self._want(low=low, high=high))
        self.numbers = label("", "soft", wrap=False)
        self.reset = button("Auto", self._reset, tip="The range taken from the slide itself")
        lines = QVBoxLayout(self)
        lines.setContentsMargins(8, 8, 8, 8)
        lines.setSpacing(4)
        lines.addLayout(row(self.swatch, self.check, self.reset, stretch=1))
        lines.addWidget(self.range)
        lines.addWidget(self.numbers)
        self.show_channel(channel)

    def show_channel(self, channel: Channel) -> None:
        """As it is on the screen now; says nothing."""
        self._shown = channel
        self.check.blockSignals(True)
        self.check.setChecked(channel.visible)
        self.check.blockSignals(False)
        self.range.set_range(channel.low, channel.high, channel.colour)
        self.swatch.setStyleSheet(f"background: {QColor(*channel.colour).name()}; border-radius: 3px; padding: 0;")
        self.numbers.setText(f"{_figure(channel.low)} – {_figure(channel.high)}")

    def _want(self, **what: object) -> None:
        self.changed.emit(replace(self._shown, **what))  # type: ignore[arg-type]

    def _reset(self) -> None:
        self._want(low=self._file.low, high=self._file.high)

    def _choose_colour(self) -> None:
        chosen = QColorDialog.getColor(QColor(*self._shown.colour), self, f"Colour of {self._shown.name}")
        if chosen.isValid():
            self._want(colour=(chosen.red(), chosen.green(), chosen.blue()))


def _figure(value: float) -> str:
    return counted(round(value)) if abs(value) >= 100 or value == round(value) else f"{value:.4g}"


def _plane_slider(name: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setPageStep(1)
    slider.setAccessibleName(f"Plane in {name}")
    return slider


def _boxed(*widgets: QWidget, stretch: int) -> QWidget:
    ground = QWidget()
    ground.setLayout(row(*widgets, stretch=stretch))
    return ground
