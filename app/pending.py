"""Questions that came before their picture: held until it stands in the pane and is known to be a film, a slide or else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.offers import Offer
    from app.panes import Panes
    from app.session import Task
    from app.shelf import Shelf

Work = Callable[["Offer"], object]


class Pending:
    """One question of each task, the newest, about the source of the active pane. What is about another source is let go."""

    def __init__(self, panes: Panes, shelf: Shelf) -> None:
        self._panes, self._shelf = panes, shelf
        self._waiting: dict[Task, tuple[Path, Work]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, task: Task, work: Work) -> None:
        """Work for the active pane, which shows or waits for a source."""
        if self._panes.pane.path is not None:
            self._waiting[task] = self._panes.pane.path, work

    def ask(self) -> None:
        """Do what can be done now."""
        pane = self._panes.pane
        self._waiting = {task: held for task, held in self._waiting.items() if held[0] == pane.path}
        described = self._shelf.describes(pane.path) if pane.path is not None else None
        if described is not None and self._shelf.stands(pane):
            ready, self._waiting = self._waiting, {}
            for _, work in ready.values():
                work(described.offer)

    def drop(self, path: Path | None = None) -> tuple[Task, ...]:
        """Let go of what waits for `path` (None: of all); which tasks these were."""
        gone = tuple(task for task, (of, _) in self._waiting.items() if path in (None, of))
        self._waiting = {task: held for task, held in self._waiting.items() if task not in gone}
        return gone
