"""The values of the marks on a film, for the pane: strokes at once, areas and probes from a private thread a moment later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from viewers.annotations.annotation import Annotation
from viewers.errors import SourceError
from viewers.film_marks.film import Film
from viewers.film_marks.measuring import Measured, at_once, measured
from viewers.loader import Loader
from viewers.relay import Relay

_SKETCH = "sketch"


@dataclass(frozen=True, slots=True)
class Wish:
    """A mark as it is, the frame it lies on, and the calibration that holds there."""

    mark: Annotation
    number: int
    line: Annotation | None


class FilmValues(QObject):
    """`changed`: a value is there that was asked for."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._film: Film | None = None
        self._loader: Loader[Wish, Measured] | None = None
        self._found: dict[str, tuple[Wish, Measured]] = {}
        self._missing: dict[str, Wish] = {}
        self._drawn: tuple[bytes, Wish] | None = None

    def follow(self, film: Film | None) -> None:
        """Measure on this film from now on; None lets the thread end."""
        if self._loader is not None:
            self._loader.close()
        self._film, self._loader = film, None
        self._found.clear()
        self._drawn = None
        if film is not None:
            relay = Relay()
            relay.arrived.connect(self._collect)
            self._loader = Loader(partial(_made, film), 1, relay.announce, relay.finish, "hilum-film-values")

    @property
    def settled(self) -> bool:
        return self._loader is None or self._loader.pending == 0

    def begin(self) -> None:
        """What is asked for from now on until `ask` is what is wanted."""
        self._missing = {}

    def of(self, mark: Annotation, number: int, line: Annotation | None) -> Measured:
        """What is known by now; of an area at first the area alone."""
        film = self._film
        if film is None:
            return Measured()
        wish = Wish(mark, number, line)
        there = self._found.get(mark.id)
        if there is not None and there[0] == wish:
            return there[1]
        known, whole = at_once(mark, film, line)
        if not whole:
            self._missing[mark.id] = wish
        return known

    def sketch(self, mark: Annotation, number: int, line: Annotation | None) -> Measured:
        """Of what is being drawn: the same shape is asked for once, whichever mark brings it."""
        shape = mark.geometry.wkb
        if self._drawn is None or self._drawn[0] != shape or self._drawn[1].number != number:
            self._drawn = shape, Wish(replace(mark, id=_SKETCH), number, line)
        return self.of(self._drawn[1].mark, number, line)

    def ask(self) -> None:
        """Have made what was missing since `begin`."""
        if self._loader is not None and self._missing:
            self._loader.want(self._missing.values())

    @Slot()
    def _collect(self) -> None:
        for wish, result in self._loader.take() if self._loader is not None else ():
            if isinstance(result, Exception):
                why = str(result) if isinstance(result, SourceError) else "cannot be measured"
                result = Measured((), (why,))
            self._found[wish.mark.id] = wish, result
        self.changed.emit()


def _made(film: Film, wish: Wish) -> Measured:
    return measured(wish.mark, film, wish.number, wish.line)
