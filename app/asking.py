"""From a key press to an answer on the right picture: questions out, answers routed to panels and panes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app import analysis, label_sets
from app.analysis import Request
from app.reports.report import ReportError
from app.reports.sentences import from_draft
from app.session import Asked, Findings, Session, Task
from app.showing import show_on_pane
from inference.answers import Draft, Progress
from inference.questions import BoxQuestion, DraftQuestion, FreeQuestion, HeatmapQuestion, LabelQuestion, Question

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from app.analysis import AnyEngine, Result
    from app.panels.side import Side
    from app.panes import Pane, Panes
    from app.shelf import Shelf
    from inference.worker import Worker

INTERACTIVE = 0


class Asking(QObject):
    """Asks about the selected region or the whole view of the active pane; Escape stops everything it started."""

    progressed = Signal(object)
    """Progress of what the reader waits for, None when nothing runs."""
    reportChanged = Signal(object, object)
    """path, Report: to be kept in the journal."""

    def __init__(self, worker: Worker, panes: Panes, shelf: Shelf, side: Side, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker, self._panes, self._shelf, self._side = worker, panes, shelf, side
        self.session = Session(self._submit, worker.cancel)
        self.encoder = "demo-encoder"
        self.opacity = 0.55
        self._texts: dict[int, str] = {}
        worker.progress.connect(self._progress)
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        worker.cancelled.connect(self._cancelled)

    def labels(self, name: str) -> None:
        if not name and self._panes.pane.path is not None:
            self._side.labels.say(f"No label set of {self.encoder} fits this kind of picture; type a phrase and press H instead.")
            return
        try:
            question = LabelQuestion(label_sets.load(name))
        except ValueError as error:
            self._side.labels.say(str(error))
            return
        self._ask("labels", question)
        self._side.labels.show_working("looking")

    def heatmap(self, phrase: str) -> None:
        self._ask("heatmap", HeatmapQuestion(phrase))

    def draft(self, indication: str) -> None:
        if self._ask("draft", DraftQuestion(indication), prior=self._side.report.prior_path()):
            self._side.report.show_live("")

    def question(self, text: str) -> None:
        if self._ask("ask", FreeQuestion(text)):
            self._side.ask.show_live(text, "")

    def locate(self, name: str) -> None:
        if self._ask("ask", BoxQuestion(name)):
            self._side.ask.show_live(f"Where is: {name}", "")

    def cancel(self) -> bool:
        """Stop what runs; whether there was anything."""
        waiting = self.session.waiting()
        self.session.cancel_all()
        for asked in waiting:
            self._restore(asked)
        self._quiet()
        return bool(waiting)

    def show_findings(self, pane: Pane) -> None:
        """Bring back on a pane, and in the panels when it is active, what is known of its source."""
        if pane.path is None:
            return
        found = self.session.findings(pane.path)
        show_on_pane(pane, found, self.opacity)
        if pane.number == self._panes.active:
            self._show_side(found)

    def shown_path(self) -> Path | None:
        """The source in the active pane."""
        return self._panes.pane.path

    def forget(self, path: Path) -> None:
        self.session.forget(path)
        self._quiet()

    def _ask(self, task: Task, question: Question, prior: Path | None = None) -> bool:
        pane = self._panes.pane
        if pane.path is None or pane.view.source is None:
            self._side.say(task, "Open a picture first: drop a file here, or press Ctrl+O.")
            return False
        region = pane.view.selection or pane.view.visible_region()
        self._side.say(task, "")
        self.session.ask(task, Request(pane.path, question, region, prior, region.frame), pane.number)
        self.progressed.emit(Progress("waiting for the engine"))
        return True

    def _submit(self, asked: Asked) -> None:
        request = asked.request

        def job(engine: AnyEngine, on_progress: Callable[[Progress], None], cancel: threading.Event) -> Result:
            return analysis.run(request, engine, on_progress, cancel, open=self._shelf.opener.source)

        self._texts[asked.ticket] = ""
        self._worker.submit(asked.ticket, job, priority=INTERACTIVE, lane=f"{asked.pane}-{asked.task}")

    def _progress(self, ticket: int, progress: Progress) -> None:
        asked = self.session.running(ticket)
        if asked is None:
            return
        self.progressed.emit(progress)
        if progress.stage == "writing" and progress.text:
            self._texts[ticket] += progress.text
        if asked.item != self._panes.pane.path:
            return
        if asked.task == "draft":
            self._side.report.show_live(self._texts[ticket])
        elif asked.task == "ask":
            self._side.ask.show_live(_words(asked), self._texts[ticket])
        elif asked.task == "labels":
            self._side.labels.show_working(progress.stage)

    def _finished(self, ticket: int, result: object) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self._quiet()
        if asked is None or not isinstance(result, analysis.Result):
            return
        found = self.session.findings(asked.item)
        found.keep(asked.task, result, _words(asked))
        sentence = self._take_report(asked, result, found)
        for pane in self._panes.showing(asked.item):
            show_on_pane(pane, found, self.opacity)
        if self._panes.pane.path == asked.item:
            self._show_side(found)
            self._side.say(asked.task, sentence)

    def _take_report(self, asked: Asked, result: Result, found: Findings) -> str:
        """A draft becomes the report of its source; what went wrong in one sentence, "" when nothing."""
        answer, question = result.answer, asked.request.question
        if asked.task != "draft" or not isinstance(answer, Draft) or not isinstance(question, DraftQuestion):
            return ""
        try:
            found.report = from_draft(
                answer,
                asked.item.name,
                indication=question.indication,
                prior_sent=asked.request.prior is not None,
                boxes=result.boxes(),
            )
        except ReportError as error:
            return str(error)
        self.reportChanged.emit(asked.item, found.report)
        return ""

    def _failed(self, ticket: int, sentence: str) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self._quiet()
        if asked is not None:
            self._restore(asked)
            if self._panes.pane.path == asked.item:
                self._side.say(asked.task, sentence)

    def _cancelled(self, ticket: int) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self._quiet()
        if asked is not None:
            self._restore(asked)

    def _show_side(self, found: Findings) -> None:
        self._side.show_findings(found, self._panes.view.overlay.threshold)

    def _restore(self, asked: Asked) -> None:
        """The panels as they were before the request: an unfinished answer leaves nothing behind."""
        if self._panes.pane.path == asked.item:
            self._show_side(self.session.findings(asked.item))

    def _quiet(self) -> None:
        if not self.session.waiting():
            self.progressed.emit(None)


def _words(asked: Asked) -> str:
    """A request in the words of the Ask panel."""
    question = asked.request.question
    if isinstance(question, FreeQuestion):
        return question.text
    return f"Where is: {question.object}" if isinstance(question, BoxQuestion) else ""
