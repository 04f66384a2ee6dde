"""A whole slide as a model receives it: a few hundred fields of tissue at one power looked at, those sent that show all there is.

Published: patches of 896 pixels side by side, tissue alone, in spatial order, at most 126, at 5×, 10× or 20× (arXiv 2604.05081
2.3.2); 10 µm/px over the power is the size of a pixel (arXiv 2507.05201 3.3). There they are drawn at random; here they are the
medoids of their embeddings and the most unlike ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.slide_blocks import NoTissue
from app.spacings import told
from inference import medoids
from inference.answers import Embedding, Progress
from inference.catalogue import Entry, facts, must_suit
from inference.engine import AnyEngine
from inference.errors import Cancelled, OutsideTraining
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


def fields(source: Source, power: int) -> list[Region]:
    """The fields with tissue, row by row. Raises NoTissue, and ValueError for another power or a slide without µm/px."""
    if power not in POWERS:
        raise ValueError(f"a whole slide is read at 5, 10 or 20 times, not {power}")
    if source.spacing is None:
        raise ValueError(f"{source.name} does not say its µm per pixel, so no power can be met; give it first")
    side = round(FIELD * 10 / power / source.spacing.mpp)
    columns, rows = source.size.width // side, source.size.height // side
    if not columns or not rows:
        raise ValueError(f"{source.name} is smaller than one field at {power}×; take a higher power, or ask about the view")
    covered = Region(0, 0, columns * side, rows * side)
    cell = max(1, min(32, 4096 // max(columns, rows)))
    share = stained(source.read(covered, Size(columns * cell, rows * cell))).reshape(rows, cell, columns, cell).mean(axis=(1, 3))
    found = [Region(x * side, y * side, side, side) for y in range(rows) for x in range(columns) if share[y, x] >= SHARE]
    if not found:
        raise NoTissue(f"no field of {source.name} at {power}× holds enough tissue; take a lower power or another place")
    return found


def pictures(
    source: Source,
    entry: Entry,
    engine: AnyEngine,
    power: int,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None = None,
) -> tuple[tuple[Picture, ...], tuple[Region, ...]]:
    """What is sent, in spatial order, and where it lies. Raises NoTissue, SourceError, InferenceError and ValueError."""
    if not entry.max_patches:
        raise OutsideTraining(f"{entry.id} reads no whole slides; choose medgemma-1.5-4b-it, or ask about a view")
    there = fields(source, power)
    looked = [there[number] for number in patches(len(there), MOST_LOOKED_AT)]
    most = min(entry.max_patches, MOST)
    if len(looked) <= most:
        chosen, how = looked, f"all {len(looked)} fields with tissue"
    else:
        vectors = _vectors(source, looked, engine, on_progress, cancel)
        if vectors is None:
            chosen = [looked[number] for number in patches(len(looked), most)]
            how = f"{most} of {len(there)} fields with tissue, evenly spread: {engine.spec.encoder} embeds no slides"
        else:
            chosen = [looked[number] for number in medoids.chosen(vectors, most)]
            how = f"{most} of {len(there)} fields with tissue, medoids and extremes of {engine.spec.encoder}'s vectors"
    steps = ("whole slide", f"{how}, of {FIELD} px at {power}×, {10 / power:g} µm/px, row by row", *source.steps, *told(source))
    sent = []
    for number, place in enumerate(chosen):
        _look(cancel)
        on_progress(Progress("reading fields", number, len(chosen)))
        sent.append(Picture(source.read(place, Size(FIELD, FIELD)), "slide", 10 / power, steps))
    sent[0] = replace(sent[0], steps=(*steps, *(f"field at {place.x}, {place.y}" for place in chosen)))
    return tuple(sent), tuple(chosen)


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
    if cancel is not None and cancel.is_set():
        raise Cancelled("stopped on request")
