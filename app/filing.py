"""Files in and out of the window: choosing what to open, signing and saving reports, the demonstration."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app import batch
from app.reports import files
from app.reports.report import Report, ReportError
from app.storage import data_folder, now_utc

if TYPE_CHECKING:
    from app.answering import Answering
    from app.panels.side import Side
    from app.recovery import Recovery

FORMS = "PDF (*.pdf);;Web page (*.html);;Hilum report (*.json)"


class Filing(QObject):
    pathsChosen = Signal(object)
    batchChosen = Signal(object, object, object)
    """folder, folder of results, settings."""
    progressed = Signal(str, int, int)
    """What is being made, done, total; "" when it is there."""
    noted = Signal(str)
    """What becomes of a report's file, in a few words."""
    demoMade = Signal(object, str)
    """The workspace's folder, or None and a sentence."""
    _written = Signal(object, object, str, str)
    """The source, its report, the file's name, and why it could not be written."""

    def __init__(self, window: QWidget, side: Side, answering: Answering, recovery: Recovery) -> None:
        super().__init__(window)
        self._window, self._side, self._answering, self._recovery = window, side, answering, recovery
        self._maker: threading.Thread | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="hilum-filing")
        self._written.connect(self._after_writing)
        side.report.changed.connect(self._changed)
        side.report.saveWanted.connect(self.save_report)
        side.report.signWanted.connect(self._sign)
        answering.reportChanged.connect(recovery.keep)
        recovery.troubled.connect(side.report.say)
        self.demoMade.connect(self._demo_made)

    def open_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self._window, "Open pictures, DICOM files or slides")
        if names:
            self.pathsChosen.emit([Path(name) for name in names])

    def open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self._window, "Open a folder")
        if name:
            self.pathsChosen.emit([Path(name)])

    def choose_batch(self) -> None:
        name = QFileDialog.getExistingDirectory(self._window, "Folder to analyse")
        out = QFileDialog.getExistingDirectory(self._window, "Folder for the results (new, or one to go on with)") if name else ""
        if name and out:
            self.batchChosen.emit(Path(name), Path(out), batch.Settings(tasks=("label", "draft", "heatmap", "embed")))

    def save_report(self) -> None:
        panel = self._side.report
        self._side.front(panel)
        panel.settle()
        report, source = panel.report, panel.source
        if report is None:
            panel.say("There is no report to save yet.")
            return
        name, _ = QFileDialog.getSaveFileName(self._window, "Save report", f"{Path(report.subject).stem}-report.pdf", FORMS)
        if name:
            self.write(report, Path(name), source)

    def write(self, report: Report, path: Path, source: Path | None) -> None:
        """Beside the window, one file after the other; the report of `source` counts as saved once it is there."""
        self._side.report.say("")
        self.noted.emit(f"writing {path.name} …")
        self._disk.submit(self._write, report, path, source)

    def close(self) -> None:
        """Returns when everything is written, and told."""
        self._disk.shutdown(wait=True)
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)

    def _write(self, report: Report, path: Path, source: Path | None) -> None:
        trouble = ""
        try:
            files.write(report, path)
        except OSError as error:
            trouble = f"{path.name} could not be written ({error.strerror or error}); choose another place."
        self._written.emit(source, report, path.name, trouble)

    def _after_writing(self, source: Path | None, report: Report, name: str, trouble: str) -> None:
        self.noted.emit("" if trouble else f"saved {name}")
        if trouble:
            self._side.report.say(trouble)
        elif source is not None and self._answering.session.findings(source).report == report:
            self._recovery.saved(source)  # else it was changed meanwhile: the newer words are not saved yet

    def make_demo(self) -> None:
        """Make the demonstration's workspace where it is missing, then open it; runs beside the window."""
        if self._maker is None or not self._maker.is_alive():
            self._maker = threading.Thread(target=self._make, name="hilum-demo", daemon=True)
            self._maker.start()

    def _make(self) -> None:
        from app import demo_workspace

        def told(share: float, words: str) -> None:
            self.progressed.emit(words, round(share * 100), 100)

        try:
            folder = data_folder() / "demo"
            folder.parent.mkdir(parents=True, exist_ok=True)
            demo_workspace.make(folder, told)
        except OSError as error:
            self.demoMade.emit(None, f"The demonstration could not be made in {data_folder()} ({error}).")
            return
        self.demoMade.emit(folder, "")

    def _demo_made(self, folder: Path | None, sentence: str) -> None:
        self.progressed.emit("", 0, 0)
        if folder is None:
            self._side.report.say(sentence)
            return
        from app.demo_workspace import sources

        self.pathsChosen.emit(sources(folder))

    def _changed(self, source: Path | None, report: Report) -> None:
        if source is not None:
            self._answering.session.findings(source).report = report
            self._recovery.keep(source, report)

    def _sign(self, name: str) -> None:
        report = self._side.report.report
        if report is None:
            return
        try:
            signed = report.sign(name, now_utc())
        except ReportError as error:
            self._side.report.say(str(error)[:1].upper() + str(error)[1:] + ".")
            return
        source = self._side.report.source
        self._side.report.show_report(signed, source)
        self._changed(source, signed)
