"""Archives in the window: asking, fetching, sending and listening, all beside it; what comes is opened as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.lane import Lane
from app.pacs.book import Book
from app.pacs.errors import PacsError
from app.panels.pacs import PacsWindow
from app.panels.pacs_nodes import NodesDialog
from app.panels.pacs_rows import Chosen
from app.panels.pacs_send import SendDialog
from app.shelf import Shelf
from app.theme import ThemeName
from app.transfers import Transfers

if TYPE_CHECKING:
    from app.pacs.listener import Event
    from app.pacs.matches import Answer, Study
    from app.pacs.nodes import Node
    from app.pacs.query import Query
    from app.pacs.stopping import Stop
    from app.pacs.work import Outcome, Progress

PATIENCE_S = 8.0
"""So long a closing window waits for connections to end."""


class Archiving(QObject):
    """Nothing connects before the reader asks: the book is read when the window of archives is first opened."""

    noted = Signal(str)
    _ready = Signal(object, object)
    """Book, and what to do with it."""
    _answered = Signal(int, str, object, bool)
    _series = Signal(int, str, object, str)
    _said = Signal(int, str, str)
    _came = Signal(int, object)
    """Number of the job, folder of a series."""
    _heard = Signal(str, bool)

    def __init__(self, window: QWidget, shelf: Shelf, theme: ThemeName, current: Callable[[], Path | None]) -> None:
        """`current` is the source in the active pane."""
        super().__init__(window)
        from app.pacs.house import House

        self._parent, self._shelf, self._current = window, shelf, current
        self._theme: ThemeName = theme
        self.window: PacsWindow | None = None
        self._dialogs: dict[int, SendDialog] = {}
        """Those open, by the number of the job they wait for."""
        self._house = House(self._hear)
        self._asking, self._disk = Lane("hilum-pacs-ask"), Lane("hilum-pacs-disk")
        self.transfers = Transfers(self)
        self._turn = 0
        self._question: Stop | None = None
        self._opened: set[int] = set()
        self._closed = threading.Event()
        self._ready.connect(self._hand)
        self._answered.connect(self._show_answer)
        self._series.connect(self._show_series)
        self._said.connect(self._show_word)
        self.transfers.began.connect(self._show_begin)
        self.transfers.progressed.connect(self._show_progress)
        self.transfers.ended.connect(self._show_end)
        self._came.connect(self._open)
        self._heard.connect(self._show_heard)

    def show(self) -> None:
        """The window of archives, in front."""
        window = self.window or self._made()
        window.show()
        window.raise_()
        window.activateWindow()
        window.question.name.setFocus()
        self._with_book(lambda book: window.show_nodes([one.name for one in book.nodes]))

    def choose_send(self) -> None:
        self._with_book(self._offer_send)

    def dress(self, theme: ThemeName) -> None:
        self._theme = theme
        if self.window is not None:
            self.window.dress(theme)

    def keep_out(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those paths that will still be there at the next start."""
        return tuple(path for path in paths if not self._house.passing(Path(path)))

    def close(self) -> None:
        """Stop what runs, end every connection, and wipe where that was asked for."""
        self._closed.set()
        if self._question is not None:
            self._question.set()
        until = time.monotonic() + PATIENCE_S
        self.transfers.close(until)
        for lane in (self._asking, self._disk):
            lane.close(max(0.0, until - time.monotonic()))
        self._house.close()

    def _made(self) -> PacsWindow:
        window = self.window = PacsWindow(self._theme, self._parent)
        window.asked.connect(self.ask)
        window.stopWanted.connect(self._stop_question)
        window.seriesWanted.connect(self._ask_series)
        window.fetchWanted.connect(self.fetch)
        window.testWanted.connect(self._test)
        window.settingsWanted.connect(lambda: self._with_book(self._show_settings))
        window.listenWanted.connect(self._listen)
        window.wipeWanted.connect(self._wipe)
        window.jobs.stopWanted.connect(self.transfers.stop)
        return window

    def _with_book(self, work: Callable[[Book], None]) -> None:
        self._do(self._disk, 0, lambda: self._tell(self._ready, self._house.book(), work))

    def _hand(self, book: Book, work: Callable[[Book], None]) -> None:
        work(book)

    def ask(self, node: str, query: Query) -> None:
        """A new question ends the one before."""
        from app.pacs import work

        stop, turn = self._next_question()
        self._busy(f"asking {node} …")

        def asked() -> None:
            answer = work.find(self._house.peer(node), query, stop)
            self._tell(self._answered, turn, node, answer, query.about_a_patient)

        self._do(self._asking, turn, asked)

    def _ask_series(self, node: str, study: Study) -> None:
        from app.pacs.stopping import Stop

        stop, turn = self._question or Stop(), self._turn

        def asked() -> None:
            try:
                series, sentence = self._house.peer(node).find_series(study.uid, stop), ""
            except PacsError as error:
                series, sentence = (), str(error)
            self._tell(self._series, turn, study.uid, series, sentence)

        self._do(self._asking, turn, asked)

    def _test(self, node: str) -> None:
        stop, turn = self._next_question()
        self._busy(f"testing {node} …")
        self._do(self._asking, turn, lambda: self._tell(self._said, turn, self._house.peer(node).echo(stop), "good"))

    def fetch(self, node: str, chosen: Sequence[Chosen]) -> None:
        """Each study is a job of its own."""
        for one in chosen:

            def fetched(number: int, stop: Stop, told: Callable[[Progress], None], one: Chosen = one) -> Outcome:
                def came(folder: Path) -> None:
                    self._tell(self._came, number, folder)

                return self._house.fetch(node, one.study, one.series, stop, told, came)

            part = f", {len(one.series)} series" if one.series else ""
            self.transfers.start(f"Fetch {' '.join(one.study.modalities)} of {one.study.day or '?'}{part}", "fetched", fetched)

    def send(self, node: str, paths: Sequence[Path], labels: bool = False, dialog: SendDialog | None = None) -> None:
        """The files of these sources; `labels`: also pictures of a slide's label; `dialog` hears of it while it is open."""

        def sent(_number: int, stop: Stop, told: Callable[[Progress], None]) -> Outcome:
            files = [file for path in paths for file in self._shelf.opener.files_of(path)]
            return self._house.send(node, files, labels, stop, told)

        number = self.transfers.start(f"Send to {node}", "sent", sent)
        if dialog is not None:
            self._dialogs[number] = dialog

    def _do(self, lane: Lane, turn: int, work: Callable[[], None]) -> None:
        """At the bridge: whatever goes wrong is one sentence."""

        def guarded() -> None:
            try:
                work()
            except (PacsError, OSError) as error:
                self._tell(self._said, turn, str(error), "bad")
            except Exception as error:  # whatever a library meets in an answer costs that answer
                self._tell(self._said, turn, f"The answer could not be used ({type(error).__name__}).", "bad")

        lane.submit(guarded)

    def _tell(self, signal: Any, *values: object) -> None:
        if not self._closed.is_set():
            signal.emit(*values)

    def _next_question(self) -> tuple[Stop, int]:
        from app.pacs.stopping import Stop

        self._stop_question()
        self._question = Stop()
        self._turn += 1
        return self._question, self._turn

    def _stop_question(self) -> None:
        if self._question is not None:
            self._question.set()
        self._busy("")

    def _busy(self, words: str) -> None:
        if self.window is not None:
            self.window.show_busy(words)

    def _show_answer(self, turn: int, node: str, answer: Answer, patients: bool) -> None:
        if turn == self._turn and self.window is not None:
            self._busy("")
            self.window.show_answer(node, answer, patients)

    def _show_series(self, turn: int, study: str, series: Any, sentence: str) -> None:
        if turn == self._turn and self.window is not None:
            self.window.rows.show_series(study, series, sentence)

    def _show_word(self, turn: int, sentence: str, role: str) -> None:
        if turn in (0, self._turn) and self.window is not None:
            self._busy("")
            self.window.say(sentence, role)

    def _show_progress(self, number: int, words: str, done: int, total: int) -> None:
        if self.window is not None:
            self.window.jobs.show_progress(number, words, done, total)
        if number in self._dialogs:
            self._dialogs[number].show_progress(words)
        self.noted.emit(words)

    def _show_end(self, number: int, words: str, outcome: Outcome | None) -> None:
        good = outcome is not None and outcome.state == "done"
        if self.window is not None:
            self.window.jobs.end_job(number, words, good)
        if (dialog := self._dialogs.pop(number, None)) is not None:
            dialog.show_results(words, outcome.sent if outcome is not None else (), good)
        self.noted.emit(words)

    def _show_begin(self, number: int, title: str) -> None:
        window = self.window or self._made()
        window.jobs.add_job(number, title)
        self.noted.emit(f"{title}: waiting")

    def _open(self, number: int, folder: Path) -> None:
        """The first series of a job comes into the pane, the others into the browser alone."""
        current = self._current()
        first = number not in self._opened
        self._opened.add(number)
        self._shelf.open_paths([folder], None if first or current is None else current)

    def _offer_send(self, book: Book) -> None:
        sources = [(card.path, card.title) for card in self._shelf.cards()]
        dialog = SendDialog([one.name for one in book.nodes], sources, self._current(), self._parent)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.sendWanted.connect(lambda node, paths, labels: self.send(node, paths, labels, dialog))
        dialog.finished.connect(lambda _: self._forget(dialog))
        dialog.show()

    def _forget(self, dialog: SendDialog) -> None:
        self._dialogs = {number: one for number, one in self._dialogs.items() if one is not dialog}

    def _show_settings(self, book: Book) -> None:
        dialog = NodesDialog(book, self.window or self._parent)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)  # and with it a password that was typed and not kept
        dialog.kept.connect(self._keep)
        dialog.show()

    def _keep(self, book: Book, node: Node | None, password: str) -> None:
        def kept() -> None:
            words = self._house.keep(book, node, password)
            self._tell(self._ready, book, self._renamed)
            if words:
                self._tell(self._said, 0, words, "warn")

        self._do(self._disk, 0, kept)

    def _renamed(self, book: Book) -> None:
        if self.window is not None:
            self.window.show_nodes([one.name for one in book.nodes])

    def _listen(self, on: bool) -> None:
        def switched() -> None:
            words = self._house.listen(on, lambda folder: self._tell(self._came, -1, folder))
            self._tell(self._heard, words, on)

        def failed() -> None:
            try:
                switched()
            except PacsError as error:
                self._tell(self._heard, str(error), False)

        self._do(self._disk, 0, failed)

    def _wipe(self) -> None:
        gone = [path for path in self._shelf.paths() if self._house.fetched(path)]
        for path in gone:
            self._shelf.close_path(path)
        self._do(self._disk, 0, lambda: self._tell(self._said, 0, self._house.wipe(), "good"))

    def _hear(self, event: Event) -> None:
        """On the listener's threads."""
        words = self._house.heard(event)
        if words:
            self._tell(self._heard, words, self._house.listening)

    def _show_heard(self, words: str, on: bool) -> None:
        if self.window is not None:
            self.window.show_listener(words, on)
