"""The line at the foot: model, device, memory, speed; the running job with its stop; and what every word here is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QWidget

from app.panels.parts import Elided, label
from app.theme import ThemeName, icon
from inference.answers import EngineState, Progress

if TYPE_CHECKING:
    from app.fits import Predicted

PREDICTED = "What the memory's speed allows; the first answer shows what it is"
TROUBLE = {"tight": "memory is tight: close other programs", "too large": "too large for this machine"}


class StatusLine(QWidget):
    stopWanted = Signal()
    jobStopWanted = Signal()

    def __init__(self, theme: ThemeName, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.engine = Elided("soft", "engine not started")
        self.work = Elided()
        self.speed = Elided("soft")
        self.stop = _stop("Stop (Escape)", theme)
        self.stop.clicked.connect(self.stopWanted)
        self.job = Elided("soft")
        self.bar = QProgressBar()
        self.bar.setFixedWidth(120)
        self.bar.setTextVisible(False)
        self.job_stop = _stop("Stop the batch", theme)
        self.job_stop.clicked.connect(self.jobStopWanted)
        self.note = Elided("soft")
        self.pointer = label("", "soft", wrap=False)
        self.word = label("Draft, not for diagnosis", "draft", wrap=False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(12)
        left: tuple[QWidget, ...] = (self.engine, self.work, self.speed, self.stop, self.note)
        right: tuple[QWidget, ...] = (self.pointer, self.job, self.bar, self.job_stop, self.word)
        for widget in left:
            layout.addWidget(widget)
        layout.addStretch(1)
        for widget in right:
            layout.addWidget(widget)
        self.show_work(None)
        self.show_job("", 0, 0)

    def show_engine(self, state: EngineState) -> None:
        parts = [", ".join(state.models) or "no model loaded", state.device]
        if state.answers_from:  # that first, and of the models here only those in use
            parts = [f"answers come from {state.answers_from}", *(parts if state.models else [])]
        if state.idle_s and not state.models:
            parts[-1] = f"unloaded after {state.idle_s / 60:.3g} min without a question"
        if state.memory_total:
            parts.append(f"{state.memory_used / 2**30:.1f} of {state.memory_total / 2**30:.0f} GiB")
        if state.remark:
            parts.append(state.remark)
        self.engine.setText(" · ".join(parts))

    def show_engine_word(self, text: str) -> None:
        self.engine.setText(text)

    def show_work(self, progress: Progress | None) -> None:
        """What runs for the reader; None when nothing does. The tokens per second of the last answer stay."""
        self.stop.setVisible(progress is not None)
        if progress is None:
            self.work.setText("")
            return
        self.note.setText("")
        count = f" {progress.done} of {progress.total}" if progress.total > 1 else ""
        self.work.setText(f"{progress.stage}{count}")
        if progress.tokens_per_second:
            self._show_speed(f"{progress.tokens_per_second:.0f} tokens/s")

    def show_predicted(self, said: Predicted | None) -> None:
        """How fast the drafter that is asked from now on would write; it makes way for what was measured. None: another drafter,
        of which nothing is known yet."""
        if said is None:
            self._show_speed("")
        elif not self.speed.text():
            rate = f"about {said.tokens_per_second:.2g} tokens/s predicted" if said.tokens_per_second else ""
            self._show_speed(
                ", ".join(filter(None, (rate, TROUBLE.get(said.fit, "")))), said.trouble or (PREDICTED if rate else "")
            )

    def _show_speed(self, words: str, tip: str = "") -> None:
        self.speed.tip = tip
        self.speed.setText(words)

    def show_note(self, text: str) -> None:
        """What was done lately; it stays until the next work begins."""
        self.note.setText(text)

    def show_job(self, text: str, done: int, total: int) -> None:
        self.job.setVisible(bool(text))
        self.job_stop.setVisible(bool(text) and done < total)
        self.bar.setVisible(bool(text) and done < total)
        self.job.setText(text)
        self.bar.setMaximum(max(1, total))
        self.bar.setValue(done)

    def dress(self, theme: ThemeName) -> None:
        for button in (self.stop, self.job_stop):
            button.setIcon(icon("mdi6.stop-circle-outline", theme, "text"))


def _stop(tip: str, theme: ThemeName) -> QToolButton:
    button = QToolButton()
    button.setObjectName("flat")
    button.setIcon(icon("mdi6.stop-circle-outline", theme, "text"))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
