"""Comparisons of two films, made beside the window."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app import comparison
from app.comparison import Laid
from app.errands import Errands
from app.film_linking import film_of
from app.opening import Opener
from viewers.difference import Difference
from viewers.film_linking import matching_frame
from viewers.sources import Source


class Comparisons(QObject):
    """One at a time; only the newest is told. How two films lie over each other is remembered until `forget` or `anew`."""

    ready = Signal(object, object, object)
    """Laid, the prior's Source (None: not wanted), Difference (None: not wanted). Whoever receives the source closes it."""
    refused = Signal(str)
    """One sentence."""
    _made = Signal(int, object, object, object)

    def __init__(self, opener: Opener, parent: QObject) -> None:
        super().__init__(parent)
        self._opener = opener
        self._errands = Errands("hilum-comparing", self)
        self._errands.refused.connect(lambda _, sentence: self.refused.emit(sentence))
        self._asked = 0
        self._known: dict[tuple[Path, Path], Laid] = {}
        self._made.connect(self._take)

    def ask(self, path: Path, frame: int, prior: Path, aligns: bool, *, source: bool = False, difference: bool = False) -> None:
        """Of slice or film `frame` of `path`. `source` and `difference` are what is wanted besides how the two lie."""
        self._asked += 1
        work = partial(self._work, self._asked, path, frame, prior, aligns, source, difference)
        self._errands.start(path, "the comparison", work)

    def drop(self) -> None:
        """What was asked is wanted no more."""
        self._asked += 1

    def anew(self) -> None:
        self._known.clear()

    def forget(self, path: Path) -> None:
        self._known = {pair: how for pair, how in self._known.items() if path not in pair}

    def close(self) -> None:
        self.drop()
        self._errands.close(0.5)

    def _work(
        self, ask: int, path: Path, frame: int, prior: Path, aligns: bool, wants_source: bool, wants_difference: bool
    ) -> None:
        """On the errands' thread, which keeps no source but the one it hands on."""
        if ask != self._asked:
            return
        handed: Source | None = None
        other = self._opener.source(prior)
        try:
            with closing(self._opener.source(path)) as current:
                film, theirs = film_of(current), film_of(other)
                single = film.frames == theirs.frames == 1
                how = self._known.get((path, prior)) if single else None
                how = how or comparison.laid(current, film, frame, other, theirs, aligns)
                found: Difference | None = None
                if wants_difference:
                    at = matching_frame(film, frame, theirs) or 0
                    found = comparison.difference(current, frame, other, at, how)
            if single:
                self._known[(path, prior)] = how
            handed = other if wants_source else None
            self._errands.tell(self._made, ask, how, handed, found)
        finally:
            if handed is None:
                other.close()

    def _take(self, ask: int, how: Laid, source: Source | None, found: Difference | None) -> None:
        if ask == self._asked:
            self.ready.emit(how, source, found)
        elif source is not None:
            source.close()
