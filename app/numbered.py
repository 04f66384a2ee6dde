"""The pictures of a whole under the numbers that the model was given for them, and those that its words name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_NUMBER = r"\d{1,5}(?!\.?\d|\s*(?:mm|cm|ml|hu|%|x|×|s\b|years?|months?|days?))"
_AND = r"\s*(?:,\s*(?:and|or)?|-|–|/|&|\bto\b|\bthrough\b|\band\b|\bor\b)\s*"


@dataclass(frozen=True, slots=True)
class Numbered:
    """`word` is what the model was told the pictures are ("slice", "frame"); `frames` has, by the number that stood beside each
    picture, the frame of the source that it is, from 0."""

    word: str
    frames: Mapping[int, int]

    @classmethod
    def slices(cls, frames: Sequence[int]) -> Numbered:
        """Of a CT or MR series: counted from 1 in the order in which they are sent, whatever was left out between them."""
        return cls("slice", dict(enumerate(frames, start=1)))

    @classmethod
    def moments(cls, frames: Sequence[int]) -> Numbered:
        """Of a film: by their places in the film, from 1."""
        return cls("frame", {frame + 1: frame for frame in frames})

    def named(self, text: str) -> tuple[tuple[str, int | None], ...]:
        """What `text` names, each once in its order: ("slice 3", its frame), None where no such picture was sent. Of a range both
        ends; a number with a unit is a measure and names nothing."""
        return tuple((f"{self.word} {number}", self.frames.get(number)) for number in dict.fromkeys(self._numbers(text)))

    def sent(self, text: str) -> tuple[tuple[str, int], ...]:
        """Those of `named` that were sent."""
        return tuple((label, frame) for label, frame in self.named(text) if frame is not None)

    def _numbers(self, text: str) -> Iterator[int]:
        sign = rf"\b{self.word}\s*(?:no\.?|number|#)?\s*({_NUMBER}(?!,\d)(?:\s*[-–]\s*{_NUMBER})?)"
        several = rf"\b{self.word}s\s*(?:nos?\.?|numbers?|#)?\s*({_NUMBER}(?:{_AND}{_NUMBER})*)"
        for hit in re.finditer(f"{several}|{sign}", text, re.IGNORECASE):
            yield from map(int, re.findall(r"\d+", hit[1] or hit[2]))
