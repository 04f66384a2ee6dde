"""Choosing what is sent to which archive, and what became of each file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.pacs.outgoing import Sent
from app.panels.parts import GAP, button, label, reword, row

WHAT = "Files go as they are, with all they say of the patient."
LABELS = "Also pictures of a slide's label and of the whole glass"


class SendDialog(QDialog):
    sendWanted = Signal(str, object, bool)
    """Node's name, paths of sources, whether pictures of labels go too."""

    def __init__(self, nodes: Sequence[str], sources: Sequence[tuple[Path, str]], chosen: Path | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Send to PACS")
        self.resize(620, 460)
        self.nodes = QComboBox()
        self.nodes.addItems(list(nodes))
        self.nodes.setAccessibleName("Archive")
        self.list = QListWidget()
        self.list.setAccessibleName("What is sent")
        for path, words in sources:
            item = QListWidgetItem(words)
            item.setData(Qt.ItemDataRole.UserRole, path)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if path == chosen else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.labels = QCheckBox(LABELS)
        self.word = label("", "hint")
        self.results = QListWidget()
        self.results.setAccessibleName("What became of each file")
        self.results.hide()
        self.send = button("Send", self._send, primary=True)
        shut = button("Close", self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(GAP)
        layout.addLayout(row(label("To", wrap=False), self.nodes))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.results, 1)
        layout.addWidget(self.labels)
        layout.addWidget(label(WHAT, "soft"))
        layout.addWidget(self.word)
        layout.addLayout(row(QWidget(), shut, self.send, stretch=0))
        if not nodes:
            self.say("No node is entered yet: F6 opens the window in which that is done.")
        elif not sources:
            self.say("Nothing is open that could be sent.")
        self.send.setEnabled(bool(nodes and sources))

    def say(self, sentence: str, role: str = "hint") -> None:
        reword(self.word, sentence, role)

    def show_progress(self, words: str) -> None:
        self.say(words)

    def show_results(self, words: str, sent: Sequence[Sent], good: bool) -> None:
        """Those that failed first."""
        self.say(words, "good" if good else "warn")
        self.list.hide()
        self.labels.hide()
        self.send.hide()
        self.results.clear()
        self.results.addItems([_line(one) for one in sorted(sent, key=lambda one: one.good)])
        self.results.show()

    def _send(self) -> None:
        items = [self.list.item(at) for at in range(self.list.count())]
        paths = [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]
        if not paths:
            self.say("Tick what is to be sent.", "bad")
            return
        self.send.setEnabled(False)
        self.say("reading the files …")
        self.sendWanted.emit(self.nodes.currentText(), paths, self.labels.isChecked())


def _line(one: Sent) -> str:
    return f"{'sent' if one.good else 'NOT SENT'}  {one.path.name}{f': {one.words}' if one.words else ''}"
