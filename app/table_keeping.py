"""Sheets of the open pictures on disk: kept after every change, brought back when their picture is shown, written as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app import sheets
from app.lane import Lane
from app.sheets import Sheet
from app.storage import atomic_write

if TYPE_CHECKING:
    from app.answering import Answering
    from app.panels.table import TablePanel

PATIENCE_S = 30.0


class TableKeeping(QObject):
    noted = Signal(str)
    _written = Signal(str)
    """A sentence where something could not be written."""
    _saved = Signal(str)
    _loaded = Signal(object, object)
    """The source and its Sheet."""

    def __init__(self, window: QWidget, panel: TablePanel, answering: Answering) -> None:
        super().__init__(window)
        self._window, self._panel, self._answering = window, panel, answering
        self._disk = Lane("hilum-tables")
        self._known: set[Path] = set()
        panel.changed.connect(self.take)
        panel.saveWanted.connect(self._choose)
        panel.clearWanted.connect(self.ask_to_clear)
        self._written.connect(panel.say)
        self._saved.connect(self.noted)
        self._loaded.connect(self._show)

    def take(self, source: Path, sheet: Sheet) -> None:
        """What a model read or a reader did: it stands in the findings at once and on disk soon after."""
        self._known.add(source)
        self._answering.session.findings(source).sheet = sheet
        self._disk.submit(partial(self._keep, source, sheet))

    def shown(self, source: Path) -> None:
        """A source is in a pane: what was kept of it comes back, once."""
        if source not in self._known:
            self._known.add(source)
            self._disk.submit(partial(self._load, source))

    def forget(self, source: Path) -> None:
        self._known.discard(source)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"clear-table": self.ask_to_clear}

    def ask_to_clear(self) -> None:
        """After the reader said so."""
        source = self._panel.source
        if source is None or not self._panel.sheet.lines:
            self.noted.emit("no table was read of this page")
            return
        question = (
            f"Remove all {len(self._panel.sheet.lines)} rows of {source.name}, also from the disk? They cannot be brought back."
        )
        buttons = QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel
        if QMessageBox.warning(self._window, "Clear the table", question, buttons) == QMessageBox.StandardButton.Discard:
            self.clear(source)

    def clear(self, source: Path) -> None:
        """Its rows go, here and on the disk."""
        self._answering.session.findings(source).sheet = None
        self._disk.submit(partial(self._remove, source))
        self._answering.refresh(source)

    def write(self, sheet: Sheet, path: Path) -> None:
        """As CSV, beside the window."""
        self._disk.submit(partial(self._save, sheet, path))

    def close(self) -> None:
        """Returns when everything is written."""
        self._disk.close(PATIENCE_S)

    def _choose(self) -> None:
        source = self._panel.source
        if source is not None:
            name, _ = QFileDialog.getSaveFileName(self._window, "Save the table", f"{source.stem}.csv", "CSV (*.csv)")
            if name:
                self.write(self._panel.sheet, Path(name))

    def _keep(self, source: Path, sheet: Sheet) -> None:
        try:
            sheets.keep(source, sheet)
        except OSError as error:
            self._written.emit(f"The table could not be kept ({error.strerror or error}); check the disk.")

    def _remove(self, source: Path) -> None:
        try:
            sheets.remove(source)
        except OSError as error:
            self._written.emit(f"The table could not be removed ({error.strerror or error}); check the disk.")

    def _save(self, sheet: Sheet, path: Path) -> None:
        try:
            atomic_write(path, sheet.csv_text())
        except OSError as error:
            self._written.emit(f"{path.name} could not be written ({error.strerror or error}); choose another place.")
            return
        self._saved.emit(f"saved {path.name}")

    def _load(self, source: Path) -> None:
        found = sheets.load(source)
        if found is not None:
            self._loaded.emit(source, found)

    def _show(self, source: Path, sheet: Sheet) -> None:
        found = self._answering.session.findings(source)
        if source in self._known and found.sheet is None:
            found.sheet = sheet
            self._answering.refresh(source)
