"""The bar under a stack: anywhere in it with one pull, and the film's play, speed and real rate."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QLayout, QSlider, QToolButton, QWidget

from app.icons import icon
from app.panels.parts import label, row
from viewers import theme

SPEEDS = {"¼ ×": 0.25, "½ ×": 0.5, "1 ×": 1.0, "2 ×": 2.0, "4 ×": 4.0}

_INK = theme.FAILED_TILE
"""Legible in both themes."""


class FrameBar(QFrame):
    """It never takes the keyboard from the picture."""

    frameWanted = Signal(int)
    playWanted = Signal()
    bounceWanted = Signal(bool)
    speedWanted = Signal(float)

    def __init__(self, frames: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAccessibleName("Frames")
        self.play = _button("mdi6.play", "Play or stop (C)", "Play")
        self.play.clicked.connect(lambda _: self.playWanted.emit())
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, frames - 1)
        self.slider.setPageStep(max(1, frames // 10))
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName("Frame")
        self.slider.setMinimumWidth(60)
        self.slider.valueChanged.connect(self._pulled)
        self.place = label("", "soft", wrap=False)
        self.bounce = _button("mdi6.arrow-left-right", "Back and forth; else round and round", "Back and forth")
        self.bounce.setCheckable(True)
        self.bounce.toggled.connect(self.bounceWanted)
        self.speed = QComboBox()
        self.speed.addItems(list(SPEEDS))
        self.speed.setCurrentText("1 ×")
        self.speed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.speed.setAccessibleName("Speed")
        self.speed.currentTextChanged.connect(lambda text: self.speedWanted.emit(SPEEDS[text]))
        self.rate = label("", "soft", wrap=False)
        lines = row(self.play, self.slider, self.place, self.bounce, self.speed, self.rate, stretch=1)
        lines.setContentsMargins(8, 2, 8, 2)
        lines.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setLayout(lines)
        self.show_frame(0)
        self.show_playing(False)

    def show_frame(self, frame: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(frame)
        self.slider.blockSignals(False)
        self.place.setText(f"{frame + 1} / {self.slider.maximum() + 1}")

    def show_playing(self, playing: bool, rate: str = "") -> None:
        """`rate`: what is meant and what is seen."""
        self.play.setIcon(icon("mdi6.pause" if playing else "mdi6.play", theme.ACCENT if playing else _INK, _INK))
        for part in (self.bounce, self.speed, self.rate):
            part.setVisible(playing)
        self.rate.setText(rate)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, super().sizeHint().height())

    def _pulled(self, frame: int) -> None:
        self.place.setText(f"{frame + 1} / {self.slider.maximum() + 1}")
        self.frameWanted.emit(frame)


def _button(symbol: str, tip: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    button.setIcon(icon(symbol, _INK, _INK))
    button.setToolTip(tip)
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
