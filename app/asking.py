"""From a key press to a question at the engine: about what, in which form, and whether it can be asked now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app import analysis, asking_changes, follow_ups
from app.analysis import Request
from app.pending import Pending
from app.session import question_words
from inference.answers import Progress
from inference.questions import (
    BoxQuestion,
    ChangeQuestion,
    ConditionQuestion,
    Decoding,
    DraftQuestion,
    FreeQuestion,
    HeatmapQuestion,
    LabelQuestion,
    Question,
    TableQuestion,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QAbstractButton

    from app.answering import Answering
    from app.offers import Offer
    from app.panels.side import Side
    from app.panes import Pane, Panes
    from app.session import Task
    from app.shelf import Shelf

SEE_FIRST = (
    "Under the slide stand the fields that would be sent; tissue, procedure and power are asked there. Ask once more when all "
    "is as you want it."
)

FOLLOWS_ELSEWHERE = (
    "The last answer is about a region: press Enter to follow it up, or Alt+Shift+Q to ask by itself about the whole."
)


class Asking(QObject):
    """Asks about the selected region or the whole view of the active pane; Escape stops everything it started."""

    progressed = Signal(object)
    """Progress of what the reader waits for, None when nothing runs."""

    def __init__(self, answering: Answering, panes: Panes, shelf: Shelf, side: Side, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answering, self._panes, self._shelf, self._side = answering, panes, shelf, side
        self.session = answering.session
        self.tails = 0.0
        """As in `Request`."""
        self._pending = Pending(panes, shelf)
        self.seen_before: Callable[[Pane], bool] = lambda _: True
        """Whether the reader has seen what would be sent of the whole of a pane; what was not seen is not sent."""
        self.dressed: Callable[[Request], Request] = lambda request: request
        """With what the reader chose and said of a whole."""
        answering.progressed.connect(self.progressed)
        answering.settled.connect(self._quiet)

    def labels(self) -> None:
        """By the label set chosen in the panel, of those that fit the picture."""

        def ask(offer: Offer) -> None:
            chosen = offer.sets.get(self._side.labels.chosen_set())
            if offer.no_labels or chosen is None:
                self._side.labels.say(offer.no_labels)
            elif self._ask("labels", LabelQuestion(chosen)):
                self._side.labels.show_working("looking")

        self._when_known("labels", ask)

    def heatmap(self) -> None:
        """Of the phrase that stands in the panel; where none does, the reader may type it."""

        def ask(offer: Offer) -> None:
            wanted = self._side.labels.wanted_phrase()
            if offer.no_heatmap:
                self._side.labels.say(offer.no_heatmap)
            elif wanted:
                self._ask("heatmap", HeatmapQuestion(wanted))
            else:
                self._side.labels.phrase.setFocus()

        self._when_known("heatmap", ask)

    def draft(self, indication: str) -> None:
        def ask(offer: Offer) -> None:
            question = DraftQuestion(indication, _decoding(offer, self._side.report.think))
            prior = self._side.report.prior_path()
            if self._may("draft", offer.no_words) and self._ask("draft", question, prior):
                self._side.report.show_live("")

        self._when_known("draft", ask)

    def question(self, text: str) -> None:
        """By itself, as a follow-up on the last answer, or as a condition, as the panel says."""

        def ask(offer: Offer) -> None:
            bar = self._side.ask.bar
            decoding = _decoding(offer, bar.think)
            asked: Question = FreeQuestion(text, decoding)
            if bar.condition.isChecked():
                asked = ConditionQuestion(follow_ups.condition(text), decoding)
            if not self._may("ask", offer.no_words):
                return
            if self._follow_up(text, decoding) if bar.following else self._ask("ask", asked):
                self._side.ask.show_live(question_words(asked), "")
                self._side.ask.question.clear()
                bar.condition.setChecked(False)

        self._when_known("ask", ask)

    def changes(self) -> None:
        """What became of each finding since the prior that is chosen for the report."""

        def ask(offer: Offer) -> None:
            prior = self._side.report.prior_path()
            if prior is None:
                self._side.ask.say(
                    "There is no earlier picture to compare with: open the prior, or choose it in the Report panel."
                )
            elif self._may("ask", offer.no_words) and self._ask("ask", ChangeQuestion(asking_changes.ALL), prior):
                self._side.ask.show_live(question_words(ChangeQuestion(asking_changes.ALL)), "")

        self._when_known("ask", ask)

    def _follow_up(self, text: str, decoding: Decoding) -> bool:
        """About the place of the last answer, with what was asked before."""
        pane = self._panes.pane
        if pane.path is None:
            return False
        request = follow_ups.follow_up(self.session.findings(pane.path).conversation, text, decoding)
        self.session.ask("ask", request, pane.number, pane.path)
        self.progressed.emit(Progress("waiting for the engine"))
        return True

    def _last_of_whole(self) -> bool:
        """Whether the answer that would be followed up is about the whole."""
        path = self._panes.pane.path
        return path is not None and self.session.findings(path).conversation[-1][1].request.whole

    def question_all(self, text: str) -> None:
        """About the pictures of all panes, in the order of the panes; of one pane alone it is a question like any other."""

        def ask(offer: Offer) -> None:
            if self._may("ask", offer.no_words) and self._ask_all(text):
                self._side.ask.show_live(text, "")

        self._when_known("ask", ask)

    def question_whole(self, text: str) -> None:
        """About all slices of the series, frames spread over the film, or the fields of the slide in the active pane; in the form
        that the panel says."""

        def ask(offer: Offer) -> None:
            bar = self._side.ask.bar
            decoding = _decoding(offer, bar.think)
            asked = FreeQuestion(f"Is there {follow_ups.condition(text)}?" if bar.condition.isChecked() else text, decoding)
            if not self._may("ask", offer.no_words):
                return
            if bar.following and not self._last_of_whole():
                self._side.ask.say(FOLLOWS_ELSEWHERE)
            elif self._follow_up(text, decoding) if bar.following else self._ask_whole("ask", asked):
                self._side.ask.show_live(text if bar.following else asked.text, "")
                self._side.ask.question.clear()
                bar.condition.setChecked(False)

        self._when_known("ask", ask)

    def draft_whole(self, indication: str) -> None:
        """Of all slices of the series, frames spread over the film, or the fields of the slide in the active pane."""

        def ask(offer: Offer) -> None:
            question = DraftQuestion(indication, _decoding(offer, self._side.report.think))
            if self._may("draft", offer.no_words) and self._ask_whole("draft", question):
                self._side.report.show_live("")

        self._when_known("draft", ask)

    def table(self) -> None:
        """The rows of the page in the active pane, of its region where one is selected."""

        def ask(offer: Offer) -> None:
            if self._may("table", offer.no_table) and self._ask("table", TableQuestion()):
                self._side.table.show_working("reading the page")

        self._when_known("table", ask)

    def locate(self) -> None:
        """A box of the phrase that stands in the Labels panel; where none does, the reader may type it."""

        def ask(offer: Offer) -> None:
            name = self._side.labels.wanted_phrase()
            if not name:
                self._side.front(self._side.labels)
                self._side.labels.phrase.setFocus()
            elif self._may("ask", offer.no_words) and self._ask("ask", asked := BoxQuestion(name)):
                self._side.ask.show_live(question_words(asked), "")

        self._when_known("ask", ask)

    def cancel(self) -> bool:
        """Stop what runs; whether there was anything."""
        waiting, dropped = self.session.waiting(), self._pending.drop()
        self.session.cancel_all()
        for asked in waiting:
            self._answering.restore(asked)
        if dropped:
            self._answering.show_findings(self._panes.pane)
        self._quiet()
        return bool(waiting or dropped)

    def ask_pending(self) -> None:
        """What was asked before the picture of the active pane stood there."""
        self._pending.ask()
        self._quiet()

    def drop_pending(self, path: Path, sentence: str) -> None:
        """`path` cannot be shown: what was to be asked about it is answered with the reason."""
        for task in self._pending.drop(path):
            self._side.say(task, sentence)
        self._quiet()

    def forget(self, path: Path) -> None:
        self._pending.drop(path)
        self.session.forget(path)
        self._quiet()

    def _when_known(self, task: Task, work: Callable[[Offer], object]) -> None:
        """Do it once the picture of the active pane stands there and its kind is known; that is mostly so."""
        if self._panes.pane.path is None:
            self._side.say(task, "Open a picture first: drop a file here, or press Ctrl+O.")
            return
        self._side.say(task, "")
        self._pending.add(task, work)
        self._pending.ask()
        if self._pending:
            self.progressed.emit(Progress("opening the picture"))

    def _may(self, task: Task, refusal: str) -> bool:
        self._side.say(task, refusal)
        return not refusal

    def _ask(self, task: Task, question: Question, prior: Path | None = None) -> bool:
        pane = self._panes.pane
        if pane.path is None:
            return False
        region = pane.view.selection or pane.view.visible_region()
        self._side.say(task, "")
        request = Request(pane.path, question, region, prior, region.frame, said=self._shelf.opener.said(pane.path))
        self.session.ask(task, request, pane.number)
        self.progressed.emit(Progress("waiting for the engine"))
        return True

    def _ask_all(self, text: str) -> bool:
        """Picture by picture as the panes stand; the answer goes to the active pane's source."""
        active = self._panes.pane
        places = [self._place(pane) for pane in self._panes.panes if pane.path is not None and self._shelf.stands(pane)]
        if active.path is None or not places:
            return False
        self._side.say("ask", "")
        first, question = places[0], FreeQuestion(text)
        request = Request(first.path, question, first.region, frame=first.frame, said=first.said, also=tuple(places[1:]))
        self.session.ask("ask", request, active.number, active.path)
        self.progressed.emit(Progress("waiting for the engine"))
        return True

    def _ask_whole(self, task: Task, question: DraftQuestion | FreeQuestion) -> bool:
        pane = self._panes.pane
        if pane.path is None:
            return False
        if not self.seen_before(pane):
            self._side.say(task, SEE_FIRST)
            return False
        frame, said = pane.view.visible_region().frame, self._shelf.opener.said(pane.path)
        self._side.say(task, "")
        request = self.dressed(Request(pane.path, question, frame=frame, whole=True, said=said, tails=self.tails))
        self.session.ask(task, request, pane.number)
        self.progressed.emit(Progress("waiting for the engine"))
        return True

    def _place(self, pane: Pane) -> analysis.Place:
        assert pane.path is not None
        region = pane.view.selection or pane.view.visible_region()
        return analysis.Place(pane.path, region, region.frame, self._shelf.opener.said(pane.path))

    def _quiet(self) -> None:
        if not self.session.waiting() and not self._pending:
            self.progressed.emit(None)


def _decoding(offer: Offer, think: QAbstractButton) -> Decoding:
    """With the model's own budget for a trace where the reader wants one first."""
    return Decoding(thinking_tokens=offer.thinking if think.isChecked() and offer.thinking else None)
