"""A volume on its way: read on a thread of its own, with progress and a stop."""

from __future__ import annotations

import threading
import weakref

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from viewers.loader import Loader
from viewers.relay import Relay
from viewers.sources import Source
from viewers.volume import Volume
from viewers.volume_reading import Stopped, read_volume

TELL_MS = 80


class VolumeLoading(QObject):
    """Begins at once. `done`, `failed` or `stopped` comes once, on the GUI thread; nothing comes after `forget`."""

    progressed = Signal(int, int)
    """Slices read, of how many."""
    done = Signal(object)
    """Volume."""
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, source: Source, frame: int, parent: QObject) -> None:
        super().__init__(parent)
        relay = Relay()
        relay.arrived.connect(self._collect)
        stop, state = threading.Event(), _State()
        self._stop, self._state = stop, state
        self._loader: Loader[int, Volume] = Loader(
            lambda frame: read_volume(source, frame, state.tell, stop.is_set), 1, relay.announce, relay.finish, "hilum-volume"
        )
        self._end = weakref.finalize(self, _ended, stop, self._loader)
        self._timer = QTimer(self, interval=TELL_MS)
        self._timer.timeout.connect(lambda: self.progressed.emit(self._state.read, self._state.of))
        self._timer.start()
        self._loader.want([frame])

    def stop(self) -> None:
        """Give up after the slice that is being read."""
        self._stop.set()

    def forget(self) -> None:
        """Give up, and say nothing more."""
        self._timer.stop()
        self._end()

    @Slot()
    def _collect(self) -> None:
        for _, result in self._loader.take():
            self._timer.stop()
            if isinstance(result, Volume):
                self.progressed.emit(self._state.of, self._state.of)
                self.done.emit(result)
            elif isinstance(result, Stopped):
                self.stopped.emit()
            else:
                self.failed.emit(str(result) or type(result).__name__)
            self._end()


class _State:
    """Written by the thread, looked at by the window."""

    def __init__(self) -> None:
        self.read, self.of = 0, 0

    def tell(self, read: int, of: int) -> None:
        self.read, self.of = read, of


def _ended(stop: threading.Event, loader: Loader[int, Volume]) -> None:
    stop.set()
    loader.close()
