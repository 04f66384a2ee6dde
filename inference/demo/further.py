"""Photographs, laboratory slips, films of a heart and records for the demonstration drafter, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.demo import further_reports as words
from inference.demo import heart, notes, pages, photos
from inference.demo.lessons import Asking, Lesson, Turn
from inference.demo.pictures import GRID, PATCH, SIDE
from inference.preprocess.padding import pad_square, resize

FRAMES = 8
"""Of a film of a heart, as many as are sent where the reader names no number."""
LETTERS = 3
"""Printed characters of a patch that are asked for, from left to right."""
SHOWN = 7
"""What is known of a photograph."""
TURNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """`pixels` uint8 (1, side, side, 3) as the model gets it, and what it shows."""

    pixels: NDArray[np.uint8]
    case: photos.Case


@dataclass(frozen=True, slots=True, eq=False)
class Slip:
    """`pixels` as of a photograph; its rows; `letters` int64 (patches, 3): 1 + place in `pages.ALPHABET` of the characters whose
    middle lies in each patch, 0 for none."""

    pixels: NDArray[np.uint8]
    rows: tuple[pages.Row, ...]
    letters: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """`pixels` uint8 (frames, side, side, 3) in time; `captions` as the engine writes them; `filled` the left ventricle's area in
    each as a share of its largest."""

    pixels: NDArray[np.uint8]
    heart: heart.Heart
    captions: tuple[str, ...]
    filled: NDArray[np.float64]


def draw_photo(seed: int) -> list[Photo]:
    """One, from its seed."""
    rng = np.random.default_rng([seed, 73])
    case = photos.draw_case(rng)
    drawn = photos.draw_photo(case, seed, (240, 360)[rng.integers(2)])
    return [Photo(resize(drawn, SIDE, "bilinear")[None], case)]


def draw_slip(seed: int) -> list[Slip]:
    """One, from its seed."""
    slip = pages.draw_slip(pages.draw_rows(np.random.default_rng([seed, 59])), seed)
    letters = np.zeros((GRID * GRID, LETTERS), np.int64)
    for letter, x, y in slip.print:
        row, column = (int(np.clip(at // PATCH, 0, GRID - 1)) for at in (y, x))
        patch = letters[row * GRID + column]
        if (free := np.flatnonzero(patch == 0)).size:
            patch[free[0]] = 1 + pages.ALPHABET.index(letter)
    return [Slip(resize(slip.pixels, SIDE, "bilinear")[None], slip.rows, letters)]


def draw_beat(seed: int) -> list[Beat]:
    """One, from its seed: `FRAMES` of a film of 24 to 60."""
    rng = np.random.default_rng([seed, 79])
    case, count, step = heart.draw_case(rng), int(rng.integers(24, 61)), float(rng.uniform(0.02, 0.05))
    chosen = np.unique(np.round(np.linspace(0, count - 1, FRAMES)).astype(int))
    film = heart.draw_film(case, seed, chosen / (count - 1))
    frames = np.stack([resize(pad_square(np.repeat(one[..., None], 3, 2)), SIDE, "bilinear") for one in film.frames])
    return [Beat(frames, case, tuple(f"FRAME {at + 1}, {at * step:.2f} s" for at in chosen.tolist()), film.filled)]


class Further(Asking):
    """Makes lessons. Their pictures begin at row `first` of all: photographs, then slips, then the frames of the films."""

    def __init__(self, photographs: Sequence[Photo], slips: Sequence[Slip], beats: Sequence[Beat], first: int, seed: int) -> None:
        self.photographs, self.slips, self.beats, self.first = photographs, slips, beats, first
        self._slips = first + len(photographs)
        ends = self._slips + len(slips) + np.cumsum([0, *(len(one.pixels) for one in beats)])
        self._starts: list[int] = ends.tolist()
        super().__init__(seed)
        self.offered = words.ready()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        return np.concatenate([one.pixels for kind in (self.photographs, self.slips, self.beats) for one in kind])

    def letters(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """int64 (slips, patches, 3) of pictures that are slips."""
        return np.stack([self.slips[row - self._slips].letters for row in rows])

    def are_slips(self, rows: Sequence[int]) -> bool:
        return bool(rows) and all(self._slips <= row < self._starts[0] for row in rows)

    def measures(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """float32 (frames, 3) of pictures that are frames: how full the left ventricle is, how much that changed up to this
        frame, and whether there is fluid."""
        found = []
        for row in rows:
            number = int(np.searchsorted(self._starts, row, "right")) - 1
            beat, at = self.beats[number], row - self._starts[number]
            before = beat.filled[: at + 1]
            found.append((beat.filled[at], before.max() - before.min(), float(beat.heart.fluid)))
        return np.asarray(found, np.float32)

    def shown(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """float32 (photographs, `SHOWN`) of pictures that are such: even spot, uneven spot, red patch; left eye, haemorrhages by
        25, exudates, bleeding; nan for what belongs to the other kind."""
        found = np.full((len(rows), SHOWN), np.nan, np.float32)
        for at, row in enumerate(rows):
            case = self.photographs[row - self.first].case
            if isinstance(case, photos.Skin):
                found[at, :3] = [case.mark == mark for mark in photos.MARKS[1:]]
            else:
                found[at, 3:] = [case.eye == "left", case.haemorrhages / 25, case.exudates > 0, case.bleeding]
        return found

    def photo(self) -> Lesson:
        number = int(self.rng.integers(len(self.photographs)))
        case = self.photographs[number].case
        turns = [self.drafting("draft_photo", words.photo_report(case))]
        turns += [self.asking(*words.photo_question(case, self.rng, self.offered)) for _ in range(TURNS)]
        return Lesson((self.first + number,), tuple(turns))

    def slip(self) -> Lesson:
        """The whole of it as a table, and questions about a test."""
        number = int(self.rng.integers(len(self.slips)))
        rows = self.slips[number].rows
        turns = [Turn(self.prompts["table"], words.table(rows))]
        turns += [self.asking(*words.slip_question(rows, self.rng)) for _ in range(2)]
        return Lesson((self._slips + number,), tuple(turns))

    def beat(self) -> Lesson:
        """All frames, each with its number and moment."""
        number = int(self.rng.integers(len(self.beats)))
        beat, start = self.beats[number], self._starts[number]
        turns = [self.drafting("draft_photo", words.heart_report(beat.heart))]
        turns += [self.asking(*words.heart_question(beat.heart, self.rng)) for _ in range(TURNS)]
        return Lesson(tuple(range(start, start + len(beat.pixels))), (), tuple(turns), beat.captions)

    def note(self) -> Lesson:
        """A record without a picture; every question brings the whole of it."""
        patient = notes.draw_patient(self.rng)
        turns = []
        for _ in range(TURNS):
            asked, answer = notes.question(patient, self.rng)
            turns.append(Turn(self.prompts["record"].format(record=notes.record(patient, self.rng), question=asked), answer))
        return Lesson((), tuple(turns))
