"""Carries word from a Python thread to the GUI thread."""

from __future__ import annotations

import contextlib

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid


class Relay(QObject):
    """Lives on the GUI thread; its methods may be called from any thread, also while the application ends.

    Connect only slots of objects that live on the GUI thread: they are then called there, later.
    """

    arrived = Signal()

    def announce(self) -> None:
        """Results wait to be taken."""
        with contextlib.suppress(RuntimeError):  # the application ended between the question and the word
            if isValid(self):
                self.arrived.emit()
