"""The sentences of a report in their sections, or the words of a draft as they are written."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QWidget

from app.panels.changes_table import ChangesTable
from app.panels.parts import ScrolledColumn, label
from app.panels.sentence_row import SentenceRow
from app.panels.thought import Thought
from app.panels.warned import Warned
from app.reports.checks import Remark
from app.reports.report import Report, Section, State

EMPTY = "Press D to draft a report of the region, or of the whole view."


class Sentences(ScrolledColumn):
    """Its widgets are made once and used again, and those for a draft while its words still come: dressing one by the style
    sheet takes about a millisecond, and a report of them at once would hold the window up."""

    chosen = Signal(int)
    edited = Signal(int, str)
    typed = Signal(int, str)
    dropped = Signal(int)
    frameWanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[int, SentenceRow] = {}
        """By the sentence's id, in their order."""
        self._hint = label(EMPTY, "hint")
        self._live = label("", "model", selectable=True)
        self._headings = {section: label(str(section), "heading") for section in Section}
        self._warned = Warned()
        self._changes = ChangesTable()
        self._changes.chosen.connect(self.chosen)
        self.thought = Thought()
        self._warnings: list[QLabel] = []
        self._made: list[SentenceRow] = []
        self._shown: list[QWidget] = []

    def show_hint(self) -> None:
        """What to do next, where there is no report."""
        self.rows = {}
        self._arrange([self._hint])

    def show_live(self, text: str) -> None:
        """The words of a draft while they are written."""
        self.rows = {}
        self._live.setText(text)
        self._arrange([self._live])
        if len(self._made) < text.count("."):
            self._make()

    def show_report(self, report: Report, found: Sequence[Remark]) -> None:
        """The sentences with what was `found` to say about each; what is said of none stands above them."""
        general = [one.text for one in found if not one.sentences]
        self._warnings += [label("", "warn") for _ in general[len(self._warnings) :]]
        self._warned.show_warnings(report.warnings)
        wanted: list[QWidget] = [self._warned] if report.warnings else []
        if self._changes.show_report(report):
            wanted.append(self._changes)
        for line, text in zip(self._warnings, general, strict=False):
            line.setText(text)
            wanted.append(line)
        self.rows = {}
        for section in Section:
            sentences = [one for one in report.sentences if one.section is section]
            if sentences:
                wanted.append(self._headings[section])
            for sentence in sentences:
                said = [one.text for one in found if sentence.id in one.sentences and sentence.state is not State.REFUSED]
                row = self._made[len(self.rows)] if len(self.rows) < len(self._made) else self._make()
                row.show_sentence(sentence, " ".join(said))
                self.rows[sentence.id] = row
                wanted.append(row)
        if self.thought.words.text():
            wanted.append(self.thought)
        self._arrange(wanted)

    def confirm(self) -> None:
        """What is being typed counts, confirmed or not."""
        for row in list(self.rows.values()):
            row.confirm()

    def _make(self) -> SentenceRow:
        row = SentenceRow(self.widget())
        row.chosen.connect(self.chosen)
        row.edited.connect(self.edited)
        row.typed.connect(self.typed)
        row.dropped.connect(self.dropped)
        row.frameWanted.connect(self.frameWanted)
        for part in (row, *row.findChildren(QLabel)):
            part.ensurePolished()
        self._made.append(row)
        return row

    def _arrange(self, wanted: list[QWidget]) -> None:
        """Show these from the top down, and nothing else."""
        if wanted == self._shown:
            return
        for widget in self._shown:
            self._lines.removeWidget(widget)
            if widget not in wanted:
                widget.hide()
        for widget in wanted:
            self.add(widget)
            widget.show()
        self._shown = wanted
