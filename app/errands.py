"""Work with files that the window asks for and does not wait for: one thread, one sentence for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from app.lane import Lane
from viewers.annotations.store import StoreError
from viewers.errors import SourceError

T = TypeVar("T")
PATIENCE_S = 30.0
"""How long a closing window waits for a file that is being written."""


class Errands(QObject):
    """One after the other, in the order they were asked for. Nothing is told after `close`."""

    refused = Signal(object, str)
    """The source's path, and one sentence."""

    def __init__(self, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self._lane = Lane(name)
        self._closed = False

    def start(self, path: Path, name: str, work: Callable[[], object]) -> None:
        """`path` is the source it is about, `name` what it reads or writes."""
        if not self._closed:
            self._lane.submit(partial(self._guarded, path, name, work))

    def tell(self, signal: Any, *values: object) -> None:
        """Emit a signal from the thread."""
        if not self._closed:
            signal.emit(*values)

    def close(self, seconds: float = PATIENCE_S) -> None:
        """Returns when what was begun is done, at the latest after so long; the rest is dropped."""
        self._closed = True
        self._lane.close(seconds)

    def _guarded(self, path: Path, name: str, work: Callable[[], object]) -> None:
        _, sentence = answered(work, f"{name} cannot be read or written")
        if sentence:
            self.tell(self.refused, path, sentence)


def answered(work: Callable[[], T], otherwise: str) -> tuple[T | None, str]:
    """At the bridge: what `work` gives and "", or None and one sentence. `otherwise` begins it where the error is no sentence."""
    try:
        return work(), ""
    except (SourceError, StoreError) as error:
        return None, str(error)
    except Exception as error:  # whatever a decoder does costs one sentence
        return None, f"{otherwise} ({type(error).__name__})."
