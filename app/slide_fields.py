"""A whole slide as a model receives it: a few hundred fields of tissue at one power looked at, those sent that show all there is.

Published: patches of 896 pixels side by side, tissue alone, in spatial order, at most 126, at 5×, 10× or 20× (arXiv 2604.05081
2.3.2); 10 µm/px over the power is the size of a pixel (arXiv 2507.05201 3.3). There they are drawn at random; here they are the
medoids of their embeddings and the most unlike ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.slide_blocks import NoTissue
from app.spacings import told
from inference import medoids
from inference.answers import Embedding, Progress
from inference.catalogue import Entry, facts, must_suit
from inference.engine import AnyEngine
from inference.errors import OutsideTraining, look
from inference.preprocess.slide import patches
from inference.questions import EmbedQuestion, Picture
from viewers.geometry import Region, Size
from viewers.sources import Source
from viewers.tissue import stained

POWERS = (5, 10, 20)
FIELD = 896
"""Pixels of a field's side at its power."""
SHARE = 0.25
"""Part of a field that must be tissue."""
MOST_LOOKED_AT = 512
"""Fields that are embedded; of more, every so many in spatial order."""
MOST = 126
BATCH = 16


def fields(source: Source, power: int, frame: int = 0) -> list[Region]:
    """The fields with tissue of one plane, row by row. Raises NoTissue, SourceError, and ValueError for another power, a slide
    without µm/px and a plane that it does not have."""
    if frame >= source.frames:
        raise ValueError(f"frame {frame} was asked for; {source.name} has {source.frames}, counted from 0")
    side = _side(source, power)
    columns, rows = source.size.width // side, source.size.height // side
    if not columns or not rows:
        raise ValueError(f"{source.name} is smaller than one field at {power}×; take a higher power, or ask about the view")
    covered = Region(0, 0, columns * side, rows * side, frame)
    cell = max(1, min(32, 4096 // max(columns, rows)))
    share = stained(source.read(covered, Size(columns * cell, rows * cell))).reshape(rows, cell, columns, cell).mean(axis=(1, 3))
    found = [Region(x * side, y * side, side, side, frame) for y in range(rows) for x in range(columns) if share[y, x] >= SHARE]
    if not found:
        raise NoTissue(f"no field of {source.name} at {power}× holds enough tissue; take a lower power or another place")
    return found


@dataclass(frozen=True, slots=True)
class Fields:
    """What of a slide is sent: `places` in spatial order, row by row, each `FIELD` pixels wide at `power`."""

    power: int
    places: tuple[Region, ...]
    how: str
    """How those that were proposed were chosen."""
    own: frozenset[Region] = frozenset()
    """Of the places, those that the reader put there."""
    left_out: int = 0
    """Of the proposed ones, how many the reader took away."""

    @property
    def swapped(self) -> str:
        """What the reader changed, "" where nothing."""
        put = f"{len(self.own)} put there by the reader" if self.own else ""
        gone = f"{self.left_out} taken away" if self.left_out else ""
        return ", ".join(filter(None, (put, gone)))

    def without(self, number: int) -> Fields:
        """Raises ValueError where none would be left."""
        if len(self.places) == 1:
            raise ValueError("one field at least is sent; put another in its place, or choose anew")
        gone = self.places[number]
        rest = self.places[:number] + self.places[number + 1 :]
        return replace(self, places=rest, own=self.own - {gone}, left_out=self.left_out + (gone not in self.own))

    def with_place(self, place: Region, most: int) -> Fields:
        """Raises ValueError for one that is there, or one more than `most`."""
        if place in self.places:
            raise ValueError("this very field is among them")
        if len(self.places) >= most:
            raise ValueError(f"the model reads {most} fields at most; leave one out first, or put this in its place")
        return replace(self, places=_row_by_row((*self.places, place)), own=self.own | {place})


def _row_by_row(places: Iterable[Region]) -> tuple[Region, ...]:
    return tuple(sorted(places, key=lambda one: (one.y, one.x)))


def field_at(source: Source, power: int, x: float, y: float, frame: int = 0) -> Region:
    """The field around a place of the slide, in one of its planes, moved inside where it would reach beyond. Raises ValueError
    for a place outside, a slide that is smaller than a field and one without µm/px."""
    side = _side(source, power)
    if not (0 <= x < source.size.width and 0 <= y < source.size.height):
        raise ValueError("the middle of the view lies outside the slide; move to the place that is meant")
    if side > min(source.size.width, source.size.height):
        raise ValueError(f"{source.name} is smaller than one field at {power}×; take a higher power")
    left = min(max(0, round(x - side / 2)), source.size.width - side)
    top = min(max(0, round(y - side / 2)), source.size.height - side)
    return Region(left, top, side, side, frame)


def _side(source: Source, power: int) -> int:
    """Of a field, in pixels of the slide."""
    if power not in POWERS:
        raise ValueError(f"a whole slide is read at 5, 10 or 20 times, not {power}")
    if source.spacing is None:
        raise ValueError(f"{source.name} does not say its µm per pixel, so no power can be met; give it first")
    return round(FIELD * 10 / power / source.spacing.mpp)


def plane(source: Source, place: Region) -> str:
    """ ", plane 3" of a slide that has several."""
    return f", plane {place.frame + 1}" if source.frames > 1 else ""


def told_of(tissue: str, procedure: str, text: str) -> str:
    """`text` behind what the reader says of the slide."""
    said = {"Tissue": tissue.strip(), "Procedure": procedure.strip()}
    words = " ".join(f"{name}: {one.rstrip('.')}." for name, one in said.items() if one)
    return f"{words} {text}".strip()


def most(entry: Entry) -> int:
    """How many the model reads. Raises OutsideTraining where it reads none."""
    if not entry.max_patches:
        raise OutsideTraining(f"{entry.id} reads no whole slides; choose medgemma-1.5-4b-it, or ask about a view")
    return min(entry.max_patches, MOST)


def choose(
    source: Source,
    entry: Entry,
    engine: AnyEngine,
    power: int,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None = None,
    frame: int = 0,
) -> Fields:
    """Those that show all there is in one plane. Raises NoTissue, SourceError, InferenceError and ValueError."""
    least = most(entry)
    there = fields(source, power, frame)
    looked = [there[number] for number in patches(len(there), MOST_LOOKED_AT)]
    if len(looked) <= least:
        return Fields(power, tuple(looked), f"all {len(looked)} fields with tissue" if looked[1:] else "the only one with tissue")
    vectors = _vectors(source, looked, engine, on_progress, cancel)
    if vectors is None:
        chosen = [looked[number] for number in patches(len(looked), least)]
        how = f"{least} of {len(there)} fields with tissue, evenly spread: {engine.spec.encoder} embeds no slides"
    else:
        chosen = [looked[number] for number in medoids.chosen(vectors, least)]
        how = f"{least} of {len(there)} fields with tissue, medoids and extremes of {engine.spec.encoder}'s vectors"
    return Fields(power, tuple(chosen), how)


def pictures(
    source: Source, chosen: Fields, on_progress: Callable[[Progress], None], cancel: threading.Event | None = None
) -> tuple[Picture, ...]:
    """What is sent, in spatial order. Raises SourceError, Cancelled, and ValueError for a field that is none of this slide's."""
    side, power = _side(source, chosen.power), chosen.power
    whole = Region.whole(source.size)
    how = f"{chosen.how}; {chosen.swapped}" if chosen.swapped else chosen.how
    steps = ("whole slide", f"{how}, of {FIELD} px at {power}×, {10 / power:g} µm/px, row by row", *source.steps, *told(source))
    sent = []
    for number, place in enumerate(chosen.places):
        if place.intersection(whole) != place or (place.width, place.height) != (side, side):
            raise ValueError(f"{place} is no field of {source.name} at {power}×; choose the fields anew")
        _look(cancel)
        on_progress(Progress("reading fields", number, len(chosen.places)))
        sent.append(Picture(source.read(place, Size(FIELD, FIELD)), "slide", 10 / power, steps))
    sent[0] = replace(
        sent[0], steps=(*steps, *(f"field at {place.x}, {place.y}{plane(source, place)}" for place in chosen.places))
    )
    return tuple(sent)


def _vectors(
    source: Source,
    looked: list[Region],
    engine: AnyEngine,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None,
) -> NDArray[np.float32] | None:
    """One a field, None where the encoder was not made for slides. Fields are looked at at half their size."""
    try:
        must_suit(facts(engine.spec.encoder), "slide")
    except OutsideTraining:
        return None
    found = []
    for start in range(0, len(looked), BATCH):
        _look(cancel)
        on_progress(Progress("looking over the slide", start, len(looked)))
        part = [Picture(source.read(place, Size(FIELD // 2, FIELD // 2)), "slide") for place in looked[start : start + BATCH]]
        answer = engine.answer(EmbedQuestion(), part, cancel=cancel)
        if not isinstance(answer, Embedding):
            raise TypeError("a wish for vectors is answered by vectors")
        found.append(answer.vectors)
    return np.concatenate(found)


def _look(cancel: threading.Event | None) -> None:
    look(cancel)
