"""Whole scans and whole slides for the demonstration drafter: pictures as the engine sends them, and what is asked of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.demo import whole_reports as words
from inference.demo.chest import SIDES, Side
from inference.demo.lessons import Asking, Lesson
from inference.demo.pictures import SIDE
from inference.demo.sentences import TISSUES
from inference.demo.slide import MPP, SlidePhantom
from inference.demo.torso import HU, SIGNAL, Case, draw_slices
from inference.preprocess import ct, mri
from inference.preprocess.padding import pad_square, resize

MOST = 12
"""Slices of a scan, and fields of a slide, that the demonstration drafter reads at once; also in the catalogue."""
FIELD = 896
LEAST_PIXELS = 40
"""Of a finding on a slice of 256 × 256 on which it counts as seen."""
TURNS = 4
KNOWN: tuple[tuple[str, Side], ...] = (("lesion", ""), ("fluid", "left"), ("fluid", "right"))


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """`pixels` uint8 (slices, side, side, 3) as the model gets them; `best` as in `whole_reports`; `seen` the findings that each
    slice shows."""

    pixels: NDArray[np.uint8]
    best: words.Best
    seen: tuple[frozenset[tuple[str, Side]], ...]
    kind: words.Scanned = "ct"


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Fields of one slide: `pixels` uint8 (fields, side, side, 3), in spatial order, and the share of every tissue in each."""

    pixels: NDArray[np.uint8]
    shares: tuple[tuple[float, ...], ...]


def draw_scan(seed: int) -> list[Scan]:
    """One of CT, from its seed: of 12 to 64 slices, those that `preprocess.ct` chooses."""
    return [_scan(seed, "ct")]


def draw_mr(seed: int) -> list[Scan]:
    """One of MR, alike."""
    return [_scan(seed, "mr")]


def _scan(seed: int, kind: words.Scanned) -> Scan:
    rng = np.random.default_rng([seed, 47 if kind == "ct" else 48])
    slices, side = int(rng.integers(MOST, 65)), (192, 256)[rng.integers(2)]
    at = (np.asarray(ct.choose(slices, MOST)) + 0.5) / slices
    drawn = draw_slices(seed, draw_case(rng), at, slices, side, HU if kind == "ct" else SIGNAL)
    areas = {name: mask.sum((1, 2)) * (256 / side) ** 2 for name, mask in drawn.masks.items()}
    best = {name: int(area.argmax()) + 1 for name, area in areas.items() if area.max() >= LEAST_PIXELS}
    seen = [frozenset(name for name, area in areas.items() if area[number] >= LEAST_PIXELS) for number in range(len(at))]
    shown = [ct.to_rgb(one) for one in drawn.values] if kind == "ct" else mri.to_rgb(drawn.values)
    return Scan(np.stack([resize(pad_square(one), SIDE, "bilinear") for one in shown]), best, tuple(seen), kind)


def draw_case(rng: np.random.Generator) -> Case:
    fluid: tuple[Side, ...] = tuple(one for one in SIDES if rng.random() < 0.35)
    return Case(lesion=bool(rng.random() < 0.55), fluid=fluid)


def draw_sheet(seed: int) -> list[Sheet]:
    """One, from its seed: up to `MOST` fields with tissue at 5×, 10× or 20× of a slide, some twelfth of those there are."""
    rng = np.random.default_rng([seed, 53])
    power = (5, 10, 10, 10, 20)[rng.integers(5)]
    downsample = round(10 / power / MPP)
    slide = SlidePhantom(seed, 16384 * (2 if power == 5 else 1), 14336 * (2 if power == 5 else 1))
    step = FIELD * downsample
    places = [(x, y) for y in range(0, slide.height - step, step) for x in range(0, slide.width - step, step)]
    tissue = [place for place in places if 1.0 - _shares(slide, downsample, place)[0] >= 0.25]
    few = sorted(rng.permutation(len(tissue))[: int(rng.integers(4, MOST + 1))].tolist())
    chosen = [tissue[number] for number in few] or places[:1]
    tiles = [slide.tile(downsample, x // downsample, y // downsample, FIELD, FIELD) for x, y in chosen]
    shares = tuple(_shares(slide, downsample, place) for place in chosen)
    return [Sheet(np.stack([resize(tile, SIDE, "bilinear") for tile in tiles]), shares)]


def _shares(slide: SlidePhantom, downsample: int, place: tuple[int, int]) -> tuple[float, ...]:
    """Of every tissue in a field, at an eighth of its size."""
    coarse, (x, y) = downsample * 8, place
    return slide.share(coarse, x // coarse, y // coarse, FIELD // 8, FIELD // 8)


class Wholes(Asking):
    """Makes lessons. Their pictures begin at row `first` of all: those of the scans one after the other, then the sheets'."""

    def __init__(self, scans: Sequence[Scan], sheets: Sequence[Sheet], first: int, seed: int) -> None:
        self.scans, self.sheets, self.first = scans, sheets, first
        counts = [len(one.pixels) for one in scans] + [len(one.pixels) for one in sheets]
        starts = first + np.cumsum([0, *counts])
        self._starts: list[int] = starts.tolist()
        super().__init__(seed)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        return np.concatenate([one.pixels for one in self.scans] + [one.pixels for one in self.sheets])

    def measures(self) -> NDArray[np.float32]:
        """float32 (pictures, 7): whether each finding of `KNOWN` is seen on a slice, then the share of every tissue in a
        field; nan where there is nothing to know. Row 0 is the first scan's first slice."""
        scans = [[float(one in seen) for one in KNOWN] + [np.nan] * len(TISSUES) for scan in self.scans for seen in scan.seen]
        sheets = [[np.nan] * len(KNOWN) + list(share) for sheet in self.sheets for share in sheet.shares]
        return np.asarray([*scans, *sheets], np.float32)

    def scan(self) -> Lesson:
        """All slices of a scan, each with its number; every third time one slice alone."""
        number = int(self.rng.integers(len(self.scans)))
        scan, start = self.scans[number], self._starts[number]
        if self.rng.random() < 0.33:
            at = int(self.rng.integers(len(scan.pixels)))
            best = dict.fromkeys(sorted(scan.seen[at]), 1)
            alone = self.drafting(f"draft_{scan.kind}", words.scan_report(best, scan.kind, sliced=False))
            return Lesson((start + at,), (alone,))
        turns = [self.drafting(f"draft_{scan.kind}", words.scan_report(scan.best, scan.kind, sliced=True))]
        turns += [self.asking(*words.scan_question(scan.best, self.rng, scan.kind)) for _ in range(TURNS)]
        rows = tuple(range(start, start + len(scan.pixels)))
        return Lesson(rows, (), tuple(turns), tuple(f"SLICE {one + 1}" for one in range(len(rows))))

    def sheet(self) -> Lesson:
        """All fields of a slide."""
        number = int(self.rng.integers(len(self.sheets)))
        sheet, start = self.sheets[number], self._starts[len(self.scans) + number]
        turns = [self.drafting("draft_slide", words.fields_report(sheet.shares))]
        turns += [self.asking(*words.fields_question(sheet.shares, self.rng)) for _ in range(TURNS)]
        return Lesson(tuple(range(start, start + len(sheet.pixels))), (), tuple(turns))
