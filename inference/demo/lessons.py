"""What the demonstration drafter is asked in training, and what it is to answer."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.demo import reports
from inference.demo.chest import SLOTS, Chest, Kind, Pair, Side
from inference.demo.pictures import CHANNELS, ORGANS
from inference.demo.sentences import NAMES, SIDED, phrase
from resources import text as resource_text


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked and what is to be answered."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows of the pictures in the order in which they are shown, turns about the first of them alone, and turns about all.

    Every turn stands for itself, as if nothing else had been asked.
    """

    pictures: tuple[int, ...]
    first: tuple[Turn, ...]
    both: tuple[Turn, ...] = ()
    captions: tuple[str, ...] = ()
    """What stands behind each picture, where anything does."""


def prompts() -> dict[str, str]:
    """The texts the engine uses as well."""
    return dict(tomllib.loads(resource_text("prompts/demo.toml")))


class Asking:
    """Puts what is asked into the words of the engine."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.prompts = prompts()

    def drafting(self, key: str, answer: str) -> Turn:
        """A report, with an indication now and then."""
        return Turn(self.prompts[key].format(indication=reports.indication(self.rng)).strip(), answer)

    def asking(self, asked: str, answer: str) -> Turn:
        return Turn(self.prompts["ask"].format(question=asked), answer)


QUESTIONS, BOXES = 4, 2
"""Turns of a lesson about one film."""


class School(Asking):
    """Makes lessons. Picture 2·i is the prior of pair i, 2·i + 1 its current film; after the films come the slides' patches.

    `boxes` float32 (films, channels, 4) as in `pictures.Sample`; `shares` the tissues of every patch.
    """

    def __init__(self, pairs: Sequence[Pair], boxes: NDArray[np.float32], shares: Sequence[tuple[float, ...]], seed: int) -> None:
        self.pairs, self.boxes = pairs, boxes
        self.shares = [(i, share) for i, share in enumerate(shares) if not any(0.02 < s < 0.14 for s in share)]
        self.patches = len(shares)
        super().__init__(seed)

    def films(self) -> Lesson:
        """A prior and a current film, every second time the other way round: what is said of the first, and the comparison."""
        number = int(self.rng.integers(len(self.pairs)))
        pair, rows = self.pairs[number], (2 * number, 2 * number + 1)
        if self.rng.random() < 0.5:
            pair, rows = pair.reversed(), (2 * number + 1, 2 * number)
        first = [self.drafting("draft", reports.report(pair.prior))]
        for _ in range(QUESTIONS):
            first.append(self.asking(*reports.question(pair.prior, self.rng)))
        first += [self.locate(rows[0]) for _ in range(BOXES)]
        return Lesson(rows, tuple(first), (self.drafting("compare", reports.comparison(pair)),))

    def patch(self) -> Lesson:
        """What is said of a patch of a slide. Raises ValueError where there is none with clear tissues."""
        if not self.shares:
            raise ValueError("no patch of a slide shows its tissues clearly")
        number, shares = self.shares[self.rng.integers(len(self.shares))]
        turns = [self.drafting("draft_slide", reports.tissue_report(shares))]
        for _ in range(QUESTIONS):
            turns.append(self.asking(*reports.tissue_question(shares, self.rng)))
        return Lesson((2 * len(self.pairs) + number,), tuple(turns))

    def chest(self, row: int) -> Chest:
        pair = self.pairs[row // 2]
        return pair.current if row % 2 else pair.prior

    def measures(self) -> NDArray[np.float32]:
        """float32 (pictures, 50): the amount of seven findings and three organs (0 absent, 1 a whole organ), then their boxes;
        nan where there is nothing to know."""
        films, known = 2 * len(self.pairs), len(SLOTS) + len(ORGANS)
        goal = np.full((films + self.patches, 5 * known), np.nan, np.float32)
        for row in range(films):
            goal[row, : len(SLOTS)] = [self.chest(row).level(*slot) for slot in SLOTS]
        goal[:films, known:] = self.boxes[:, :known].reshape(films, -1)
        return goal

    def locate(self, row: int) -> Turn:
        """The box of a finding that is there, now and then of one that is not, or of an organ."""
        rng = self.rng
        known = ~np.isnan(self.boxes[row, :, 0])
        pool = [c for c in range(len(CHANNELS)) if known[c] and (CHANNELS[c][0] not in ORGANS or rng.random() < 0.35)]
        if not pool or rng.random() < 0.06:
            pool = list(range(len(SLOTS)))
        pick = pool[rng.integers(len(pool))]
        prompt = self.prompts["locate"]
        if pick >= len(SLOTS):
            name = CHANNELS[pick][0]
            return Turn(prompt.format(object=name), reports.boxes_answer({name: self._box(row, pick)}))
        kind, side = SLOTS[pick]
        side = side if rng.random() < 0.7 else ""
        asked = phrase(NAMES[kind][rng.integers(len(NAMES[kind]))], side, "", SIDED[rng.integers(len(SIDED))])
        return Turn(prompt.format(object=asked), reports.boxes_answer(self.found(row, kind, side)))

    def found(self, row: int, kind: Kind, side: Side) -> dict[str, tuple[float, float, float, float]]:
        """The boxes of a finding by label; of both sides where `side` is ""."""
        slots = [(i, s) for i, (k, s) in enumerate(SLOTS) if k == kind and side in ("", s)]
        known = [(i, s) for i, s in slots if not np.isnan(self.boxes[row, i, 0])]
        return {phrase(reports.WORDS[kind], s, ""): self._box(row, i) for i, s in known}

    def _box(self, row: int, channel: int) -> tuple[float, float, float, float]:
        y0, x0, y1, x1 = (float(v) for v in self.boxes[row, channel])
        return y0, x0, y1, x1
