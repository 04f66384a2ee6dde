"""A view of a slide that is wider than a model's trained resolution allows in one picture: block by block, then put together."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.spacings import told
from inference.answers import Heatmap, LabelScore, LabelScores, Progress, Receipt
from inference.engine import AnyEngine
from inference.errors import InferenceError, look
from inference.questions import HeatmapQuestion, LabelQuestion, Picture
from viewers.geometry import Region, Size
from viewers.sources import Source
from viewers.tissue import stained

BLOCK = 2048
"""Longest side of one block in pixels of the model's resolution."""
MOST_BLOCKS = 64
"""A view that would take more is read coarser, and the receipt says so."""
TISSUE_SHARE = 0.01
"""Part of a block that must be tissue for the block to be looked at."""


class NoTissue(InferenceError):
    """Nothing stained in the region that was asked about."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`region` at `size` pixels of the model's resolution, cut into `blocks` = (x, y, width, height) of those pixels."""

    region: Region
    size: Size
    blocks: tuple[tuple[int, int, int, int], ...]
    step: str

    def level0(self, block: tuple[int, int, int, int]) -> Region:
        """Where a block lies on the slide."""
        across, down = self.region.width / self.size.width, self.region.height / self.size.height
        x0, y0 = self.region.x + round(block[0] * across), self.region.y + round(block[1] * down)
        x1, y1 = self.region.x + round((block[0] + block[2]) * across), self.region.y + round((block[1] + block[3]) * down)
        return Region(x0, y0, max(1, x1 - x0), max(1, y1 - y0))


def plan(source: Source, region: Region, trained_mpp: float | None) -> Plan | None:
    """How to read `region`, None where one picture will do. Raises NoTissue and SourceError."""
    if source.kind != "slide" or source.spacing is None or trained_mpp is None:
        return None
    factor = max(1.0, trained_mpp / source.spacing.mpp)
    width, height = region.width / factor, region.height / factor
    if max(width, height) <= BLOCK:
        return None
    coarser = max(1.0, math.sqrt(width * height / (MOST_BLOCKS * BLOCK * BLOCK)))
    size = Size(math.ceil(width / coarser), math.ceil(height / coarser))
    columns, rows = math.ceil(size.width / BLOCK), math.ceil(size.height / BLOCK)
    stained = _stained(source, region, columns, rows)
    blocks = tuple(
        (x * BLOCK, y * BLOCK, min(BLOCK, size.width - x * BLOCK), min(BLOCK, size.height - y * BLOCK))
        for y in range(rows)
        for x in range(columns)
        if stained[y, x]
    )
    if not blocks:
        raise NoTissue("no tissue was found in this region of the slide; choose another place")
    resolution = source.spacing.mpp * region.width / size.width
    step = f"region {region} read at {resolution:.3g} µm/px in {len(blocks)} blocks with tissue of {rows * columns}"
    return Plan(region, size, blocks, step)


def answer(
    source: Source,
    the: Plan,
    question: HeatmapQuestion | LabelQuestion,
    engine: AnyEngine,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None,
) -> tuple[Heatmap | LabelScores, tuple[Picture, ...]]:
    """One answer for all blocks, in pixels of `the.size`, and what was sent."""
    pictures, answers = [], []
    for number, block in enumerate(the.blocks):
        look(cancel)
        on_progress(Progress("reading the slide, block", number + 1, len(the.blocks)))
        place = the.level0(block)
        mpp = source.spacing.mpp * place.width / block[2] if source.spacing else None
        pixels = source.read(place, Size(block[2], block[3]))
        pictures.append(Picture(pixels, "slide", mpp, ("whole slide", the.step, *source.steps, *told(source))))
        answers.append(engine.answer(question, [pictures[-1]], cancel=cancel))
    maps = [one for one in answers if isinstance(one, Heatmap)]
    if maps:
        return _stitched(the, maps), tuple(pictures)
    return _pooled([one for one in answers if isinstance(one, LabelScores)]), tuple(pictures)


def _stained(source: Source, region: Region, columns: int, rows: int) -> NDArray[np.bool_]:
    """Which cells of a grid over `region` hold tissue, bool (rows, columns)."""
    mask = stained(source.read(region, Size(columns * 32, rows * 32)))
    share = mask.reshape(rows, 32, columns, 32).mean(axis=(1, 3))
    return np.asarray(share >= TISSUE_SHARE)


def _stitched(the: Plan, maps: Sequence[Heatmap]) -> Heatmap:
    """One grid over all; NaN where no block was looked at."""
    first = maps[0]
    cell = max((first.extent[2] - first.extent[0]) / first.values.shape[1], 1.0)
    columns, rows = math.ceil(the.size.width / cell), math.ceil(the.size.height / cell)
    values = np.full((rows, columns), np.nan, np.float32)
    for (left, top, width, height), one in zip(the.blocks, maps, strict=True):
        x0, x1 = math.ceil(left / cell - 0.5), math.ceil((left + width) / cell - 0.5)
        y0, y1 = math.ceil(top / cell - 0.5), math.ceil((top + height) / cell - 0.5)
        across = _nearest((np.arange(x0, x1) + 0.5) * cell - left, one.extent[0], one.extent[2], one.values.shape[1])
        down = _nearest((np.arange(y0, y1) + 0.5) * cell - top, one.extent[1], one.extent[3], one.values.shape[0])
        part = one.values[np.ix_(down, across)]
        values[y0:y1, x0:x1] = part[: rows - y0, : columns - x0]
    extent = (0.0, 0.0, columns * cell, rows * cell)
    return replace(first, values=values, extent=extent, receipt=_receipt([one.receipt for one in maps]))


def _nearest(places: NDArray[np.float64], low: float, high: float, count: int) -> NDArray[np.intp]:
    """Index of the cell of a block's grid in which each place lies."""
    return np.clip(((places - low) / (high - low) * count).astype(np.intp), 0, count - 1)


def _pooled(answers: Sequence[LabelScores]) -> LabelScores:
    """For each label the block that supports it most."""
    best: dict[str, LabelScore] = {}
    for score in (one for each in answers for one in each.scores):
        if score.name not in best or score.contrast > best[score.name].contrast:
            best[score.name] = score
    scores = tuple(sorted(best.values(), key=lambda one: -one.contrast))
    receipt = _receipt([one.receipt for one in answers])
    said = (*receipt.preprocessing, "a label's score is that of the block that supports it most")
    return replace(answers[0], scores=scores, receipt=replace(receipt, preprocessing=said))


def _receipt(parts: Sequence[Receipt]) -> Receipt:
    hashes = tuple(digest for one in parts for digest in one.pixels_sha256)
    return replace(parts[0], pixels_sha256=hashes, seconds=sum(one.seconds for one in parts))
