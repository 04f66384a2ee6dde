"""A calm strip above the report: the reports of earlier sessions that were not saved, to be opened or discarded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from app.journal import Unsaved
from app.panels.parts import GAP, button, label, row

SHOWN = 3
"""Offers at once; the others follow when these are settled."""
SURE = "Discard for good"


class UnsavedStrip(QWidget):
    """Nothing here is done by itself, and discarding takes two clicks."""

    openWanted = Signal(object)
    discardWanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offers: list[Unsaved] = []
        self._notes: list[str] = []
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(GAP)
        self.hide()

    @property
    def offers(self) -> Sequence[Unsaved]:
        return tuple(self._offers)

    def offer(self, entries: Sequence[Unsaved]) -> None:
        """More reports, before those that are offered already."""
        self._offers = [*entries, *self._offers]
        self._fill()

    def settle(self, entry: Unsaved, note: str = "") -> None:
        """It was opened or discarded; `note` is what the reader should know of it, until it was read."""
        self._offers = [one for one in self._offers if one is not entry]
        self.note(note)

    def note(self, sentence: str) -> None:
        """A sentence that stays until the reader has read it; "" adds none."""
        if sentence and sentence not in self._notes:
            self._notes.append(sentence)
        self._fill()

    def _fill(self) -> None:
        while item := self._lines.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for sentence in self._notes:
            self._lines.addWidget(_card(sentence, "", button("Close", partial(self._read, sentence))))
        for entry in self._offers[:SHOWN]:
            self._lines.addWidget(self._offer(entry))
        if len(self._offers) > SHOWN:
            self._lines.addWidget(label(f"and {len(self._offers) - SHOWN} more unsaved", "soft"))
        self.setVisible(bool(self._offers or self._notes))

    def _offer(self, entry: Unsaved) -> QFrame:
        discard = button("Discard", lambda: self._discard(entry, discard), tip="Delete the unsaved report")
        buttons = [discard]
        if entry.report is not None:
            buttons.insert(0, button("Open", lambda: self.openWanted.emit(entry), tip="Bring the report and its picture back"))
        for one in buttons:
            one.setAccessibleName(f"{one.text()} the unsaved report of {named(entry)}")
        return _card(f"Unsaved report of {named(entry)}, {when(entry.kept_at)}", trouble(entry), *buttons)

    def _discard(self, entry: Unsaved, pressed: QPushButton) -> None:
        if pressed.text() == SURE:
            self.discardWanted.emit(entry)
        else:
            pressed.setText(SURE)

    def _read(self, sentence: str) -> None:
        self._notes.remove(sentence)
        self._fill()


def named(entry: Unsaved) -> str:
    return entry.source.name if entry.source is not None else "an unknown picture"


def trouble(entry: Unsaved) -> str:
    """What is not as it was, in sentences; "" when all is."""
    lost = f"The picture is no longer in {entry.source.parent}." if entry.gone and entry.source is not None else ""
    return " ".join(filter(None, (lost, entry.missing)))


def when(seconds: float) -> str:
    """18:42 of today, else 21 Nov, 18:42; in the reader's own time."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b, %H:%M", then)


def _card(sentence: str, more: str, *buttons: QPushButton) -> QFrame:
    card = QFrame()
    card.setObjectName("row")
    lines = QVBoxLayout(card)
    lines.setContentsMargins(10, 7, 8, 8)
    lines.setSpacing(6)
    lines.addWidget(label(sentence))
    if more:
        lines.addWidget(label(more, "warn"))
    lines.addLayout(row(*buttons))
    return card
