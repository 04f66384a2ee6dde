"""De-identifying from the window: the opened picture with the boxes a person sees, or a folder; all of it beside the window."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from app.deidentify.key import key
from app.deidentify.policy import Policy
from app.deidentify.preview import Change, changes
from app.deidentify.run import HELD, Outcome, Run, counted, partly_looked
from app.errands import Errands, answered
from app.panels.deidentify_dialog import DeidentifyDialog
from app.panes import Panes
from viewers.deidentify.burned_in import proposed, sampled
from viewers.deidentify.instance import Looked
from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.qimage import to_qimage
from viewers.sources import FiledSource, GrayscaleSource, Source, TracedSource

_SHOWN = 1200
"""Longest side of the picture in the dialog, in pixels."""
_WHOLE = "de-identifying"


class Deidentifying(QObject):
    noted = Signal(str)
    _framed = Signal(int, object, object)
    """Turn, QImage, the picture's size."""
    _proposed = Signal(int, object, int)
    """Turn, the boxes, how many frames were looked at."""
    _compared = Signal(int, object)
    _stepped = Signal(int, int, int)
    _ended = Signal(int, str, bool)

    def __init__(self, window: QWidget, panes: Panes) -> None:
        super().__init__(window)
        self._window, self._panes = window, panes
        self._looks, self._work = Errands("hilum-deidentify-look", self), Errands("hilum-deidentify", self)
        self.dialog: DeidentifyDialog | None = None
        self._turn = 0
        self._source: Source | None = None
        self._paths: tuple[Path, ...] = ()
        self._cancel = threading.Event()
        self._framed.connect(self._show_frame)
        self._proposed.connect(self._propose)
        self._compared.connect(self._show_changes)
        self._stepped.connect(self._show_step)
        self._ended.connect(self._end)
        for errands in (self._looks, self._work):
            errands.refused.connect(lambda _path, sentence: self._say(sentence))

    @Slot()
    def ask(self) -> None:
        """For the picture in the active pane; a folder can be taken instead."""
        if self._current() is not None:
            assert self.dialog is not None
            self.dialog.raise_()
            return
        source = self._panes.view.source
        filed = source if isinstance(source, FiledSource) else None
        frames = filed.frames if filed else 0
        traced = isinstance(source, TracedSource)
        self._paths = tuple(dict.fromkeys(filed.file_of(frame) for frame in range(frames))) if filed else ()
        self._source = source if filed else None
        what = (
            f"The opened {'waveform' if traced else 'picture'}: {len(self._paths)} file{'s' * (len(self._paths) != 1)}"
            if filed
            else "No DICOM picture is opened"
        )
        self._turn += 1
        self.dialog = dialog = DeidentifyDialog(what, 0 if traced else frames, self._window)
        dialog.frameWanted.connect(self._frame)
        dialog.previewWanted.connect(self._preview)
        dialog.folderChosen.connect(self.take_folder)
        dialog.startWanted.connect(self.start)
        dialog.stopWanted.connect(self._cancel.set)
        dialog.closed.connect(self._cancel.set)
        dialog.open()
        if traced:
            dialog.hint.setText("A waveform has no picture into which a text could be burned.")
        elif filed:
            self._frame(0)
            self._looks.start(filed.path, "the picture", partial(self._find, self._turn, filed, frames))
        else:
            dialog.use_folder("No DICOM picture is opened: take a folder")

    def take_folder(self, folder: Path) -> None:
        self._paths, self._source = (folder,), None
        if (dialog := self._current()) is not None:
            dialog.use_folder(f"All files below {folder.name}")

    def start(self) -> None:
        dialog = self._current()
        if dialog is None or dialog.folder is None:
            return
        if not self._paths:
            dialog.say("Open a DICOM picture or take a folder first.", bad=True)
            return
        policy = self._policy(dialog)
        self._cancel.clear()
        dialog.run_state(True)
        dialog.say("Reading …")
        self._work.start(dialog.folder, _WHOLE, partial(self._run, self._turn, self._paths, dialog.folder, policy))

    def close(self) -> None:
        self._cancel.set()
        if (dialog := self._current()) is not None:
            dialog.close()
        self._looks.close(2.0)
        self._work.close()

    def _policy(self, dialog: DeidentifyDialog) -> Policy:
        looked = Looked(dialog.looked.isChecked(), dialog.faces.isChecked())
        return Policy(dialog.options, dialog.boxes, dialog.proposed.isChecked(), looked)

    def _current(self) -> DeidentifyDialog | None:
        return self.dialog if self.dialog is not None and isValid(self.dialog) and self.dialog.isVisible() else None

    # beside the window

    def _frame(self, frame: int) -> None:
        if self._source is not None:
            self._looks.start(self._source.path, "the picture", partial(self._read, self._turn, self._source, frame))

    def _read(self, turn: int, source: Source, frame: int) -> None:
        if turn == self._turn:
            size = source.size
            pixels = source.read(Region.whole(size, frame), size.fitted(_SHOWN))
            self._looks.tell(self._framed, turn, to_qimage(pixels), size)

    def _find(self, turn: int, source: Source, frames: int) -> None:
        looks = sampled(frames)
        if isinstance(source, GrayscaleSource):
            stored = [source.stored(frame) for frame in looks]
        else:
            stored = [source.read(Region.whole(source.size, frame)) for frame in looks]
        self._looks.tell(self._proposed, turn, proposed(stored), len(looks))

    def _preview(self) -> None:
        dialog = self._current()
        if dialog is not None and self._source is not None and self._paths:
            self._looks.start(
                self._paths[0], "the file", partial(self._compare, self._turn, self._paths[0], self._policy(dialog))
            )

    def _compare(self, turn: int, path: Path, policy: Policy) -> None:
        self._looks.tell(self._compared, turn, changes(path, policy, key()))

    def _run(self, turn: int, paths: Sequence[Path], out: Path, policy: Policy) -> None:
        outcomes: list[Outcome] = []

        def work() -> str:
            try:
                return carry_out()
            except ValueError as error:  # where it cannot begin, in a sentence
                raise SourceError(out, f"{error}.") from error

        def carry_out() -> str:
            resume = (out / "deidentify.json").is_file()
            with Run(paths[0] if len(paths) == 1 else paths, out, policy, key(), resume=resume) as run:
                for number, item in enumerate(run.items):
                    if self._cancel.is_set():
                        return f"Stopped after {number} of {len(run.items)} files; what was done is kept, start again to go on."
                    self._work.tell(self._stepped, turn, number, len(run.items))
                    outcomes.append(run.run_item(item))
                run.finish(outcomes)
            return _summary(outcomes)

        found, problem = answered(work, "The files cannot be written")
        bad = bool(problem) or any(one.left_out for one in outcomes)
        self._work.tell(self._ended, turn, problem or found or "", bad)

    # in the window

    @Slot(int, object, object)
    def _show_frame(self, turn: int, image: object, size: Size) -> None:
        if turn == self._turn and (dialog := self._current()) is not None:
            dialog.show_frame(image, size)  # type: ignore[arg-type]

    @Slot(int, object, int)
    def _propose(self, turn: int, boxes: list[Region], looked: int) -> None:
        if turn == self._turn and self._source is not None and (dialog := self._current()) is not None:
            dialog.propose(boxes, looked)

    @Slot(int, object)
    def _show_changes(self, turn: int, found: Sequence[Change]) -> None:
        if turn == self._turn and (dialog := self._current()) is not None:
            dialog.show_changes(found)

    @Slot(int, int, int)
    def _show_step(self, turn: int, done: int, total: int) -> None:
        if turn == self._turn and (dialog := self._current()) is not None:
            dialog.show_progress(done, total)
            dialog.say(f"{done + 1} of {total}")

    @Slot(int, str, bool)
    def _end(self, turn: int, sentence: str, bad: bool) -> None:
        self.noted.emit(sentence)
        if turn == self._turn and (dialog := self._current()) is not None:
            dialog.run_state(False)
            dialog.show_progress(0, 0)
            dialog.say(sentence, bad)

    def _say(self, sentence: str) -> None:
        if (dialog := self._current()) is not None:
            dialog.run_state(False)
            dialog.say(sentence, bad=True)


def _summary(outcomes: Sequence[Outcome]) -> str:
    counts = counted(outcomes)
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no files"
    first = next((one.reason for one in outcomes if one.left_out), "").removesuffix(".")
    more = " Look for text in the picture and say so, or draw boxes." if counts[HELD] else ""
    some = partly_looked(outcomes)
    return f"{told}.{f' First of what was not written: {first}.' if first else ''}{more}{f' {some}' if some else ''}"
