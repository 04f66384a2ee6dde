"""A record to be asked about: pasted or opened, the question, and the answer as a draft. Nothing of it is kept."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.panels.parts import GAP, MARGIN, ScrolledColumn, Word, button, label, row
from app.panels.warned import Warned
from inference.answers import Draft

PASTE = "Paste a record here, or open a file: plain text, a FHIR bundle as JSON, or a PDF. It goes to the model as it is here."


class RecordDialog(QDialog):
    openWanted = Signal()
    asked = Signal(str, str)
    """The record and the question."""
    stopWanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Ask about a record")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, 640)
        self.record = QPlainTextEdit()
        self.record.setPlaceholderText(PASTE)
        self.record.setAccessibleName("Record")
        self.record.setTabChangesFocus(True)
        self.question = QLineEdit()
        self.question.setPlaceholderText("A question about the record")
        self.question.setAccessibleName("Question")
        self.ask = button("Ask", self._send, primary=True, tip="Enter")
        self.ask.setDefault(True)
        self.stop = button("Stop", self.stopWanted.emit)
        self.open_file = button("Open file…", self.openWanted.emit, tip="Text, JSON or PDF")
        self.copy = button("Copy answer", self._copy)
        self.close_button = button("Close", self.close)
        for one in (self.stop, self.open_file, self.copy, self.close_button):
            one.setAutoDefault(False)
        self.warned = Warned()
        self.answer = label("", "model", selectable=True)
        self.thought = label("", "soft", selectable=True)
        self.trace = button("Thinking trace", lambda: self.thought.setVisible(not self.thought.isVisible()))
        self.trace.setAutoDefault(False)
        self.by, self.word = label("", "soft"), Word()
        self.answers = ScrolledColumn()
        for widget in (self.warned, self.answer, self.by, self.trace, self.thought):
            self.answers.add(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(GAP)
        column.addWidget(label("Record", "heading"))
        column.addWidget(self.record, 3)
        column.addLayout(row(self.open_file))
        column.addLayout(row(self.question, self.ask, self.stop, stretch=0))
        column.addWidget(self.answers, 2)
        column.addWidget(self.word)
        self.where = label("", "hint")
        column.addWidget(self.where)
        column.addLayout(row(self.copy, self.close_button))
        self._draft: Draft | None = None
        self.show_where("")
        self.show_draft(None)
        self.working(False)

    def show_where(self, place: str) -> None:
        """Who answers: an endpoint and its model, "" for this machine."""
        goes = f"Record and question go to {place}." if place else "Record and question stay on this machine."
        self.where.setText(f"{goes} Nothing of this is kept here when the dialog closes.")

    def show_record(self, text: str) -> None:
        self.record.setPlainText(text)
        self.question.setFocus()

    def working(self, on: bool) -> None:
        self.ask.setEnabled(not on)
        self.stop.setVisible(on)

    def show_live(self, text: str) -> None:
        self.answer.setText(text or "…")
        self.answers.to_end()

    def show_draft(self, draft: Draft | None) -> None:
        self._draft = draft
        self.answer.setText(draft.text if draft is not None else "")
        self.thought.setText(draft.thought if draft is not None else "")
        self.thought.hide()
        self.trace.setVisible(draft is not None and bool(draft.thought))
        self.warned.show_warnings(draft.receipt.warnings if draft is not None else ())
        self.by.setText(_by(draft) if draft is not None else "")
        self.copy.setEnabled(draft is not None)

    def say(self, sentence: str, bad: bool = True) -> None:
        self.word.say(sentence, bad)

    def _send(self) -> None:
        if self.ask.isEnabled():
            self.asked.emit(self.record.toPlainText(), self.question.text())

    def _copy(self) -> None:
        if self._draft is not None:
            QGuiApplication.clipboard().setText(f"{self._draft.text}\n\n{_by(self._draft)}")


def _by(draft: Draft) -> str:
    remark = f", {draft.receipt.remark}" if draft.receipt.remark else ""
    ended = "" if draft.finish == "stop" else f" · incomplete ({draft.finish})"
    return f"{draft.receipt.model}{remark} · draft, not for diagnostic use{ended}"
