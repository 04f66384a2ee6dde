"""Carries word from a Python thread to the GUI thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from shiboken6 import isValid

from viewers.sources import Source


class Relay(QObject):
    """Lives and dies on the GUI thread; `announce` and `finish` may be called from any thread, also while the application ends.

    The application owns it: a worker thread that drops the last Python reference must not destroy an object whose events the
    GUI thread may be delivering. `finish` has it deleted there. Connect only slots of objects that live on the GUI thread.
    """

    arrived = Signal()
    _over = Signal()

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._over.connect(self.deleteLater, Qt.ConnectionType.QueuedConnection)

    def announce(self) -> None:
        """Results wait to be taken."""
        self._say("arrived")

    def finish(self) -> None:
        """Nothing more will be announced."""
        self._say("_over")

    def closing(self, source: Source) -> Callable[[], None]:
        """What the last thread calls: it closes `source`, then this."""

        def close() -> None:
            source.close()
            self.finish()

        return close

    def _say(self, word: str) -> None:
        with contextlib.suppress(RuntimeError):  # the application ended between the question and the word
            if isValid(self):
                getattr(self, word).emit()
