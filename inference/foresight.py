"""What questions to a drafter will need, from the headers of its files alone, against what is free on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inference import catalogue, fitting, ladder, lengths
from inference.errors import ModelRefused
from inference.questions import Written


class Foresight:
    """Of one drafter. Nothing is predicted with `anyway`, of one that is not installed and of files that cannot be read."""

    def __init__(self, drafter: str, start: Callable[[], object], *, anyway: bool) -> None:
        """`start` is called before anything else is imported for it."""
        self._drafter, self._start, self._anyway = drafter, start, anyway
        self._shape: fitting.Shape | None = None

    def short(self, question: Written, pictures: int, quantisation: str, on: str, *, loaded: bool) -> tuple[int, int] | None:
        """Bytes that are needed and bytes that are free, where the first are more; None where all fits. `loaded`: the weights are
        there already. Raises ModelRefused for what this machine cannot hold at all."""
        ground = self._ground(on)
        if ground is None:
            return None
        shape, each, room = ground
        places = self._places(question, pictures, shape)
        sentence = fitting.sentence(self._drafter, shape, quantisation, places, pictures, room, bytes_each=each)
        if sentence:
            raise ModelRefused(sentence)
        wanted = fitting.need(shape, quantisation, places, pictures, bytes_each=each, kind=room.kind)
        more = wanted.total - (wanted.weights if loaded else 0)
        return (more, room.free) if more > room.free else None

    def at_once(self, asked: Sequence[tuple[Written, int]], quantisation: str, on: str, *, loaded: bool) -> int:
        """How many of several texts, each with its count of pictures, memory will hold together, at least 1: each but one brings
        a cache more. Where a processor's memory runs out, the system ends the process, and no error tells of it."""
        ground = self._ground(on) if len(asked) > 1 else None
        if ground is None:
            return len(asked)
        shape, each, room = ground
        needs = [
            fitting.need(shape, quantisation, self._places(question, pictures, shape), pictures, bytes_each=each, kind=room.kind)
            for question, pictures in asked
        ]
        largest = max(needs, key=lambda one: one.total)
        left = room.free - largest.total + (largest.weights if loaded else 0)
        return max(1, min(len(asked), 1 + left // max(one.cache for one in needs)))

    def _ground(self, on: str) -> tuple[fitting.Shape, int, fitting.Room] | None:
        """The drafter's measures, the bytes of a number of it, and where it would lie; None where nothing is to be predicted."""
        if self._anyway or not catalogue.installed(self._drafter):
            return None
        self._start()
        try:
            shape = self._shape = self._shape or fitting.shape_of(catalogue.folder(self._drafter))
        except ModelRefused:
            return None  # loading it names the file and what is wrong with it
        return shape, *ladder.place_of(on, shape.parameters)

    def _places(self, question: Written, pictures: int, shape: fitting.Shape) -> int:
        return lengths.places(question, pictures, shape.picture_tokens, catalogue.facts(self._drafter))
