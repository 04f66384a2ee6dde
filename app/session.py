"""What is open, what was asked of it and what came back, without a window.

Every request gets a ticket; `Session` remembers which place of which source it was asked of. An answer whose ticket is unknown
is dropped, so that it can never be shown on another image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from app.analysis import Request, Result
from app.reports.report import Report
from app.sheets import Sheet
from inference.questions import BoxQuestion, ChangeQuestion, ConditionQuestion, FreeQuestion, Question

Task = Literal["labels", "heatmap", "draft", "ask", "table"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A running request: its ticket, what was asked of which item, and the pane that waits for it."""

    ticket: int
    task: Task
    item: Path
    request: Request
    pane: int

    @property
    def words(self) -> str:
        """What was asked, as the Ask panel shows it."""
        several = 1 + len(self.request.also)
        about = " (about the whole)" if self.request.whole else f" (about {several} pictures)" if several > 1 else ""
        return f"{question_words(self.request.question)}{about}"


@dataclass(slots=True)
class Findings:
    """The last answers about one source."""

    labels: Result | None = None
    heatmap: Result | None = None
    draft: Result | None = None
    report: Report | None = None
    conversation: list[tuple[str, Result]] = field(default_factory=list)
    """Free questions with their answers, oldest first."""

    sheet: Sheet | None = None
    """The rows read of it, as the reader has them; None where no table was read."""
    last: Result | None = None
    """The newest answer of any kind, for Details."""

    def keep(self, task: Task, result: Result, question: str = "") -> None:
        """Of questions about a whole only the newest keeps its pictures, some 300 MB."""
        if result.request.whole:
            self.draft = self.draft and _light(self.draft)
            self.conversation = [(asked, _light(one)) for asked, one in self.conversation]
        self.last = result
        if task == "labels":
            self.labels = result
        elif task == "heatmap":
            self.heatmap = result
        elif task == "draft":
            self.draft = result
        elif task == "ask":
            self.conversation.append((question, result))


def _light(result: Result) -> Result:
    """Without the pictures of a whole, but for the one in whose frame the answer is."""
    return replace(result, pictures=result.pictures[-1:], seen=()) if result.request.whole else result


class Session:
    """Tickets and findings. Lives on the GUI thread; `submit` and `cancel` are the worker's."""

    def __init__(self, submit: Callable[[Asked], None], cancel: Callable[[int], None]) -> None:
        self._submit = submit
        self._cancel = cancel
        self._tickets = itertools.count(1)
        self._running: dict[int, Asked] = {}
        self._findings: dict[Path, Findings] = {}

    def ask(self, task: Task, request: Request, pane: int = 0, item: Path | None = None) -> Asked:
        """Send a request and return at once. A newer request of the same pane and task supersedes the older. `item` is whose
        findings the answer goes to, None for those of the request's own picture."""
        for older in [asked for asked in self._running.values() if (asked.pane, asked.task) == (pane, task)]:
            self.cancel(older.ticket)
        asked = Asked(next(self._tickets), task, item or request.path, request, pane)
        self._running[asked.ticket] = asked
        self._submit(asked)
        return asked

    def ticket(self) -> int:
        """A ticket for work that is not about one place (a batch item)."""
        return next(self._tickets)

    def running(self, ticket: int) -> Asked | None:
        return self._running.get(ticket)

    def waiting(self) -> list[Asked]:
        return list(self._running.values())

    def finish(self, ticket: int) -> Asked | None:
        """The request of a ticket, which is then forgotten; None for a ticket that was cancelled or superseded."""
        return self._running.pop(ticket, None)

    def cancel(self, ticket: int) -> None:
        if self._running.pop(ticket, None) is not None:
            self._cancel(ticket)

    def cancel_all(self) -> int:
        """Stop everything that runs; how many there were."""
        tickets = list(self._running)
        for ticket in tickets:
            self.cancel(ticket)
        return len(tickets)

    def findings(self, item: Path) -> Findings:
        return self._findings.setdefault(item, Findings())

    def forget(self, item: Path) -> None:
        """An item was closed: its requests stop and its answers go."""
        for asked in [asked for asked in self._running.values() if asked.item == item]:
            self.cancel(asked.ticket)
        self._findings.pop(item, None)


def question_words(question: Question) -> str:
    """As a person would ask it; "" for what has no words of its own."""
    if isinstance(question, FreeQuestion):
        return question.text
    if isinstance(question, ConditionQuestion):
        return f"Is there {question.condition}?"
    if isinstance(question, ChangeQuestion):
        return "What became of each finding since the prior?"
    return f"Where is: {question.object}" if isinstance(question, BoxQuestion) else ""
