"""From the action to an answer about a record: a dialog, the worker, a thread that reads files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget
from shiboken6 import isValid

from app import asking_records, records
from app.errands import answered
from app.lane import Lane
from app.own_job import OwnJob
from app.panels.record_dialog import RecordDialog
from inference.answers import Draft, EngineState, Progress
from inference.questions import Decoding

if TYPE_CHECKING:
    import threading

    from app.analysis import AnyEngine
    from app.session import Session
    from inference.worker import Worker

FORMS = "Records (*.txt *.md *.json *.pdf);;All files (*)"
PATIENCE_S = 2.0
MOST_TOKENS = 2000
"""Of an answer; the model's own limit may be lower."""


class RecordQuestions(QObject):
    """One dialog at a time; a question of it stops when it closes."""

    _read_to_end = Signal(object, object, str)
    """The dialog, the words of the file or None, and a sentence."""

    def __init__(self, window: QWidget, worker: Worker, session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._job = OwnJob(worker, session, "record", self)
        self._disk = Lane("hilum-record")
        self.dialog: RecordDialog | None = None
        self._text = self._place = ""
        worker.state.connect(self._take_state)
        self._read_to_end.connect(self._show_file)
        self._job.progressed.connect(self._progress)
        self._job.finished.connect(self._finished)
        self._job.failed.connect(partial(self._ended, bad=True))
        self._job.cancelled.connect(partial(self._ended, "stopped"))

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"ask-record": self.open}

    def open(self) -> None:
        if (dialog := self._current()) is None:
            self.dialog = dialog = RecordDialog(self._window)
            dialog.openWanted.connect(self._choose)
            dialog.asked.connect(self.ask)
            dialog.stopWanted.connect(self.stop)
            dialog.finished.connect(self.stop)
        dialog.show_where(self._place)
        dialog.show()
        dialog.raise_()
        dialog.record.setFocus()

    def read_file(self, path: Path) -> None:
        """Beside the window."""
        dialog = self._current()
        if dialog is not None:
            dialog.say(f"reading {path.name} …", bad=False)
            self._disk.submit(partial(self._read, dialog, path))

    def ask(self, record: str, question: str) -> None:
        """Of what stands in the dialog; a newer question takes the place of one that runs."""
        dialog = self._current()
        if dialog is None:
            return
        if not record.strip() or not question.strip():
            dialog.say("Type a question first." if record.strip() else "Paste a record first, or open a file.")
            return
        self.stop()

        def job(engine: AnyEngine, on_progress: Callable[[Progress], None], cancel: threading.Event) -> Draft:
            return asking_records.ask(record, question, Decoding(MOST_TOKENS), engine, on_progress, cancel)

        self._text = ""
        dialog.say("")
        dialog.show_draft(None)
        dialog.show_live("")
        dialog.working(True)
        self._job.start(job)

    def stop(self) -> None:
        if self._job.running:
            self._job.leave()
            self._ended("stopped")

    def close(self) -> None:
        self.stop()
        if (dialog := self._current()) is not None:
            dialog.close()
        self._disk.close(PATIENCE_S)

    def _current(self) -> RecordDialog | None:
        return self.dialog if self.dialog is not None and isValid(self.dialog) else None

    def _take_state(self, state: EngineState) -> None:
        self._place = state.answers_from
        if (dialog := self._current()) is not None:
            dialog.show_where(self._place)

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.dialog, "Open a record", "", FORMS)
        if name:
            self.read_file(Path(name))

    def _read(self, dialog: RecordDialog, path: Path) -> None:
        self._read_to_end.emit(dialog, *answered(partial(records.read, path), "The record cannot be read"))

    def _show_file(self, dialog: RecordDialog, text: str | None, sentence: str) -> None:
        if dialog is self._current():
            dialog.say(sentence)
            if text is not None:
                dialog.show_record(text)

    def _progress(self, progress: Progress) -> None:
        dialog = self._current()
        if dialog is None:
            return
        if progress.stage == "writing" and progress.text:
            self._text += progress.text
            dialog.show_live(self._text)
        else:
            dialog.say(progress.stage, bad=False)

    def _finished(self, answer: object) -> None:
        dialog = self._current()
        if isinstance(answer, Draft) and dialog is not None:
            self._ended("")
            dialog.show_draft(answer)

    def _ended(self, word: str, bad: bool = False) -> None:
        if (dialog := self._current()) is not None:
            dialog.working(False)
            dialog.show_draft(None)
            dialog.say(word, bad)
