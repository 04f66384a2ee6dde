"""What may come in, and to where: the listener the reader switched on, and the one a C-MOVE needs while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.pacs import tls
from app.pacs.errors import PacsError
from app.pacs.limits import Limits
from app.pacs.listener import Event, Listener
from app.pacs.matches import Series
from app.pacs.nodes import Listening, Node
from app.pacs.tray import Expected, Tray


@dataclass(eq=False, slots=True)
class _Awaited:
    node: Node
    series: Series
    tray: Tray


class Reception:
    """One for the program; methods may be called from any thread but the GUI's. `told` hears of every event, on the
    listener's threads."""

    def __init__(self, listening: Listening, told: Callable[[Event], None], limits: Limits | None = None) -> None:
        self.listening = listening
        self._told, self._limits = told, limits
        self._lock = threading.RLock()
        self._listener: Listener | None = None
        self._for: Node | None = None
        """Whose TLS the listener speaks."""
        self._unasked: Callable[[Expected], Tray] | None = None
        self._trays: dict[tuple[str, str], Tray] = {}
        self._awaited: list[_Awaited] = []

    @property
    def on(self) -> bool:
        """Whether the reader switched it on."""
        return self._unasked is not None

    def switch_on(self, unasked: Callable[[Expected], Tray]) -> int:
        """Take what allowed AE titles send; `unasked` makes the tray of a series. The port. Raises PacsError."""
        with self._lock:
            listener = self._listening_now(self.listening, None)
            self._unasked = unasked
            return listener.port

    def switch_off(self) -> None:
        """What a C-MOVE still waits for goes on coming."""
        with self._lock:
            self._unasked = None
            self._trays.clear()
            idle = not self._awaited
        if idle:
            self._shut()

    def close(self) -> None:
        with self._lock:
            self._unasked = None
        self._shut()

    @contextmanager
    def awaiting(self, node: Node, series: Series, tray: Tray) -> Iterator[None]:
        """While a C-MOVE from `node` runs: it may connect, and what it sends of that series goes to `tray`. Raises PacsError."""
        one = _Awaited(node, series, tray)
        with self._lock:
            where = replace(self.listening, ae_title=node.our_ae) if not self.on else self.listening
            self._listening_now(where, node if node.tls else None)
            self._awaited.append(one)
        try:
            yield
        finally:
            with self._lock:
                self._awaited.remove(one)
                idle = not self._awaited and not self.on
            if idle:
                self._shut()

    def finished(self) -> list[Tray]:
        """Trays of what came unasked since the last call; a series that goes on gets a new one."""
        with self._lock:
            trays, self._trays = list(self._trays.values()), {}
            return [one for one in trays if one.files]

    def _listening_now(self, listening: Listening, secure: Node | None) -> Listener:
        """With the TLS of a node, or without; one port does not speak both."""
        if self._listener is None:
            context = tls.receiving(secure) if secure else None
            self._listener = Listener(listening, self._admits, self._tray_for, self._told, self._limits, context)
            self._for = secure
        elif self._for != secure:
            busy = f"with the TLS of {self._for.name}" if self._for else "without TLS"
            raise PacsError(f"Our listener is on {busy}: switch it off or wait until it is free, or retrieve by C-GET.")
        return self._listener

    def _shut(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def _admits(self, calling: str, called: str) -> bool:
        with self._lock:
            awaited = any((calling, called) == (one.node.ae_title, one.node.our_ae) for one in self._awaited)
            return awaited or (self.on and calling in self.listening.allowed and called == self.listening.ae_title)

    def _tray_for(self, study: str, series: str) -> Tray | None:
        with self._lock:
            for one in self._awaited:
                if (one.series.study_uid, one.series.uid) == (study, series):
                    return one.tray
            if self._unasked is None:
                return None
            if (study, series) not in self._trays:
                self._trays[study, series] = self._unasked(Expected(study, series))
            return self._trays[study, series]
