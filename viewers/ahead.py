"""Frames of a stack decoded before anybody asks for them. No Qt here."""

from __future__ import annotations

import contextlib
from typing import Protocol, runtime_checkable

from viewers.errors import SourceError
from viewers.loader import Loader
from viewers.sources import Source

THREADS = 2


@runtime_checkable
class KeptSource(Protocol):
    """A source that keeps decoded frames."""

    frames: int

    @property
    def most_kept(self) -> int:
        """How many frames find room together."""
        ...

    def keep(self, frame: int) -> None:
        """Decode a frame behind everything that somebody waits for. Raises SourceError."""
        ...


class Ahead:
    """Keeps the frames around one, the nearest first, until there is no more room; nothing for a source that keeps none."""

    def __init__(self, source: Source) -> None:
        self._source = source if isinstance(source, KeptSource) and source.frames > 1 else None
        self._loader: Loader[int, None] = Loader(self._keep, THREADS, lambda: None, name="hilum-ahead")
        self._around: int | None = None

    def around(self, frame: int) -> None:
        """Returns at once. Asked again only where the frame is far from the one before."""
        source = self._source
        if source is None or (self._around is not None and abs(frame - self._around) < max(1, source.most_kept // 4)):
            return
        self._around = frame
        self._loader.want(sorted(range(source.frames), key=lambda one: abs(one - frame))[: source.most_kept])

    @property
    def pending(self) -> int:
        """Frames that are still to be decoded."""
        self._loader.take()
        return self._loader.pending

    def close(self) -> None:
        self._loader.close()

    def _keep(self, frame: int) -> None:
        if self._source is not None:
            with contextlib.suppress(SourceError):  # said when somebody looks at the frame
                self._source.keep(frame)
