"""From the engine to the right picture: answers as they grow, kept with their source, shown in its panels and on its panes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app import analysis
from app.reports.report import ReportError
from app.reports.sentences import from_draft
from app.session import Asked, Findings, Session
from app.sheets import Sheet
from app.showing import show_on_pane
from inference.answers import Draft, Progress
from inference.errors import InferenceError
from inference.questions import DraftQuestion

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from app.analysis import AnyEngine, Result
    from app.panels.side import Side
    from app.panes import Pane, Panes
    from app.shelf import Shelf
    from inference.worker import Worker

INTERACTIVE = 0


class Answering(QObject):
    """`session` sends questions through here; an answer belongs to its source, whatever is in front when it comes."""

    progressed = Signal(object)
    """Progress of one question."""
    settled = Signal()
    """A question was answered, failed or was stopped."""
    reportChanged = Signal(object, object)
    """path, Report: to be kept in the journal."""
    sheetRead = Signal(object, object)
    """path, Sheet: to be kept."""

    def __init__(self, worker: Worker, panes: Panes, shelf: Shelf, side: Side, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker, self._panes, self._shelf, self._side = worker, panes, shelf, side
        self.session = Session(self._submit, worker.cancel)
        self.opacity = 0.55
        self._texts: dict[int, str] = {}
        worker.progress.connect(self._progress)
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        worker.cancelled.connect(self._cancelled)

    def show_findings(self, pane: Pane) -> None:
        """Bring back on a pane, and in the panels when it is active, what is known of its source."""
        found = self.session.findings(pane.path) if pane.path is not None else Findings()
        if self._shelf.stands(pane):
            show_on_pane(pane, found, self.opacity)
        if pane.number == self._panes.active:
            self._show_side(found)

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
        thinking = f"Thinking … {progress.done:,} of {progress.total:,} tokens." if progress.stage == "thinking" else ""
        if asked.task == "draft":
            self._side.report.show_live(self._texts[ticket], thinking)
        elif asked.task == "ask":
            self._side.ask.show_live(asked.words, self._texts[ticket], thinking)
        elif asked.task == "labels":
            self._side.labels.show_working(progress.stage)
        elif asked.task == "table":
            rows = self._texts[ticket].count('"test"')
            self._side.table.show_working(f"{rows} rows so far" if rows else progress.stage)

    def _finished(self, ticket: int, result: object) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self.settled.emit()
        if asked is None or not isinstance(result, analysis.Result):
            return
        if asked.task == "draft" and asked.item == self._side.report.source:
            self._side.report.settle()
        found = self.session.findings(asked.item)
        found.keep(asked.task, result, asked.words)
        sentence = self._take_report(asked, result, found) or self._take_table(asked, result, found)
        for pane in filter(self._shelf.stands, self._panes.showing(asked.item)):
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
                numbered=result.numbered,
            )
        except ReportError as error:
            return str(error)
        self.reportChanged.emit(asked.item, found.report)
        return ""

    def _take_table(self, asked: Asked, result: Result, found: Findings) -> str:
        """A page that was read becomes rows of its source's sheet; what went wrong in one sentence, "" when nothing."""
        if asked.task != "table" or not isinstance(result.answer, Draft):
            return ""
        try:
            sheet = (found.sheet or Sheet()).read(result.answer, result.region.frame)
        except InferenceError as error:
            return str(error)
        self.sheetRead.emit(asked.item, sheet)
        return ""

    def refresh(self, path: Path) -> None:
        """What is known of a source changed beside of questions."""
        if self._panes.pane.path == path:
            self._show_side(self.session.findings(path))

    def _failed(self, ticket: int, sentence: str) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self.settled.emit()
        if asked is not None:
            self.restore(asked)
            if self._panes.pane.path == asked.item:
                self._side.say(asked.task, sentence)

    def _cancelled(self, ticket: int) -> None:
        asked = self.session.finish(ticket)
        self._texts.pop(ticket, None)
        self.settled.emit()
        if asked is not None:
            self.restore(asked)

    def _show_side(self, found: Findings) -> None:
        self._side.show_findings(self._panes.pane.path, found, self._panes.view.overlay.threshold)

    def restore(self, asked: Asked) -> None:
        """The panels as they were before the request: an unfinished answer leaves nothing behind."""
        if self._panes.pane.path == asked.item:
            self._show_side(self.session.findings(asked.item))
