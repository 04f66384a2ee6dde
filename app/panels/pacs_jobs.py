"""What is being fetched and sent: a line each, with how far it is and a stop."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QWidget

from app.panels.parts import GAP, Elided, ScrolledColumn, label, reword
from app.theme import ThemeName, icon

HEIGHT = 128
KEPT = 30
"""Lines of ended work that stay."""


class Job(QWidget):
    def __init__(self, title: str, theme: ThemeName) -> None:
        super().__init__()
        self.title = label(title, wrap=False)
        self.words = Elided("soft", "waiting")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(140)
        self.stop = QToolButton()
        self.stop.setObjectName("flat")
        self.stop.setToolTip("Stop this one")
        self.stop.setAccessibleName(f"Stop: {title}")
        self.running = True
        self.dress(theme)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, GAP, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.title)
        layout.addWidget(self.words)
        layout.addStretch(1)
        layout.addWidget(self.bar)
        layout.addWidget(self.stop)
        self.bar.setRange(0, 0)

    def dress(self, theme: ThemeName) -> None:
        self.stop.setIcon(icon("mdi6.stop-circle-outline", theme, "text"))


class Jobs(ScrolledColumn):
    """The newest last."""

    stopWanted = Signal(int)

    def __init__(self, theme: ThemeName) -> None:
        super().__init__()
        self._theme: ThemeName = theme
        self._jobs: dict[int, Job] = {}
        self.setMaximumHeight(HEIGHT)
        self.hide()

    def add_job(self, number: int, title: str) -> None:
        ended = [key for key, one in self._jobs.items() if not one.running]
        for key in ended[: max(0, len(self._jobs) - KEPT + 1)]:
            gone = self._jobs.pop(key)
            gone.hide()
            gone.deleteLater()
        job = self._jobs[number] = Job(title, self._theme)
        job.stop.clicked.connect(partial(self._stop, number))
        self.add(job)
        self.show()
        self.to_end()

    def show_progress(self, number: int, words: str, done: int, total: int) -> None:
        job = self._jobs.get(number)
        if job is not None and job.running:
            job.words.setText(words)
            job.bar.setRange(0, total)
            job.bar.setValue(done)

    def end_job(self, number: int, words: str, good: bool) -> None:
        job = self._jobs.get(number)
        if job is not None:
            job.running = False
            reword(job.words, words, "soft" if good else "warn")
            job.bar.hide()
            job.stop.hide()

    def texts(self) -> list[str]:
        return [f"{one.title.text()}: {one.words.text()}" for one in self._jobs.values()]

    def dress(self, theme: ThemeName) -> None:
        self._theme = theme
        for one in self._jobs.values():
            one.dress(theme)

    def _stop(self, number: int, _checked: bool = False) -> None:
        self._jobs[number].words.setText("stopping …")
        self._jobs[number].stop.setEnabled(False)
        self.stopWanted.emit(number)
