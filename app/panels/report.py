"""The report: sections of sentences, each accepted, edited or refused by the reader, then signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from app.panels.parts import Column, Word, button, label, row
from app.panels.sentences import Sentences
from app.reports.checks import remarks
from app.reports.report import Report, ReportError

JOURNAL_MS = 2000


class ReportPanel(Column):
    """Shows one report, or the words of a draft as they are written."""

    draftWanted = Signal(str)
    """The indication, "" for none."""
    changed = Signal(object, object)
    """The source it is of, and the report after the reader's change."""
    saveWanted = Signal()
    signWanted = Signal(str)
    frameWanted = Signal(int)
    """Of the source in the active pane, from 0: a sentence names it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: Report | None = None
        self._source: Path | None = None
        self._indications: dict[Path | None, str] = {}
        self._priors: list[tuple[Path, str]] = []
        self._chosen = 0
        self.indication = QLineEdit()
        self.indication.setPlaceholderText("Indication (optional)")
        self.indication.setToolTip("Why the picture was taken; sent to the model with it")
        self.indication.returnPressed.connect(self._draft)
        self._draft_button = button("Draft", self._draft, primary=True, tip="D")
        self.column.addLayout(row(self.indication, self._draft_button, stretch=0))
        self.think = QCheckBox("Think first")
        self.think.setToolTip("Ask for a thinking trace before the report")
        self.think.hide()
        self.column.addWidget(self.think)
        self.prior = QComboBox()
        self.prior.setAccessibleName("Earlier picture to compare with")
        self.prior.hide()
        self.column.addWidget(self.prior)
        self._banner = label("", "draft")
        self.column.addWidget(self._banner)
        self.sentences = Sentences()
        self.sentences.chosen.connect(self.choose)
        self.sentences.edited.connect(self._edited)
        self.sentences.typed.connect(self._on_typed)
        self.sentences.dropped.connect(self._on_dropped)
        self.sentences.frameWanted.connect(self.frameWanted)
        self.column.addWidget(self.sentences, 1)
        self._verbs = QWidget()
        self._verbs.setLayout(
            row(
                button("Accept  A", self.accept, tip="Accept the chosen sentence"),
                button("Edit  E", self.edit, tip="Edit the chosen sentence"),
                button("Refuse  X", self.refuse, tip="Refuse the chosen sentence"),
            )
        )
        self.column.addWidget(self._verbs)
        self._name = QLineEdit()
        self._name.setPlaceholderText("Your name")
        self._sign = button("Sign", self._want_sign)
        self._save = button("Save…", self.saveWanted.emit, tip="Ctrl+S")
        self._foot = QWidget()
        self._foot.setLayout(row(self._name, self._sign, self._save, stretch=0))
        self.column.addWidget(self._foot)
        self._word = Word()
        self.column.addWidget(self._word)
        self._typing = QTimer(self, singleShot=True, interval=JOURNAL_MS)
        self._typing.timeout.connect(self._emit_typed)
        self._typed: tuple[int, str] | None = None
        self._told: Report | None = None
        """The report with words not confirmed yet, as it was last told."""
        self.show_report(None)

    def offer_priors(self, priors: Sequence[tuple[Path, str]]) -> None:
        """Earlier pictures of the same patient, (path, words), the latest first; it is sent unless the reader says no."""
        if list(priors) == self._priors:
            return
        self._priors = list(priors)
        self.prior.clear()
        for path, words in priors:
            self.prior.addItem(f"Compare with {words}", path)
        self.prior.addItem("Do not compare", None)
        self.prior.setVisible(bool(priors))

    def prior_path(self) -> Path | None:
        found = self.prior.currentData()
        return found if isinstance(found, Path) else None

    @property
    def report(self) -> Report | None:
        return self._report

    @property
    def source(self) -> Path | None:
        """What the report shown is of."""
        return self._source

    def settle(self) -> None:
        """What is being typed counts as typed: to be called before another report of the same source is shown, or this one
        saved, signed or closed."""
        self.sentences.confirm()

    def show_thought(self, text: str, tokens: int) -> None:
        """What the model thought before it wrote the report that is shown next, "" where nothing is known of it."""
        self.sentences.thought.show_thought(text, tokens)

    def show_report(self, report: Report | None, source: Path | None = None) -> None:
        """Show the report of `source`, or the empty state. One that is shown already stays as it is, with what is being typed
        into it; what was being typed into another source's is that report's."""
        self._word.hide()
        if source != self._source:
            self.settle()
            self._word.hide()
            self._indications[self._source] = self.indication.text()
            self.indication.setText(self._indications.get(source, "" if self._source else self.indication.text()))
        elif report is not None and report in (self._report, self._told):
            return
        self._report, self._source, self._typed, self._told = report, source, None, None
        self._typing.stop()
        self._foot.setVisible(report is not None)
        self._verbs.setVisible(report is not None and report.signature is None)
        self._banner.setVisible(report is not None)
        if report is None:
            self.sentences.show_hint()
            return
        self._banner.setText(report.banner)
        self.sentences.show_report(report, remarks(report))
        left = len(report.untouched())
        self._sign.setEnabled(report.signature is None and left == 0)
        self._sign.setToolTip(f"{left} proposed sentences are still to be accepted, edited or refused" if left else "")
        self.choose(self._chosen if self._chosen in self.sentences.rows else next(iter(self.sentences.rows), 0))

    def show_live(self, text: str, thinking: str = "") -> None:
        """The words of a draft while they are written; nothing else in the panel moves. `thinking`: how far the trace is."""
        self.settle()
        self._report = None
        self._foot.hide()
        self._verbs.hide()
        self._banner.show()
        self._banner.setText(f"{thinking or 'Drafting …'} Escape stops")
        self.sentences.show_live(text)

    def say(self, sentence: str) -> None:
        """One sentence under the report: why something did not work."""
        self._word.say(sentence)

    def choose(self, id: int) -> None:
        self._chosen = id
        rows = self.sentences.rows
        for number, line in rows.items():
            line.set_chosen(number == id)
        if id in rows:
            self.sentences.ensureWidgetVisible(rows[id], 0, 40)

    def step(self, by: int) -> None:
        """Choose the next (1) or previous (-1) sentence."""
        ids = list(self.sentences.rows)
        if ids:
            at = ids.index(self._chosen) if self._chosen in ids else -1
            self.choose(ids[min(max(at + by, 0), len(ids) - 1)])

    def accept(self) -> None:
        self._act(Report.accept)

    def refuse(self) -> None:
        self._act(Report.refuse)

    def edit(self) -> None:
        if self._chosen in self.sentences.rows:
            self.sentences.rows[self._chosen].start_edit()

    def _act(self, change: Callable[[Report, int], Report]) -> None:
        which = self._chosen
        if self._report is None or which not in self.sentences.rows:
            return
        self._after(lambda report: change(report, which), which)

    def _after(self, change: Callable[[Report], Report], id: int) -> None:
        if self._report is None:
            return
        try:
            report = change(self._report)
        except ReportError as error:
            self.say(str(error)[:1].upper() + str(error)[1:] + ".")
            return
        waiting = [one.id for one in report.untouched()]
        self._chosen = next((other for other in waiting if other > id), waiting[0] if waiting else id)
        self._told = None
        self.show_report(report, self._source)
        self.changed.emit(self._source, report)

    def _edited(self, id: int, text: str) -> None:
        self._after(lambda report: report.edit(id, text), id)

    def _on_typed(self, id: int, text: str) -> None:
        self._typed = (id, text)
        if not self._typing.isActive():
            self._typing.start()

    def _on_dropped(self, id: int) -> None:  # noqa: ARG002 - the form of the signal
        """The sentence stays as it was, in the journal too."""
        self._typing.stop()
        told, self._typed, self._told = self._told, None, None
        if told is not None and self._report is not None:
            self.changed.emit(self._source, self._report)

    def _emit_typed(self) -> None:
        """What is being typed goes into the journal before it is confirmed."""
        if self._typed is None or self._report is None or self._report.signature is not None or not self._typed[1].strip():
            return
        self._told = self._report.edit(*self._typed)
        self.changed.emit(self._source, self._told)

    def _want_sign(self) -> None:
        self.settle()
        self.signWanted.emit(self._name.text())

    def _draft(self) -> None:
        self.draftWanted.emit(self.indication.text().strip())
