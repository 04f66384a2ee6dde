"""Files in and out of the window: choosing what to open, signing and saving reports, the demonstration."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app import batch
from app.reports import html, pdf, record
from app.reports.report import Report, ReportError
from app.storage import atomic_write, data_folder, now_utc

if TYPE_CHECKING:
    from app.asking import Asking
    from app.panels.side import Side
    from app.recovery import Recovery

FORMS = "PDF (*.pdf);;Web page (*.html);;Hilum report (*.json)"


class Filing(QObject):
    pathsChosen = Signal(object)
    batchChosen = Signal(object, object, object)
    """folder, folder of results, settings."""
    progressed = Signal(str, int, int)
    """What is being made, done, total; "" when it is there."""
    demoMade = Signal(object, str)
    """The workspace's folder, or None and a sentence."""

    def __init__(self, window: QWidget, side: Side, asking: Asking, recovery: Recovery) -> None:
        super().__init__(window)
        self._window, self._side, self._asking, self._recovery = window, side, asking, recovery
        self._maker: threading.Thread | None = None
        side.report.changed.connect(self._changed)
        side.report.saveWanted.connect(self.save_report)
        side.report.signWanted.connect(self._sign)
        asking.reportChanged.connect(recovery.keep)
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
        self._side.front(self._side.report)
        report, path = self._side.report.report, self._asking.shown_path()
        if report is None:
            self._side.report.say("There is no report to save yet.")
            return
        name, _ = QFileDialog.getSaveFileName(self._window, "Save report", f"{Path(report.subject).stem}-report.pdf", FORMS)
        if name and self.write(report, Path(name)) and path is not None:
            self._recovery.saved(path)

    def write(self, report: Report, path: Path) -> bool:
        """By the ending of `path`: PDF, web page or the report's own JSON. False when it could not be written."""
        try:
            if path.suffix == ".pdf":
                pdf.write(report, path)
            else:
                atomic_write(path, html.page(report) if path.suffix == ".html" else record.to_json(report))
        except OSError as error:
            self._side.report.say(f"{path.name} could not be written ({error.strerror}); choose another place.")
            return False
        self._side.report.say("")
        return True

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

    def _changed(self, report: Report) -> None:
        path = self._asking.shown_path()
        if path is not None:
            self._asking.session.findings(path).report = report
            self._recovery.keep(path, report)

    def _sign(self, name: str) -> None:
        report = self._side.report.report
        if report is None:
            return
        try:
            signed = report.sign(name, now_utc())
        except ReportError as error:
            self._side.report.say(str(error)[:1].upper() + str(error)[1:] + ".")
            return
        self._side.report.show_report(signed)
        self._changed(signed)
