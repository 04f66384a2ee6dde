"""The panels at the right: Report, Labels, Marks, Ask, Details; others where there is something to put into them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QTabWidget, QWidget

from app.panels.ask import AskPanel
from app.panels.channels import ChannelsPanel
from app.panels.details import DetailsPanel
from app.panels.film_marks import FilmMarksPanel
from app.panels.labels import LabelsPanel
from app.panels.layers import LayersPanel
from app.panels.marks import MarksPanel
from app.panels.others import OthersPanel
from app.panels.report import ReportPanel
from app.panels.table import TablePanel
from app.panels.window import WindowPanel
from app.session import Findings, Task
from inference.answers import Draft


class Side(QTabWidget):
    """Brings a source's findings to the panels. A panel comes to the front only when the reader asked for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.report, self.labels, self.ask, self.details = ReportPanel(), LabelsPanel(), AskPanel(), DetailsPanel()
        self.table = TablePanel()
        self.layers, self.marks, self.channels = LayersPanel(), MarksPanel(), ChannelsPanel()
        self.films = FilmMarksPanel()
        self.channels.wanted.connect(partial(self._offer, self.channels))
        self.addTab(self.report, "Report")
        self.addTab(self.labels, "Labels")
        self.addTab(self.layers, "Layers")
        self.addTab(self.marks, "Marks")
        self.addTab(self.films, "Marks")
        self.setTabVisible(self.indexOf(self.films), False)
        self.addTab(self.ask, "Ask")
        self.addTab(self.table, "Table")
        self.addTab(self.details, "Details")
        self.addTab(self.channels, "Channels")
        self.others = OthersPanel()
        self.addTab(self.others, "Others")
        self.window_panel = WindowPanel()
        self.addTab(self.window_panel, "Window")
        for panel in (self.table, self.channels, self.others, self.window_panel, self.layers):
            self.setTabVisible(self.indexOf(panel), False)
        self.window_panel.wanted.connect(partial(self._offer, self.window_panel))
        self.layers.wanted.connect(self._offer_layers)
        self._found, self._threshold = Findings(), 0.0
        self._source: Path | None = None
        self._stale: set[QWidget] = set()
        self.currentChanged.connect(lambda _: self._refresh())
        self.currentChanged.connect(lambda _: self.layers.refresh())

    def show_channels(self) -> None:
        """Bring channels and planes to the front, where the slide has any."""
        if self.isTabVisible(self.indexOf(self.channels)):
            self.front(self.channels)

    def suit(self, film: bool) -> None:
        """Marks of slides and measurements of films stand in one place: the panel of what is in the active pane is there."""
        there, gone = (self.films, self.marks) if film else (self.marks, self.films)
        front = self.currentWidget() is gone
        self.setTabVisible(self.indexOf(there), True)
        if front:
            self.front(there)
        self.setTabVisible(self.indexOf(gone), False)

    def show_marks(self) -> None:
        """Bring marks, or measurements where a film is in the active pane, to the front."""
        self.front(self.films if self.isTabVisible(self.indexOf(self.films)) else self.marks)

    def show_window(self) -> None:
        """Bring histogram and windows to the front, where the picture has any."""
        if self.isTabVisible(self.indexOf(self.window_panel)):
            self.front(self.window_panel)

    def offer_others(self, there: bool) -> None:
        """The panel of what others said, where anybody said anything."""
        self._offer(self.others, there)

    def _offer(self, panel: QWidget, there: bool) -> None:
        if self.isTabVisible(self.indexOf(panel)) != there:
            self.setTabVisible(self.indexOf(panel), there)

    def _offer_layers(self, there: bool) -> None:
        """While anything lies over the picture, or the reader looks at the list."""
        self._offer(self.layers, there or self.currentWidget() is self.layers)

    def front(self, panel: QWidget) -> None:
        self._offer(panel, True)
        self.setCurrentWidget(panel)

    def show_findings(self, source: Path | None, found: Findings, threshold: float) -> None:
        """Of one source; `threshold` is where the overlay's stands. Panels behind are filled when they come to the front."""
        self._source, self._found, self._threshold = source, found, threshold
        self._stale = {self.report, self.labels, self.ask, self.table, self.details}
        self._offer(self.table, found.sheet is not None or self.currentWidget() is self.table)
        self._refresh()

    def _refresh(self) -> None:
        panel, found = self.currentWidget(), self._found
        if panel not in self._stale:
            return
        self._stale.discard(panel)
        if panel is self.report:
            drafted = found.draft.answer if found.draft is not None else None
            if isinstance(drafted, Draft):
                self.report.show_thought(drafted.thought, drafted.receipt.thinking_tokens)
            else:
                self.report.show_thought("", 0)
            self.report.show_report(found.report, self._source)
        elif panel is self.labels:
            self.labels.show_labels(found.labels)
            self.labels.show_heatmap(found.heatmap)
            if found.heatmap is not None:
                self.labels.show_threshold(self._threshold)
        elif panel is self.ask:
            self.ask.show_conversation(found.conversation)
        elif panel is self.table:
            self.table.show_sheet(found.sheet, self._source)
        elif found.last is None:
            self.details.show_answer(None)
        else:
            self.details.show_answer(found.last.answer.receipt, found.last.seen)

    def say(self, task: Task, sentence: str) -> None:
        """One sentence in the panel that was asked."""
        if task == "draft":
            self.report.say(sentence)
        elif task == "ask":
            self.ask.say(sentence)
        elif task == "table":
            self.table.say(sentence)
        elif sentence:
            self.labels.say(sentence)
